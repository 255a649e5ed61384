package driver

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/session"
)

// batch is one append: events that were folded already.
type batch struct {
	at       time.Time
	drafts   []session.Draft
	events   []agent.Event // the drafts as they were folded
	progress bool
	// outcomes is how many of the pending ones are in it.
	outcomes int
	// deltas are the ends of what was said before them.
	deltas []session.Delta
	// asks are answered once it is durable.
	asks []*ask
}

// batch folds what is pending and what is decided of it.
func (a *actor) batch() (*batch, error) {
	b := &batch{at: a.now()}
	a.filling = b
	if err := a.fill(b); err != nil {
		b.answer(errElsewhere)
		return nil, err
	}
	if len(b.drafts) == 0 {
		a.pending = nil
		b.answer(nil)
	}
	return b, nil
}

func (a *actor) fill(b *batch) error {
	if err := a.settle(b); err != nil {
		return err
	}
	if err := a.take(b); err != nil {
		return err
	}
	if at := a.state.Timer(); len(b.drafts) == 0 && !at.IsZero() && !at.After(b.at) {
		if err := a.record(b, &agent.Ticked{}); err != nil {
			return err
		}
	}
	for len(b.drafts) < session.MaxEvents/2 {
		next := a.state.Effects()
		if len(next) == 0 || next[0].Record == nil {
			break
		}
		for _, effect := range next {
			if effect.Record == nil || len(b.drafts) >= session.MaxEvents/2 {
				break // the others come again
			}
			if err := a.record(b, effect.Record); err != nil {
				return err
			}
		}
	}
	return nil
}

// settle folds the outcomes that came in, as many events and deltas as one
// append takes.
func (a *actor) settle(b *batch) error {
	size := 0
	for len(a.pending) > b.outcomes && len(b.drafts) < session.MaxEvents/2 {
		next := a.pending[b.outcomes]
		size += sizeOf(next.rest)
		if len(b.deltas) > 0 && (len(b.deltas)+len(next.rest) > session.MaxDeltas || size > session.MaxPayload) {
			return nil
		}
		b.outcomes++
		if !a.stands(next.body) {
			continue
		}
		b.progress = b.progress || achieves(next.body)
		b.deltas = append(b.deltas, next.rest...)
		if err := a.record(b, next.body); err != nil {
			return err
		}
	}
	return nil
}

func sizeOf(deltas []session.Delta) int {
	size := 0
	for i := range deltas {
		size += len(deltas[i].Data)
	}
	return size
}

// change is the batch as an append; its deltas stay for so long.
func (b *batch) change(keep time.Duration) session.Change {
	slices.SortFunc(b.deltas, func(x, y session.Delta) int { return x.ID.Compare(y.ID) })
	return session.Change{Drafts: b.drafts, At: b.at, Progress: b.progress, Deltas: b.deltas, TTL: keep}
}

// stands reports whether an outcome still has its intent: the journal may have
// been folded anew since.
func (a *actor) stands(body agent.Body) bool {
	if added, ok := body.(*agent.CallAdded); ok {
		_, parent := a.state.Call(added.Parent)
		return parent != nil && a.state.Nested(added.Parent, added.N) == nil
	}
	seq := agent.IntentOf(body)
	return seq == 0 || a.state.Run(seq) != nil
}

// achieves reports whether the event says what was achieved, not what is about
// to be tried or was given up.
func achieves(body agent.Body) bool {
	switch b := body.(type) {
	case *agent.ModelAnswered, *agent.ModelFailed, *agent.ToolReturned, *agent.ToolsListed, *agent.Published, *agent.TurnEnded:
		return true
	case *agent.Compacted:
		return b.Reason == ""
	}
	return false
}

// foldDraft adds an event to the batch and to the state, in the form it will be
// read in.
func (a *actor) foldDraft(b *batch, draft session.Draft) error {
	read, err := a.d.codec.Read(a.place(b.at, a.next(b), draft))
	if err != nil {
		return err
	}
	return a.apply(b, draft, read)
}

// record adds a body to the batch and to the state. What is small enough and
// reads as it was is not read back.
func (a *actor) record(b *batch, body agent.Body) error {
	draft, read, err := a.d.codec.Record(body)
	if err != nil || len(draft.Payload) > session.MaxPayload {
		return a.fold(b, body)
	}
	return a.apply(b, draft, a.event(b, read))
}

// event is a body as the batch's next event.
func (a *actor) event(b *batch, body agent.Body) agent.Event {
	return agent.Event{Session: a.head.ID, Seq: a.next(b), At: b.at, Body: body}
}

// next is the number of the batch's next event.
func (a *actor) next(b *batch) uint64 { return a.head.Seq + uint64(len(b.drafts)) + 1 }

// place is a draft as an event of the session.
func (a *actor) place(at time.Time, seq uint64, draft session.Draft) session.Event {
	return session.Event{Tenant: a.head.Tenant, Session: a.head.ID, Seq: seq, Type: draft.Type, Version: draft.Version,
		At: at, Payload: draft.Payload}
}

func (a *actor) apply(b *batch, draft session.Draft, read agent.Event) error {
	if err := a.state.Apply(read); err != nil {
		return err
	}
	b.drafts, b.events = append(b.drafts, draft), append(b.events, read)
	return nil
}

// append makes the batch durable. If others appended first, the journal is
// folded anew and the outcomes stay pending.
func (a *actor) append(ctx context.Context, b *batch) error {
	change := b.change(a.d.config.Keep)
	wake := a.state.Timer()
	if !wake.Equal(a.wake) {
		change.Wake = &wake // a timer that is set anew makes others look
	}
	if !a.knows() || len(b.asks) > 0 {
		if facts := FactsOf(a.state); !same(facts, a.facts) || len(b.asks) > 0 {
			change.Facts = &facts
		}
	}
	before, guests := a.head, len(b.asks) > 0
	early := a.early(b)
	defer early.dismiss(a)
	early.begin(ctx, a)
	next, err := a.d.config.Journal.Apply(ctx, a.head, change)
	b.answer(err)
	if a.shaky = err != nil; a.shaky {
		early.dismiss(a)
		return a.reread(ctx, err, guests)
	}
	a.head, a.wake = next, wake
	a.revision = a.state.Revision()
	if change.Facts != nil {
		a.facts = *change.Facts
	}
	a.pending = a.pending[b.outcomes:]
	a.publish(before.Seq, b)
	early.admit()
	if a.head.Seq-a.saved >= saveEvery {
		a.save(ctx)
	}
	return nil
}

// knows reports whether listings certainly have the session as it is now.
func (a *actor) knows() bool {
	return a.facts.Metadata != nil && a.revision == a.state.Revision() && a.facts.Status == string(a.state.Status())
}

// reread folds the journal anew after an append that failed, or of which that is
// not known. guests says that it held input.
func (a *actor) reread(ctx context.Context, err error, guests bool) error {
	switch {
	case errors.Is(err, session.ErrFenced):
		return err
	case errors.Is(err, session.ErrStale), errors.Is(err, session.ErrLabelTaken), errors.Is(err, session.ErrInvalid) && guests:
		// Input that no journal takes is its sender's matter: it is told so there.
		if err = a.load(ctx); err == nil {
			return nil
		}
	}
	return a.retry(ctx, err)
}

// retryEvery is how long to wait for a store that does not answer.
const retryEvery = 200 * time.Millisecond

// final are errors that trying again does not mend.
var final = []error{session.ErrStale, session.ErrErased, session.ErrNotFound, session.ErrInvalid, session.ErrCorrupt, session.ErrNewer,
	session.ErrLabelTaken, errElsewhere}

func isFinal(err error) bool {
	return slices.ContainsFunc(final, func(one error) bool { return errors.Is(err, one) })
}

// retry waits after the store failed, which leaves the outcome of an append
// unknown, and folds the journal anew; it gives up with the lease, and where the
// session is to be handed over.
func (a *actor) retry(ctx context.Context, cause error) error {
	if isFinal(cause) {
		return cause
	}
	a.log.Warn("the store did not answer; it is tried again", "err", cause)
	for {
		timer := time.NewTimer(retryEvery)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
		if a.isLost() || !a.held(a.d.config.Now()) {
			return cause
		}
		if err := a.load(ctx); err == nil || isFinal(err) {
			return err
		}
		if a.isLeaving() {
			return cause
		}
	}
}

// publish hands what was appended to readers of this process.
func (a *actor) publish(before uint64, b *batch) {
	events := make([]*fed, len(b.drafts))
	for i, draft := range b.drafts {
		events[i] = &fed{a.place(b.at, before+uint64(i)+1, draft), b.events[i]}
		if _, asks := b.events[i].Body.(*agent.ModelCalled); asks {
			a.feed.begin(b.events[i].Seq) // before readers know of it, who would look in the store
		}
	}
	a.feed.append(events)
	// What was said before the event is read with it: it stays until the next.
	for _, seq := range a.told {
		a.feed.forget(seq)
	}
	a.told, a.over = a.over, nil
}
