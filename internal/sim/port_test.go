package sim

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/tool"
)

var (
	errDown = errors.New("sim: the network is down")
	errDead = errors.New("sim: the node is dead")
)

// port is everything outside as one node sees it: store, model and tools, late
// and failing.
type port struct {
	w    *world
	name string

	dead  atomic.Bool
	died  chan struct{} // closed with the first death
	once  sync.Once
	mu    sync.Mutex
	thaw  time.Time // until when nothing gets through
	fatal map[string]int
	calls map[string]int
}

// enter is the way to what is outside: it takes time, and may not arrive.
func (p *port) enter(ctx context.Context, op, session string) error {
	r := p.w.chance.draw(p.name + " " + op + " " + session + " " + asks(ctx))
	delay := between(r, 50*time.Microsecond, 2*time.Millisecond)
	if oneIn(r, 200) {
		delay = between(r, 50*time.Millisecond, 900*time.Millisecond)
	}
	if err := p.sleep(ctx, delay); err != nil {
		return err
	}
	switch {
	case p.dead.Load():
		return errDead
	case p.strikes(op + " before"):
		p.kill()
		return errDead
	case p.w.faulty() && oneIn(r, p.w.plan.drop):
		return errDown
	}
	return nil
}

// leave is the way back: what took effect may not be known here.
func (p *port) leave(ctx context.Context, op, session string) error {
	r := p.w.chance.draw(p.name + " after " + op + " " + session + " " + asks(ctx))
	if p.strikes(op + " after") {
		p.kill()
	}
	if err := p.sleep(ctx, between(r, 50*time.Microsecond, 2*time.Millisecond)); err != nil {
		return err
	}
	switch {
	case p.dead.Load():
		return errDead
	case p.w.faulty() && oneIn(r, p.w.plan.drop):
		return errDown
	}
	return nil
}

// sleep passes time, and stands still while the node does.
func (p *port) sleep(ctx context.Context, d time.Duration) error {
	p.mu.Lock()
	if wait := time.Until(p.thaw); wait > 0 {
		d += wait
	}
	p.mu.Unlock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// strikes reports whether the node dies at this call.
func (p *port) strikes(at string) bool {
	if !p.w.faulty() {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls[at]++
	return p.fatal[at] != 0 && p.calls[at] == p.fatal[at]
}

// kill cuts the node off for good.
func (p *port) kill() {
	p.dead.Store(true)
	p.once.Do(func() { close(p.died) })
}

// freeze lets the node stand still, its own clock going on.
func (p *port) freeze(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.thaw = time.Now().Add(d)
}

// through makes one call of something outside.
func through[T any](p *port, ctx context.Context, op, id string, call func() (T, error)) (T, error) {
	var none T
	if err := p.enter(ctx, op, id); err != nil {
		return none, err
	}
	v, err := call()
	if failed := p.leave(ctx, op, id); failed != nil {
		return none, failed
	}
	return v, err
}

// do is through for calls that return an error only.
func do(p *port, ctx context.Context, op, id string, call func() error) error {
	_, err := through(p, ctx, op, id, func() (struct{}, error) { return struct{}{}, call() })
	return err
}

// Append implements session.Store. What took effect is read by the oracle at
// once.
func (p *port) Append(ctx context.Context, b session.Batch) error {
	return do(p, ctx, "Append", b.Session.ID, func() error { return p.w.append(ctx, b) })
}

func (p *port) Head(ctx context.Context, tenant, id string) (session.Session, error) {
	return through(p, ctx, "Head", id, func() (session.Session, error) { return p.w.store.Head(ctx, tenant, id) })
}

func (p *port) Read(ctx context.Context, tenant, id string, after uint64, limit int) ([]session.Event, error) {
	return through(p, ctx, "Read", id, func() ([]session.Event, error) { return p.w.store.Read(ctx, tenant, id, after, limit) })
}

func (p *port) Find(ctx context.Context, tenant, label string) (session.Ref, error) {
	return through(p, ctx, "Find", "", func() (session.Ref, error) { return p.w.store.Find(ctx, tenant, label) })
}

func (p *port) Erase(ctx context.Context, e session.Erasure) error {
	return do(p, ctx, "Erase", e.Session, func() error { return p.w.store.Erase(ctx, e) })
}

func (p *port) Claim(ctx context.Context, n session.Node, tenant, id string) (session.Lease, error) {
	return through(p, ctx, "Claim", id, func() (session.Lease, error) { return p.w.store.Claim(ctx, n, tenant, id) })
}

func (p *port) Due(ctx context.Context, n session.Node, limit int) ([]session.Lease, error) {
	return through(p, ctx, "Due", "", func() ([]session.Lease, error) { return p.w.store.Due(ctx, n, limit) })
}

func (p *port) Renew(ctx context.Context, ttl time.Duration, leases ...session.Lease) ([]session.Lease, error) {
	return through(p, ctx, "Renew", "", func() ([]session.Lease, error) { return p.w.store.Renew(ctx, ttl, leases...) })
}

func (p *port) Release(ctx context.Context, l session.Lease, quarantine string) error {
	if quarantine != "" {
		p.w.fail("%s sets session %s aside: %s", p.name, l.Head.ID, quarantine)
	}
	return do(p, ctx, "Release", l.Head.ID, func() error { return p.w.store.Release(ctx, l, quarantine) })
}

func (p *port) Advertise(ctx context.Context, n session.Node) (map[string]int, error) {
	return through(p, ctx, "Advertise", "", func() (map[string]int, error) { return p.w.store.Advertise(ctx, n) })
}

func (p *port) SaveSnapshot(ctx context.Context, s session.Snapshot) error {
	return do(p, ctx, "SaveSnapshot", s.Session, func() error { return p.w.store.SaveSnapshot(ctx, s) })
}

func (p *port) LoadSnapshot(ctx context.Context, tenant, id, fold string, seq uint64) (session.Snapshot, error) {
	return through(p, ctx, "LoadSnapshot", id, func() (session.Snapshot, error) { return p.w.store.LoadSnapshot(ctx, tenant, id, fold, seq) })
}

func (p *port) AppendDeltas(ctx context.Context, d session.Deltas) error {
	return do(p, ctx, "AppendDeltas", d.Session+fmt.Sprint(d.Deltas[0].ID.Seq), func() error { return p.w.store.AppendDeltas(ctx, d) })
}

func (p *port) ReadDeltas(ctx context.Context, tenant, id string, after session.EventID, limit int) ([]session.Delta, error) {
	return through(p, ctx, "ReadDeltas", id, func() ([]session.Delta, error) { return p.w.store.ReadDeltas(ctx, tenant, id, after, limit) })
}

func (p *port) Expire(ctx context.Context) (int, error) {
	return through(p, ctx, "Expire", "", func() (int, error) { return p.w.store.Expire(ctx) })
}

// tools is the ledger as a node reaches it.
type tools struct{ *port }

func (t tools) Open(context.Context, string, tool.Server) (tool.Source, error) { return t, nil }
func (t tools) Close() error                                                   { return nil }

func (t tools) List(ctx context.Context) ([]tool.Spec, error) {
	return through(t.port, ctx, "List", "", func() ([]tool.Spec, error) { return t.w.ledger.List(ctx) })
}

// Call implements tool.Source. The call may take longer than the caller waits.
func (t tools) Call(ctx context.Context, call tool.Call) (tool.Result, error) {
	r := t.w.chance.draw("tool " + call.Key)
	if err := t.sleep(ctx, between(r, time.Millisecond, 300*time.Millisecond)); err != nil {
		return tool.Result{}, model.Wrap(model.Timeout, "sim", err)
	}
	result, err := through(t.port, ctx, "Call", call.Key, func() (tool.Result, error) {
		t.w.dispatched(call)
		return t.w.ledger.Call(ctx, call)
	})
	if errors.Is(err, errDown) || errors.Is(err, errDead) {
		err = model.Wrap(model.UpstreamDown, "sim", err)
	}
	return result, err
}

// begin is before a model answers.
func (p *port) begin(ctx context.Context, who driver.Asker) error {
	err := p.enter(ctx, "Ask", who.Turn)
	if err == nil {
		err = p.leave(ctx, "Ask", who.Turn)
	}
	if err != nil {
		return model.Wrap(model.Overloaded, "sim", err)
	}
	return nil
}

// pause is before each piece of an answer.
func (p *port) pause(ctx context.Context, who driver.Asker) error {
	r := p.w.chance.draw(p.name + " speech " + who.Turn)
	if err := p.sleep(ctx, between(r, time.Millisecond, 40*time.Millisecond)); err != nil {
		return err
	}
	switch {
	case p.dead.Load():
		return errDead
	case p.w.faulty() && oneIn(r, 300):
		return model.Wrap(model.UpstreamDown, "sim", errDown)
	}
	return nil
}

// store is the port as the driver takes it. No node is told of the others'.
func (p *port) store() driver.Store {
	return driver.Store{Journals: p, Leases: p, Snapshots: p, Buffer: p, Index: p.w.store}
}
