package async

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/model"
)

// DefaultLease is Config.Lease where it is not set.
const DefaultLease = 30 * time.Second

// maxTakeovers is how often a job may lose its runner without an end before it
// is failed: what brings servers down would bring the next one down too.
const maxTakeovers = 5

// nodeKind documents are the runners' signs of life: each beat writes a new
// version. A runner is dead when the version has stood still for a lease by the
// clock of whoever watches, so that no two clocks are ever compared. One that
// closes in order removes its document, and is gone at once.
const nodeKind = "async.node" // tenant ""

// mark is the body of an open mark: who runs the job.
type mark struct {
	Node string `json:"node,omitzero"`
	// Takeovers counts the runners before this one that were lost.
	Takeovers int `json:"takeovers,omitzero"`
}

// sign is what was last seen of another runner's sign of life.
type sign struct {
	version int64
	since   time.Time
}

// term is the time for which the runner holds its jobs. It ends when the runner
// closes, or was not able to give a sign of life for as long as a lease.
type term struct {
	ctx context.Context
	end context.CancelFunc
	// beat is when the last sign of life was begun.
	beat time.Time
}

// Resume takes over what no living runner runs, and goes on doing so until
// Close. On a store that others share, it waits until they are seen to be dead.
func (r *Runner) Resume(ctx context.Context) error {
	if _, err := r.join(ctx); err != nil {
		return err
	}
	if err := r.adopt(ctx); err != nil {
		return err
	}
	r.keeper.Do(func() { r.work.Go(r.keep) })
	return nil
}

// keep gives signs of life and looks for jobs whose runner is dead.
func (r *Runner) keep() {
	tick := time.NewTicker(r.cfg.Lease / 3)
	defer tick.Stop()
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-tick.C:
			r.round()
		}
	}
}

// round is what keep does at each tick. A beat that fails ends the term only
// when a lease has passed: until then nobody takes its jobs.
func (r *Runner) round() {
	ctx, cancel := context.WithTimeout(r.ctx, r.cfg.Lease/3)
	err := r.beat(ctx)
	cancel()
	if err != nil {
		r.cfg.Log.Warn("async invocations: this server could not say that it lives; others may take its jobs over", "err", err)
		r.expire()
		return
	}
	if err := r.adopt(r.ctx); err != nil && r.ctx.Err() == nil {
		r.cfg.Log.Warn("async invocations without a server were not all resumed; it is tried again", "err", err)
	}
}

// join returns the term under way, or begins one with a first sign of life.
func (r *Runner) join(ctx context.Context) (context.Context, error) {
	r.mu.Lock()
	current := r.term
	r.mu.Unlock()
	if current != nil && current.ctx.Err() == nil {
		return current.ctx, nil
	}
	if err := r.beat(ctx); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.term.ctx, nil
}

// beat gives a sign of life, and begins a term where none is under way.
func (r *Runner) beat(ctx context.Context) error {
	now := r.cfg.Now()
	_, err := r.cfg.Documents.Put(ctx, document.Document{Kind: nodeKind, ID: r.node, Version: document.Any, CreatedAt: now, UpdatedAt: now})
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.term == nil || r.term.ctx.Err() != nil {
		ctx, end := context.WithCancel(r.ctx)
		r.term = &term{ctx: ctx, end: end}
	}
	r.term.beat = now
	return nil
}

// expire ends the term if the last sign of life is as old as a lease.
func (r *Runner) expire() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.term != nil && r.cfg.Now().Sub(r.term.beat) >= r.cfg.Lease {
		r.term.end()
	}
}

// leave says that the runner is gone, so that others need not wait.
func (r *Runner) leave() {
	r.mu.Lock()
	joined := r.term != nil
	r.mu.Unlock()
	if !joined {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), r.cfg.Lease/3)
	defer cancel()
	if err := r.cfg.Documents.Delete(ctx, "", nodeKind, r.node, document.Any); err != nil && !errors.Is(err, document.ErrNotFound) {
		r.cfg.Log.Warn("async invocations: others wait for this server's jobs longer than needed", "err", err)
	}
}

// adopt takes over the open jobs that nobody runs, while there are places.
func (r *Runner) adopt(ctx context.Context) error {
	query := document.Query{Kind: openKind}
	fates, used := map[string]fate{}, map[string]bool{}
	for {
		open, err := r.cfg.Documents.List(ctx, query)
		if err != nil {
			return err
		}
		for _, doc := range open {
			query.After = doc.ID
			var m mark
			if len(doc.Body) > 0 {
				if err := json.Unmarshal(doc.Body, &m); err != nil {
					return err
				}
			}
			used[m.Node] = true
			was, err := r.fate(ctx, fates, m.Node)
			if err != nil {
				return err
			}
			if was == alive || m.Node == r.node && r.holds(doc.ID) {
				continue
			}
			if err := r.takeOver(ctx, doc, m, was == dead); err != nil {
				return err
			}
		}
		if len(open) < 1000 {
			return r.bury(ctx, used)
		}
	}
}

// fate is what became of a runner.
type fate int

const (
	gone  fate = iota // it closed in order, or was never there
	alive             // it gave a sign of life lately
	dead              // its signs of life stopped
)

// fate finds out what became of a runner, asking once a round.
func (r *Runner) fate(ctx context.Context, known map[string]fate, node string) (fate, error) {
	if was, ok := known[node]; ok || node == "" {
		return was, nil
	}
	if node == r.node {
		known[node] = dead // what it does not hold was given up: see finish
		return dead, nil
	}
	doc, err := r.cfg.Documents.Get(ctx, "", nodeKind, node)
	switch {
	case errors.Is(err, document.ErrNotFound):
		known[node] = gone
	case err != nil:
		return alive, err
	default:
		known[node] = r.watch(node, doc.Version)
	}
	return known[node], nil
}

// watch compares a sign of life with the last one seen. A third of a lease more
// is left to a runner that notices late that it is thought dead.
func (r *Runner) watch(node string, version int64) fate {
	if r.cfg.Alone {
		return dead
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.cfg.Now()
	seen, ok := r.seen[node]
	if !ok || seen.version != version {
		r.seen[node] = sign{version, now}
		return alive
	}
	if now.Sub(seen.since) < r.cfg.Lease+r.cfg.Lease/3 {
		return alive
	}
	return dead
}

// bury removes the signs of life of dead runners that have no jobs left.
func (r *Runner) bury(ctx context.Context, used map[string]bool) error {
	nodes, err := r.cfg.Documents.List(ctx, document.Query{Kind: nodeKind})
	if err != nil {
		return err
	}
	for _, doc := range nodes {
		if doc.ID == r.node || used[doc.ID] || r.watch(doc.ID, doc.Version) != dead {
			continue
		}
		err := r.cfg.Documents.Delete(ctx, "", nodeKind, doc.ID, doc.Version)
		if err != nil && !errors.Is(err, document.ErrNotFound) && !errors.Is(err, document.ErrConflict) {
			return err
		}
		r.mu.Lock()
		delete(r.seen, doc.ID)
		r.mu.Unlock()
	}
	return nil
}

// takeOver takes one job whose mark was read and that nobody runs. Of several
// that try, the version of the mark lets one; writing the job again then fences
// whoever ran it before and does not know yet. The mark of a job that has
// ended, or was never stored because the server stopped in between, goes.
func (r *Runner) takeOver(ctx context.Context, doc document.Document, m mark, lost bool) error {
	term, err := r.join(ctx)
	if err != nil {
		return err
	}
	if !r.place() {
		return nil // in a later round, or by another runner
	}
	r.hold(doc.ID)
	job, version, err := r.acquire(ctx, doc, m, lost)
	if err != nil || job == nil {
		r.drop(doc.ID)
		return err
	}
	r.run(term, job, version)
	return nil
}

// acquire makes a job this runner's. It returns nil where there is nothing to run.
func (r *Runner) acquire(ctx context.Context, doc document.Document, m mark, lost bool) (*Job, int64, error) {
	tenant, id, _ := strings.Cut(doc.ID, "/")
	job, version, err := r.get(ctx, tenant, id)
	if err != nil && model.AsError(err).Kind != model.NotFound {
		return nil, 0, err // the mark is all that is known of the job: it stays
	}
	if err != nil || job.Status != InProgress {
		return nil, 0, orTaken(r.cfg.Documents.Delete(ctx, "", openKind, doc.ID, doc.Version))
	}
	if m.Node = r.node; lost {
		m.Takeovers++
	}
	if doc.Body, err = json.Marshal(m); err != nil {
		return nil, 0, err
	}
	doc.UpdatedAt = r.cfg.Now()
	if _, err = r.cfg.Documents.Put(ctx, doc); err != nil {
		return nil, 0, orTaken(err)
	}
	if version, err = r.save(ctx, job, version); err != nil {
		return nil, 0, orTaken(err)
	}
	if m.Takeovers >= maxTakeovers {
		r.finish(ctx, job, version, model.Errorf(model.Internal, "", "The invocation was interrupted %d times and is not tried again.", m.Takeovers))
		return nil, 0, nil
	}
	return job, version, nil
}

// orTaken is nil for what means that another runner, or the old one, was faster.
func orTaken(err error) error {
	if errors.Is(err, document.ErrConflict) || errors.Is(err, document.ErrNotFound) {
		return nil
	}
	return err
}

// place takes one of the places for jobs that run or wait.
func (r *Runner) place() bool {
	if r.waiting.Add(1) > int64(r.cfg.Waiting) {
		r.waiting.Add(-1)
		return false
	}
	return true
}

func (r *Runner) hold(mark string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held[mark] = true
}

// drop gives a mark and the place of its job up.
func (r *Runner) drop(mark string) {
	r.waiting.Add(-1)
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.held, mark)
}

func (r *Runner) holds(mark string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.held[mark]
}
