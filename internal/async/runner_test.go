package async_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/async"
	"github.com/craton-ai/craton/internal/blob"
	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/edge/edgetest"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/store/mem"
	"github.com/craton-ai/craton/internal/store/postgres"
	"github.com/craton-ai/craton/internal/store/postgres/postgrestest"
	"github.com/craton-ai/craton/internal/store/sqlite"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Main(m)) }

// office is a runner over a store, with a clock that moves a second a job.
type office struct {
	*async.Runner
	objects *blob.Space
	invoked atomic.Int64
	seconds atomic.Int64
	fail    atomic.Bool
}

func everywhere(t *testing.T, check func(t *testing.T, o *office)) {
	t.Helper()
	t.Parallel()
	for name, open := range map[string]func(t *testing.T) (document.Store, error){
		"mem":    func(*testing.T) (document.Store, error) { return mem.New(), nil },
		"sqlite": func(t *testing.T) (document.Store, error) { return sqlite.Open(t.Context(), t.TempDir()) },
		"postgres": func(t *testing.T) (document.Store, error) {
			return postgres.Open(t.Context(), postgrestest.Database(t))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, err := open(t)
			if err != nil {
				t.Fatal(err)
			}
			if c, ok := store.(io.Closer); ok {
				t.Cleanup(func() { c.Close() })
			}
			o := &office{}
			var ids atomic.Uint32
			newID := func() string { return fmt.Sprintf("%08x-ref", ids.Add(1)*0x9E3779B1) }
			now := func() time.Time { return time.Date(2026, 3, 14, 15, 0, int(o.seconds.Load()), 0, time.UTC) }
			o.objects = blob.New(blob.Config{Documents: store, Content: &blob.Documents{Store: store, Now: now}, Now: now, NewID: newID})
			o.Runner = async.New(async.Config{Documents: store, Objects: o.objects, Now: now, NewID: newID, Log: slog.New(slog.DiscardHandler), Parallel: 4,
				Invoke: func(context.Context, *async.Job) ([]byte, error) {
					if o.invoked.Add(1); o.fail.Load() {
						return nil, errors.New(edgetest.Internals)
					}
					return []byte(`{"done":true}`), nil
				}})
			t.Cleanup(o.Close)
			for _, tenant := range []string{"t", "u"} {
				if err := o.objects.CreateBucket(t.Context(), tenant, "results"); err != nil {
					t.Fatal(err)
				}
			}
			check(t, o)
		})
	}
}

func job(tenant, token, input string) async.Job {
	return async.Job{Tenant: tenant, Token: token, Model: "m", Input: []byte(input), Output: "s3://results/a/b"}
}

// ended waits until all of a tenant's jobs have ended.
func (o *office) ended(t *testing.T, tenant string) []async.Job {
	t.Helper()
	var jobs []async.Job
	edgetest.Eventually(t, "the end of every job", func() bool {
		var err error
		if jobs, _, err = o.List(t.Context(), tenant, async.Query{Limit: 1000}); err != nil {
			t.Fatal(err)
		}
		return !slices.ContainsFunc(jobs, func(j async.Job) bool { return j.Status == async.InProgress })
	})
	return jobs
}

// TestTokens sends one token from many requests at once: one job comes of it.
func TestTokens(t *testing.T) {
	everywhere(t, func(t *testing.T, o *office) {
		var wg sync.WaitGroup
		var mu sync.Mutex
		ids := map[string]bool{}
		for i := range 8 {
			wg.Go(func() {
				input := []string{`{"a":1,"b":2}`, `{ "b": 2.0, "a": 1 }`}[i%2] // equal, written otherwise
				j, err := o.Start(context.Background(), job("t", "token", input))
				if model.AsError(err) != nil && model.AsError(err).Kind == model.Overloaded {
					return // it is being started: the client comes again
				}
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				ids[j.ID] = true
			})
		}
		wg.Wait()
		if o.ended(t, "t"); len(ids) != 1 || o.invoked.Load() != 1 {
			t.Errorf("one token started %v and called the model %d times", ids, o.invoked.Load())
		}
		if _, err := o.Start(t.Context(), job("t", "token", `{"a":2}`)); model.AsError(err).Kind != model.Conflict {
			t.Errorf("the token with another input: %v", err)
		}
		if _, err := o.Start(t.Context(), job("u", "token", `{"a":2}`)); err != nil {
			t.Errorf("the token in another tenant: %v", err)
		}
	})
}

// TestOutcomes stores answers, and failures without what only operators may read.
func TestOutcomes(t *testing.T) {
	everywhere(t, func(t *testing.T, o *office) {
		started, err := o.Start(t.Context(), job("t", "", `{}`))
		if err != nil {
			t.Fatal(err)
		}
		done := o.ended(t, "t")[0]
		_, r, err := o.objects.Get(t.Context(), "t", "results", "a/b/"+started.ID+"/output.json")
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(r)
		r.Close()
		if err != nil || string(raw) != `{"done":true}` || done.Status != async.Completed || done.Output != "s3://results/a/b/"+started.ID || done.Ended.IsZero() {
			t.Errorf("stored %s, %v; %+v", raw, err, done)
		}
		o.fail.Store(true)
		o.seconds.Add(1)
		if _, err := o.Start(t.Context(), job("t", "", `{}`)); err != nil {
			t.Fatal(err)
		}
		if failed := o.ended(t, "t")[0]; failed.Status != async.Failed || failed.Failure == "" || strings.Contains(failed.Failure, "secret") {
			t.Errorf("failed as %+v", failed)
		}
		for name, bad := range map[string]async.Job{
			"no bucket": {Tenant: "t", Model: "m", Input: []byte("{}"), Output: "s3://none/a"}, "no address": {Tenant: "t", Model: "m", Input: []byte("{}"), Output: "/tmp/a"},
			"no JSON": {Tenant: "t", Model: "m", Input: []byte("{"), Output: "s3://results/a"},
		} {
			if _, err := o.Start(t.Context(), bad); model.AsError(err).Kind != model.Invalid {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// TestListing pages through jobs in both orders and by every condition.
func TestListing(t *testing.T) {
	everywhere(t, func(t *testing.T, o *office) {
		var ids []string
		for i := range 7 {
			o.fail.Store(i >= 5)
			o.seconds.Add(1)
			j, err := o.Start(t.Context(), job("t", "", `{}`))
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, j.ID)
			o.ended(t, "t")
		}
		at := func(second int) time.Time { return time.Date(2026, 3, 14, 15, 0, second, 0, time.UTC) }
		newest := slices.Clone(ids)
		slices.Reverse(newest)
		for name, c := range map[string]struct {
			query async.Query
			want  []string
		}{
			"newest first": {async.Query{}, newest}, "oldest first": {async.Query{Ascending: true}, ids},
			"completed": {async.Query{Status: async.Completed, Ascending: true}, ids[:5]}, "failed": {async.Query{Status: async.Failed}, newest[:2]},
			"after": {async.Query{From: at(5), Ascending: true}, ids[5:]}, "before": {async.Query{To: at(3), Ascending: true}, ids[:2]}, "none": {async.Query{Status: async.InProgress}, nil},
		} {
			for _, limit := range []int{0, 1, 2, 3} {
				var got []string
				q := c.query
				for q.Limit = limit; ; {
					jobs, next, err := o.List(t.Context(), "t", q)
					if err != nil {
						t.Fatal(err)
					}
					for _, j := range jobs {
						got = append(got, j.ID)
					}
					if q.After = next; next == "" || len(got) > 20 {
						break
					}
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("%s by %d: %v, want %v", name, limit, got, c.want)
				}
			}
		}
		if _, err := o.Get(t.Context(), "u", ids[0]); model.AsError(err).Kind != model.NotFound {
			t.Errorf("another tenant's job: %v", err)
		}
	})
}
