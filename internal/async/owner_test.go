package async

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/blob"
	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/store/mem"
	"github.com/craton-ai/craton/internal/store/postgres"
	"github.com/craton-ai/craton/internal/store/postgres/postgrestest"
)

// fleet is several runners on one store with a clock that the test moves.
type fleet struct {
	store document.Store
	mu    sync.Mutex
	at    time.Time
	ids   int
	// runs says which runner called the model for which job, in order.
	runs chan string
	// gates let the calls of a runner end.
	gates map[string]chan struct{}
}

func (f *fleet) now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.at
}

func (f *fleet) pass(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at = f.at.Add(d)
}

func (f *fleet) id() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ids++
	return fmt.Sprintf("%05x-%08d", f.ids, f.ids)
}

// runner joins the fleet. Its rounds are the test's to call.
func (f *fleet) runner(t *testing.T, name string) *Runner {
	t.Helper()
	gate := make(chan struct{})
	f.gates[name] = gate
	r := New(Config{
		Documents: f.store, Now: f.now, NewID: f.id, Log: slog.New(slog.DiscardHandler), Parallel: 4, Lease: time.Hour,
		Objects: blob.New(blob.Config{Documents: f.store, Content: &blob.Documents{Store: f.store, Now: f.now}, Now: f.now, NewID: f.id}),
		Invoke: func(ctx context.Context, job *Job) ([]byte, error) {
			f.runs <- name
			select {
			case <-gate:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			return []byte(name), nil
		},
	})
	t.Cleanup(r.Close)
	return r
}

func fleets(t *testing.T, check func(t *testing.T, f *fleet)) {
	t.Helper()
	t.Parallel()
	for name, open := range map[string]func(t *testing.T) (document.Store, error){
		"mem": func(*testing.T) (document.Store, error) { return mem.New(), nil },
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
			check(t, &fleet{store: store, at: time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC), runs: make(chan string, 100), gates: map[string]chan struct{}{}})
		})
	}
}

func (f *fleet) start(t *testing.T, r *Runner) *Job {
	t.Helper()
	if err := r.cfg.Objects.HeadBucket(t.Context(), "t1", "results"); err != nil {
		if err := r.cfg.Objects.CreateBucket(t.Context(), "t1", "results"); err != nil {
			t.Fatal(err)
		}
	}
	job, err := r.Start(t.Context(), Job{Tenant: "t1", Model: "m", Input: []byte("{}"), Output: "s3://results/x"})
	if err != nil {
		t.Fatal(err)
	}
	return job
}

// running counts the calls of the model that have begun and not been counted.
func (f *fleet) running() int {
	n := 0
	for {
		select {
		case <-f.runs:
			n++
		default:
			return n
		}
	}
}

func (r *Runner) holding() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.held)
}

// TestOneRunner lets several replicas resume at once: what a living one runs
// stays its own, and what a dead one left goes to exactly one.
func TestOneRunner(t *testing.T) {
	fleets(t, func(t *testing.T, f *fleet) {
		first := f.runner(t, "first")
		jobs := []*Job{f.start(t, first), f.start(t, first), f.start(t, first)}
		others := []*Runner{f.runner(t, "b"), f.runner(t, "c"), f.runner(t, "d")}
		all := func() {
			var wg sync.WaitGroup
			for _, r := range others {
				wg.Go(r.round)
			}
			wg.Wait()
		}
		for range 5 { // the first one lives, and says so
			all()
			f.pass(time.Hour)
			first.round()
		}
		for range 3 {
			<-f.runs
		}
		if n := f.running(); n != 0 {
			t.Fatalf("%d jobs of a living server were run again", n)
		}
		all() // it says nothing from here on
		f.pass(time.Hour)
		all()
		if n := f.running(); n != 0 {
			t.Fatalf("%d jobs were taken before the lease ran out", n)
		}
		f.pass(time.Hour / 3)
		all()
		for range 3 {
			<-f.runs
		}
		held := 0
		for _, r := range others {
			held += r.holding()
		}
		if n := f.running(); n != 0 || held != 3 {
			t.Fatalf("%d more runs, %d jobs held", n, held)
		}
		for _, gate := range f.gates {
			close(gate) // the first one ends its calls too: its outcomes are refused
		}
		for _, r := range append(others, first) {
			r.work.Wait()
		}
		for _, job := range jobs {
			got, version, err := first.get(t.Context(), "t1", job.ID)
			if err != nil || got.Status != Completed || version != 3 { // started, taken over, ended
				t.Errorf("job %s is %+v in version %d, %v", job.ID, got, version, err)
			}
		}
		marks, err := f.store.List(t.Context(), document.Query{Kind: openKind})
		if err != nil || len(marks) != 0 {
			t.Errorf("%d jobs are still open, %v", len(marks), err)
		}
	})
}

// TestOrderlyHandover: a server that closes leaves its jobs to the others at once.
func TestOrderlyHandover(t *testing.T) {
	fleets(t, func(t *testing.T, f *fleet) {
		first, second := f.runner(t, "first"), f.runner(t, "second")
		f.start(t, first)
		<-f.runs
		for range 2 * maxTakeovers { // is no takeover
			first.Close()
			second.round()
			if by := <-f.runs; by != "second" {
				t.Fatalf("%s runs it", by)
			}
			first, second = second, f.runner(t, "second")
		}
		if nodes, err := f.store.List(t.Context(), document.Query{Kind: nodeKind}); err != nil || len(nodes) != 1 {
			t.Errorf("%d signs of life of one runner, %v", len(nodes), err)
		}
	})
}

// TestLostTerm: a server that cannot say that it lives stops its jobs when
// others may take them, and takes them again when it can.
func TestLostTerm(t *testing.T) {
	t.Parallel()
	store := &crashing{Store: mem.New()}
	f := &fleet{store: store, at: time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC), runs: make(chan string, 100), gates: map[string]chan struct{}{}}
	r := f.runner(t, "first")
	job := f.start(t, r)
	<-f.runs
	store.at(nodeKind, "")
	f.pass(59 * time.Minute)
	if r.round(); r.holding() != 1 {
		t.Fatal("the job was given up before the lease ran out")
	}
	f.pass(time.Minute)
	r.round()
	r.work.Wait()
	if r.holding() != 0 {
		t.Fatal("the job goes on")
	}
	store.at("", "")
	r.round()
	<-f.runs
	close(f.gates["first"])
	r.work.Wait()
	if got, err := r.Get(t.Context(), "t1", job.ID); err != nil || got.Status != Completed {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestFatalJob brings down every server that runs it: it is given up.
func TestFatalJob(t *testing.T) {
	t.Parallel()
	f := &fleet{store: mem.New(), at: time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC), runs: make(chan string, 100), gates: map[string]chan struct{}{}}
	r := f.runner(t, "r0")
	job := f.start(t, r)
	for n := 1; ; n++ {
		got, err := r.Get(t.Context(), "t1", job.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got.Status == Failed {
			if n != maxTakeovers+1 || got.Failure == "" {
				t.Errorf("given up after %d servers: %+v", n-1, got)
			}
			break
		}
		if n > maxTakeovers {
			t.Fatal("it is run for ever")
		}
		r = f.runner(t, fmt.Sprintf("r%d", n))
		r.cfg.Alone = true // the one before is dead
		r.round()
	}
	if marks, err := f.store.List(t.Context(), document.Query{Kind: openKind}); err != nil || len(marks) != 0 {
		t.Errorf("%d jobs are still open, %v", len(marks), err)
	}
}

// TestSweep forgets what ended long ago, with its token, and nothing else.
func TestSweep(t *testing.T) {
	fleets(t, func(t *testing.T, f *fleet) {
		r := f.runner(t, "r")
		if err := r.cfg.Objects.CreateBucket(t.Context(), "t1", "results"); err != nil {
			t.Fatal(err)
		}
		ask := func(token string) *Job {
			job, err := r.Start(t.Context(), Job{Tenant: "t1", Token: token, Model: "m", Input: []byte("{}"), Output: "s3://results/x"})
			if err != nil {
				t.Fatal(err)
			}
			return job
		}
		close(f.gates["r"])
		old := ask("old")
		r.work.Wait()
		f.pass(time.Hour)
		orphan := document.Document{Tenant: "t1", Kind: tokenKind, ID: "orphan", Body: []byte("nobody"), CreatedAt: f.now(), UpdatedAt: f.now()}
		if _, err := f.store.Put(t.Context(), orphan); err != nil {
			t.Fatal(err)
		}
		f.pass(time.Hour)
		recent := ask("recent")
		r.work.Wait()
		f.pass(time.Hour)
		if n, err := r.Sweep(t.Context(), "t1", old.Submitted); n != 0 || err != nil {
			t.Errorf("%d swept too early, %v", n, err)
		}
		if n, err := r.Sweep(t.Context(), "t1", recent.Submitted); n != 1 || err != nil {
			t.Errorf("%d swept, %v", n, err)
		}
		var tokens []string
		docs, err := f.store.List(t.Context(), document.Query{Tenant: "t1", Kind: tokenKind})
		if err != nil {
			t.Fatal(err)
		}
		for _, doc := range docs {
			tokens = append(tokens, doc.ID)
		}
		jobs, _, err := r.List(t.Context(), "t1", Query{})
		if err != nil || len(jobs) != 1 || jobs[0].ID != recent.ID || !slices.Equal(tokens, []string{"recent"}) {
			t.Errorf("left are %+v and tokens %v, %v", jobs, tokens, err)
		}
	})
}
