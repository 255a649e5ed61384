package async

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/blob"
	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/store/mem"
)

var errCrash = errors.New("the server stopped here")

// crashing is a store that stops working at one kind of write or read.
type crashing struct {
	document.Store
	mu       sync.Mutex
	put, get string
}

func (c *crashing) at(put, get string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put, c.get = put, get
}

func (c *crashing) Put(ctx context.Context, d document.Document) (document.Document, error) {
	c.mu.Lock()
	stop := c.put == d.Kind
	c.mu.Unlock()
	if stop {
		return d, errCrash
	}
	return c.Store.Put(ctx, d)
}

func (c *crashing) Get(ctx context.Context, tenant, kind, id string) (document.Document, error) {
	c.mu.Lock()
	stop := c.get == kind
	c.mu.Unlock()
	if stop {
		return document.Document{}, errCrash
	}
	return c.Store.Get(ctx, tenant, kind, id)
}

// bench is a runner over a store that can be made to crash.
type bench struct {
	*Runner
	store   *crashing
	mu      sync.Mutex
	at      time.Time
	ids     int
	invoked chan string
	gate    chan struct{}
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{store: &crashing{Store: mem.New()}, at: time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC), invoked: make(chan string, 2000), gate: make(chan struct{})}
	b.start(t)
	if err := b.cfg.Objects.CreateBucket(t.Context(), "t1", "results"); err != nil {
		t.Fatal(err)
	}
	return b
}

// start is a new process over the same store.
func (b *bench) start(t *testing.T) {
	t.Helper()
	id := func() string {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.ids++
		return fmt.Sprintf("%05x-%08d", b.ids, b.ids)
	}
	now := func() time.Time {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.at
	}
	b.Runner = New(Config{
		Documents: b.store, Now: now, NewID: id, Log: slog.New(slog.DiscardHandler), Parallel: 1, Waiting: 3,
		Objects: blob.New(blob.Config{Documents: b.store, Content: &blob.Documents{Store: b.store, Now: now}, Now: now, NewID: id}),
		Invoke: func(ctx context.Context, job *Job) ([]byte, error) {
			select {
			case <-b.gate:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			b.invoked <- job.ID
			return []byte("{}"), nil
		},
	})
	t.Cleanup(b.Close)
}

func (b *bench) ask(t *testing.T, token string) (*Job, error) {
	t.Helper()
	return b.Start(t.Context(), Job{Tenant: "t1", Token: token, Model: "m", Input: []byte("{}"), Output: "s3://results/x"})
}

func (b *bench) marks(t *testing.T) int {
	t.Helper()
	marks, err := b.store.List(t.Context(), document.Query{Kind: openKind})
	if err != nil {
		t.Fatal(err)
	}
	return len(marks)
}

func kindOf(err error) model.Kind { return model.AsError(err).Kind }

// TestCrashWhileStarting stops the server between the writes of Start: a job
// that is shown in progress must be resumed, and its token must not be lost.
func TestCrashWhileStarting(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{openKind, jobKind} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.store.at(kind, "")
			if _, err := b.ask(t, "token"); !errors.Is(err, errCrash) {
				t.Fatalf("got %v", err)
			}
			b.store.at("", "")
			jobs, _, err := b.List(t.Context(), "t1", Query{})
			if err != nil || len(jobs) != 0 {
				t.Fatalf("a job nobody will run is shown: %v, %v", jobs, err)
			}
			if _, err := b.ask(t, "token"); kindOf(err) != model.Overloaded {
				t.Errorf("beside a start under way: got %v", err)
			}
			b.mu.Lock()
			b.at = b.at.Add(claimAge)
			b.mu.Unlock()
			b.Close()
			b.start(t)
			if err := b.Resume(t.Context()); err != nil || b.marks(t) != 0 {
				t.Fatalf("%v, %d marks", err, b.marks(t))
			}
			job, err := b.ask(t, "token")
			if err != nil {
				t.Fatalf("the token is lost: %v", err)
			}
			if again, err := b.ask(t, "token"); err != nil || again.ID != job.ID {
				t.Errorf("got %v, %v", again, err)
			}
			close(b.gate)
			if id := <-b.invoked; id != job.ID {
				t.Errorf("ran %s, want %s", id, job.ID)
			}
		})
	}
}

// TestResume keeps the mark of a job it could not read, and goes beyond the
// first page of marks.
func TestResume(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	job, err := b.ask(t, "")
	if err != nil {
		t.Fatal(err)
	}
	b.Close()
	for i := range 1500 {
		doc := document.Document{Kind: openKind, ID: fmt.Sprintf("t0/%05d", i), Version: document.Any}
		if _, err := b.store.Put(t.Context(), doc); err != nil {
			t.Fatal(err)
		}
	}
	b.start(t)
	b.store.at("", jobKind)
	if err := b.Resume(t.Context()); !errors.Is(err, errCrash) || b.marks(t) < 1000 {
		t.Fatalf("got %v and %d marks", err, b.marks(t))
	}
	b.store.at("", "")
	if err := b.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	close(b.gate)
	if id := <-b.invoked; id != job.ID {
		t.Errorf("ran %s, want %s", id, job.ID)
	}
}

// TestWaiting refuses jobs beyond what may wait, and takes them again later.
func TestWaiting(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for range 3 {
		if _, err := b.ask(t, ""); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.ask(t, ""); kindOf(err) != model.Overloaded {
		t.Fatalf("got %v", err)
	}
	b.gate <- struct{}{}
	<-b.invoked
	deadline := time.After(10 * time.Second)
	for {
		if _, err := b.ask(t, ""); err == nil {
			return
		}
		select {
		case <-deadline:
			t.Fatal("no place became free")
		default:
		}
	}
}

// TestRepeatedWhenFull: a token that started a job finds it though no further
// job has a place, and though the bucket is gone since.
func TestRepeatedWhenFull(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first, err := b.ask(t, "token")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := b.ask(t, ""); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.ask(t, "another"); kindOf(err) != model.Overloaded {
		t.Fatalf("a fourth job: %v", err)
	}
	again := func() {
		t.Helper()
		if got, err := b.ask(t, "token"); err != nil || got.ID != first.ID {
			t.Errorf("the token again: %+v, %v", got, err)
		}
		job := Job{Tenant: "t1", Token: "token", Model: "m", Input: []byte("[1]"), Output: "s3://results/x"}
		if got, err := b.Start(t.Context(), job); kindOf(err) != model.Conflict || got != nil {
			t.Errorf("the token with another input: %+v, %v", got, err)
		}
	}
	again()
	if err := b.cfg.Objects.DeleteBucket(t.Context(), "t1", "results"); err != nil {
		t.Fatal(err)
	}
	again()
	if _, err := b.ask(t, "another"); kindOf(err) != model.Invalid {
		t.Errorf("a bucket that is gone: %v", err)
	}
}

// TestPoison runs an input that breaks its handler down: the server must live,
// and not meet it again.
func TestPoison(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.cfg.Invoke = func(context.Context, *Job) ([]byte, error) { panic("a secret of the server") }
	job, err := b.ask(t, "")
	if err != nil {
		t.Fatal(err)
	}
	b.work.Wait()
	got, err := b.Get(t.Context(), "t1", job.ID)
	if err != nil || got.Status != Failed || got.Failure == "" || strings.Contains(got.Failure, "secret") {
		t.Errorf("got %+v, %v", got, err)
	}
	if n := b.marks(t); n != 0 {
		t.Errorf("%d jobs are still to be resumed", n)
	}
}
