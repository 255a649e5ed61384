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
	progress bool
	// outcomes is how many of the pending bodies are in it.
	outcomes int
	// asks are answered once it is durable.
	asks []*ask
}

// batch folds what is pending and what is decided of it.
func (a *actor) batch() (*batch, error) {
	b := &batch{at: a.now()}
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
	for len(a.pending) > b.outcomes && len(b.drafts) < session.MaxEvents/2 {
		body := a.pending[b.outcomes]
		b.outcomes++
		if !a.stands(body) {
			continue
		}
		b.progress = b.progress || achieves(body)
		if err := a.fold(b, body); err != nil {
			return err
		}
	}
	if err := a.take(b); err != nil {
		return err
	}
	if at := a.state.Timer(); len(b.drafts) == 0 && !at.IsZero() && !at.After(b.at) {
		if err := a.fold(b, &agent.Ticked{}); err != nil {
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
			if err := a.fold(b, effect.Record); err != nil {
				return err
			}
		}
	}
	return nil
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
	at := session.Event{Tenant: a.head.Tenant, Session: a.head.ID, Seq: a.head.Seq + uint64(len(b.drafts)) + 1,
		Type: draft.Type, Version: draft.Version, At: b.at, Payload: draft.Payload}
	read, err := a.d.codec.Read(at)
	if err != nil {
		return err
	}
	if err := a.state.Apply(read); err != nil {
		return err
	}
	b.drafts = append(b.drafts, draft)
	return nil
}

// append makes the batch durable. If others appended first, the journal is
// folded anew and the outcomes stay pending.
func (a *actor) append(ctx context.Context, b *batch) error {
	change := session.Change{Drafts: b.drafts, At: b.at, Progress: b.progress}
	wake := a.state.Timer()
	if !wake.Equal(a.wake) {
		change.Wake = &wake // a timer that is set anew makes others look
	}
	if facts := FactsOf(a.state); !same(facts, a.facts) || len(b.asks) > 0 {
		change.Facts = &facts
	}
	before := a.head
	next, err := a.d.config.Journal.Apply(ctx, a.head, change)
	guests := len(b.asks) > 0
	b.answer(err)
	switch {
	case err == nil:
		a.head, a.wake = next, wake
		if change.Facts != nil {
			a.facts = *change.Facts
		}
		a.pending = a.pending[b.outcomes:]
		a.publish(before, b)
		if a.head.Seq-a.saved >= saveEvery {
			a.save(ctx)
		}
		return nil
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
// unknown, and folds the journal anew; it gives up with the lease.
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
	}
}

// publish hands what was appended to readers of this process.
func (a *actor) publish(before session.Session, b *batch) {
	events := make([]session.Event, len(b.drafts))
	for i, draft := range b.drafts {
		events[i] = session.Event{Tenant: before.Tenant, Session: before.ID, Seq: before.Seq + uint64(i) + 1,
			Type: draft.Type, Version: draft.Version, At: b.at, Payload: draft.Payload}
	}
	a.feed.append(events)
	// What was said before the event is read with it: it stays until the next.
	for _, seq := range a.told {
		a.feed.forget(seq)
	}
	a.told, a.over = a.over, nil
}
