package driver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/session"
)

// actor owns one session while its lease lasts. Its state belongs to the
// goroutine of run; what others may touch is guarded by mu.
type actor struct {
	d     *Driver
	lease session.Lease
	log   *slog.Logger
	feed  *feed
	// ctx ends with the ownership, and with it whatever is under way.
	ctx context.Context
	cut context.CancelFunc

	head  session.Session
	state *agent.State
	facts session.Facts // as listings have them
	// revision is that of the settings in facts.
	revision uint64
	saved    uint64 // event of the last snapshot
	pending  []outcome
	// filling is the last batch: whoever asked for what is in it is owed an answer.
	filling *batch
	// shaky says that the last append failed.
	shaky bool
	// wake is the session's timer as the store has it.
	wake time.Time
	// fresh is false where the journal may hold more than was read.
	fresh bool
	runs  map[uint64]*running
	over  []uint64       // runs that ended since the last append
	told  []uint64       // runs that ended with the last append
	group sync.WaitGroup // of runs
	hands *hands
	purse purse
	// idle and due serve every wait.
	idle, due *time.Timer

	mu       sync.Mutex
	deadline time.Time // of the lease, by our own clock
	watch    *time.Timer
	mail     []outcome
	asks     []*ask
	poked    bool
	lost     bool
	leaving  bool
	bell     chan struct{} // rings when one of the above has changed
}

// running is an intent that is being performed.
type running struct {
	stop context.CancelCauseFunc
	// on is the intent's record if it is begun while that is written, else nil.
	on *record
	// program is where a program's own calls wait for their outcomes.
	program *program
	// rest is the end of what was said; whoever performs the run sets it.
	rest []session.Delta
}

// outcome is what became of a run.
type outcome struct {
	seq  uint64
	body agent.Body
	// rest are deltas that go with it into the store.
	rest []session.Delta
}

func newActor(d *Driver, lease session.Lease, asked time.Time) *actor {
	a := &actor{
		d: d, lease: lease, head: lease.Head, deadline: asked.Add(d.config.TTL), runs: map[uint64]*running{}, wake: lease.Wake,
		bell: make(chan struct{}, 1), log: d.config.Log.With("session", lease.Head.ID, "tenant", lease.Head.Tenant),
		feed: d.feeds.own(key{lease.Head.Tenant, lease.Head.ID}), idle: stoppedTimer(), due: stoppedTimer(), hands: newHands(),
	}
	a.ctx, a.cut = context.WithCancel(d.ctx)
	a.watch = time.AfterFunc(a.deadline.Sub(d.config.Now()), a.lapse)
	return a
}

func (a *actor) ring() {
	select {
	case a.bell <- struct{}{}:
	default:
	}
}

func (a *actor) change(f func()) {
	a.mu.Lock()
	f()
	a.mu.Unlock()
	a.ring()
}

func (a *actor) nudge() { a.change(func() { a.poked = true }) }
func (a *actor) leave() { a.change(func() { a.leaving = true }) }

// lose ends the ownership: it waits for nothing, as another may have begun.
func (a *actor) lose() {
	a.change(func() { a.lost = true })
	a.cut()
}

func (a *actor) extend(until time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.deadline = until
	a.watch.Reset(until.Sub(a.d.config.Now()))
}

// lapse ends whatever is under way at the moment the lease ends that nobody
// renewed: no effect outlives it, however long the effect may take.
func (a *actor) lapse() {
	if !a.held(a.d.config.Now()) {
		a.lose()
	}
}

func (a *actor) held(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return now.Before(a.deadline)
}

// tell takes an outcome from a run.
func (a *actor) tell(o outcome) { a.change(func() { a.mail = append(a.mail, o) }) }

// run drives the session until there is nothing to do, the lease is lost, or
// the driver stops.
func (a *actor) run() {
	ctx := a.ctx
	defer a.d.feeds.disown(a.feed)
	defer a.hands.close()
	defer a.group.Wait()
	defer a.cut()
	defer a.watch.Stop()
	defer a.survive()
	if err := a.begin(ctx); err != nil {
		a.fail(ctx, err)
		return
	}
	for {
		switch {
		case a.isLost() || ctx.Err() != nil:
			a.d.gone(a, nil)
			a.refuse()
			return
		case a.isLeaving():
			a.handOver(ctx)
			return
		}
		if err := a.advance(ctx); err != nil {
			a.fail(ctx, err)
			return
		}
		if a.isLeaving() {
			continue // outcomes may be left to record: what had them seems not begun
		}
		a.reconcile(ctx)
		if !a.wait(ctx) {
			if a.rest(ctx) {
				return
			}
		}
	}
}

// survive sets a session aside that breaks its owner, so that it breaks neither
// the other sessions of this process nor the next owner.
func (a *actor) survive() {
	p := recover()
	if p == nil {
		return
	}
	a.log.Error("the session broke its owner; it is set aside", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	a.d.gone(a, nil)
	if a.filling != nil {
		a.filling.answer(errBroken) // it may be on record
	}
	a.refuse()
	a.release(a.ctx, "It broke its owner; the log says how. It can be queued again.")
}

// errBroken is told those whose input may be what broke the session's owner.
var errBroken = errors.New("driver: the session broke its owner")

func (a *actor) isLost() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.lost
}

func (a *actor) isLeaving() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.leaving
}

// begin folds the journal, and settles what an earlier owner left.
func (a *actor) begin(ctx context.Context) error {
	if err := a.load(ctx); err != nil {
		if err = a.retry(ctx, err); err != nil {
			return err
		}
	}
	if a.head.Seq == a.lease.Head.Seq {
		a.wake = a.lease.Wake
	}
	// The earlier owner's lease ended, by the database's clock, before ours
	// was granted.
	for _, body := range a.orphans(ctx, a.state.Orphans(a.now())) {
		a.pending = append(a.pending, outcome{body: body})
	}
	return nil
}

// now is the time as events know it: never before the last one.
func (a *actor) now() time.Time {
	now := a.d.config.Now().UTC().Truncate(time.Microsecond)
	if a.state != nil && now.Before(a.state.Clock) {
		return a.state.Clock
	}
	return now
}

// load folds the journal up to its end.
func (a *actor) load(ctx context.Context) error {
	head, err := a.d.config.Store.Journals.Head(ctx, a.head.Tenant, a.head.ID)
	if err != nil {
		return err
	}
	if head.Epoch != a.lease.Head.Epoch {
		return session.Fault(session.ErrFenced, a.head.ID, "The session has another owner.")
	}
	state, saved, err := a.d.fold(ctx, head, head.Seq)
	if err != nil {
		return err
	}
	state.Rules = a.d.config.Rules
	a.head, a.state, a.saved, a.fresh = head, state, saved, true
	a.wake, a.facts = session.AtOnce, session.Facts{} // whoever appended meanwhile set them
	a.feed.reset()
	return nil
}

// advance records outcomes and whatever follows from them, until nothing does or
// the session is to be handed over, which has bounds of its own.
func (a *actor) advance(ctx context.Context) error {
	for !a.isLeaving() {
		a.collect()
		if !a.fresh {
			if err := a.catchUp(ctx); err != nil {
				if err = a.retry(ctx, err); err != nil {
					return err
				}
			}
		}
		batch, err := a.batch()
		if err != nil {
			return err
		}
		if len(batch.drafts) == 0 {
			return nil
		}
		if err := a.append(ctx, batch); err != nil {
			return err
		}
	}
	return nil
}

// collect takes what came in.
func (a *actor) collect() {
	a.mu.Lock()
	mail, poked := a.mail, a.poked
	a.mail, a.poked = nil, false
	a.mu.Unlock()
	if poked {
		a.fresh = false
	}
	for _, o := range mail {
		if r := a.runs[o.seq]; r != nil && o.body != nil {
			if _, added := o.body.(*agent.CallAdded); !added {
				delete(a.runs, o.seq)
				a.over = append(a.over, o.seq)
			}
		}
		if o.body != nil {
			a.pending = append(a.pending, o)
		}
	}
}

// catchUp folds what others appended.
func (a *actor) catchUp(ctx context.Context) error {
	store := a.d.config.Store.Journals
	for {
		events, err := store.Read(ctx, a.head.Tenant, a.head.ID, a.head.Seq, session.MaxEvents)
		if err != nil {
			return err
		}
		told := make([]*fed, 0, len(events))
		for _, e := range events {
			read, err := a.d.codec.Read(e)
			if err != nil {
				return err
			}
			if err := a.state.Apply(read); err != nil {
				return err
			}
			told = append(told, &fed{e, read})
			a.head.Seq, a.head.Head, a.wake, a.facts = e.Seq, e.Hash, session.AtOnce, session.Facts{}
		}
		a.feed.append(told)
		if len(events) < session.MaxEvents {
			a.fresh = true
			return nil
		}
	}
}

// reconcile starts what is due and stops what is to end.
func (a *actor) reconcile(ctx context.Context) {
	a.purse.settle(a.state)
	for _, effect := range a.state.Effects() {
		switch {
		case effect.Stop != 0:
			a.stop(effect.Stop)
		case effect.Perform != nil && a.runs[effect.Perform.Seq] == nil:
			if !a.held(a.d.config.Now()) {
				a.lose() // what is begun now might run beside the next owner's
				return
			}
			a.perform(ctx, effect.Perform, nil)
		}
	}
	for seq, r := range a.runs {
		if a.state.Run(seq) == nil {
			r.stop(errStopped) // it was folded away
			delete(a.runs, seq)
		}
	}
	a.feedPrograms()
}

// errStopped is why a run ends that the state does not want any more.
var errStopped = errors.New("driver: stopped")

// stop ends a run; one that was never started has an outcome at once.
func (a *actor) stop(seq uint64) {
	if r := a.runs[seq]; r != nil {
		r.stop(errStopped)
		return
	}
	if run := a.state.Run(seq); run != nil {
		a.tell(outcome{seq: seq, body: abandoned(run)})
	}
}

// wait blocks until something comes, and reports false when the session has
// had nothing to do for a while.
func (a *actor) wait(ctx context.Context) bool {
	idle := len(a.runs) == 0
	if idle {
		a.idle.Reset(a.d.config.Linger)
	} else {
		a.idle.Reset(a.d.config.Poll / 2) // input that other processes took is found by looking
	}
	defer a.idle.Stop()
	if at := a.state.Timer(); !at.IsZero() {
		a.due.Reset(max(at.Sub(a.d.config.Now()), 0))
		defer a.due.Stop()
	}
	select {
	case <-a.bell:
		return true
	case <-a.due.C:
		return true
	case <-a.idle.C:
		a.fresh = false
		return !idle
	case <-ctx.Done():
		return true
	}
}

// rest lets an idle session go. It reports false if input came in the meantime.
func (a *actor) rest(ctx context.Context) bool {
	err := a.advance(ctx)
	if err == nil && len(a.state.Runs)+len(a.runs) == 0 && !a.wake.Equal(a.state.Timer()) {
		// Input that led to nothing set the timer: it would be due for ever.
		b := &batch{at: a.now()}
		if err = a.fold(b, &agent.Ticked{}); err == nil {
			err = a.append(ctx, b)
		}
	}
	if err != nil {
		a.fail(ctx, err)
		return true
	}
	if len(a.state.Runs)+len(a.runs) > 0 || len(a.state.Effects()) > 0 || !a.wake.Equal(a.state.Timer()) {
		return false
	}
	a.save(ctx)
	left := a.d.gone(a, func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.poked || len(a.mail) > 0 || len(a.asks) > 0 || a.leaving || a.lost
	})
	if !left {
		return false
	}
	a.release(ctx, "")
	return true
}

func (a *actor) release(ctx context.Context, quarantine string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err := a.d.config.Store.Leases.Release(ctx, a.lease, quarantine)
	if err != nil && !errors.Is(err, session.ErrStale) && !errors.Is(err, session.ErrErased) && !errors.Is(err, session.ErrNotFound) {
		a.log.Warn("the session was not released; its lease runs out", "err", err)
	}
}

// fail ends the ownership after an error that this owner cannot mend.
func (a *actor) fail(ctx context.Context, err error) {
	defer a.refuse()
	defer a.d.gone(a, nil)
	switch {
	case errors.Is(err, session.ErrFenced), errors.Is(err, session.ErrErased), errors.Is(err, session.ErrNotFound), ctx.Err() != nil, a.isLost():
		a.log.Debug("the session is no longer this node's", "err", err)
	case errors.Is(err, session.ErrCorrupt):
		a.log.Error("the session's journal does not fold; it is set aside", "err", err)
		a.release(ctx, "The journal does not fold: "+err.Error())
	case errors.Is(err, session.ErrNewer):
		a.pass(ctx, err)
	default:
		a.log.Error("the session is left to another owner", "err", err)
	}
}

// pass lets go of a session with an event that this node does not know. It is
// left to a node that reads what the journal says it takes; where this one should
// have done, it would claim the session again and again: it is set aside.
func (a *actor) pass(ctx context.Context, cause error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	entry, err := a.d.config.Store.Index.Describe(ctx, a.head.Tenant, a.head.ID)
	reads := a.d.node.Reads[agent.Kind]
	switch {
	case err != nil:
		a.log.Warn("a session with an event that this node does not know is left to another once its lease ends", "err", cause)
	case entry.Version > reads:
		a.release(ctx, "")
	default:
		a.log.Error("the session has an event that this node does not know; it is set aside", "reads", reads, "err", cause)
		a.release(ctx, fmt.Sprintf("%v This node reads events up to version %d and should know it. Upgrade the server, then queue the session again.", cause, reads))
	}
}
