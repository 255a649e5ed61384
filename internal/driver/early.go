package driver

import (
	"context"

	"github.com/craton-ai/craton/internal/agent"
)

// record is the append that intents are written with whose performance is begun
// meanwhile. A nil record is one that is durable.
type record struct {
	runs  []uint64
	known chan struct{} // closed once it is known whether it was written
	kept  bool          // may be read then
	over  bool          // known, to the actor
}

// early begins the calls of models that the batch is about to record, so that
// they do not wait for the disk. Nothing is told or kept of what a model says
// before the batch is durable, and nothing at all if it never is: such a call
// was made in vain, as one would be whose owner dies before its first word.
// What tools do is not begun early, since it may be felt outside.
func (a *actor) early(ctx context.Context, b *batch) *record {
	asks := false
	for _, event := range b.events {
		if _, ok := event.Body.(*agent.ModelCalled); ok {
			asks = true
		}
	}
	if !asks {
		return nil
	}
	a.purse.settle(a.state)
	var on *record
	for _, effect := range a.state.Effects() {
		run := effect.Perform
		if run == nil || run.Kind != agent.RunModel || run.Seq <= a.head.Seq || !a.held(a.d.config.Now()) {
			continue
		}
		if on == nil {
			on = &record{known: make(chan struct{})}
		}
		on.runs = append(on.runs, run.Seq)
		a.perform(ctx, run, on)
	}
	return on
}

// stands waits until it is known whether the record was written, and tells.
func (r *record) stands() bool {
	if r == nil {
		return true
	}
	<-r.known
	return r.kept
}

// admit lets what was begun go on: the record is durable, and readers know it.
func (r *record) admit() {
	if r != nil {
		r.kept, r.over = true, true
		close(r.known)
	}
}

// dismiss ends what was begun, unless it was admitted.
func (r *record) dismiss(a *actor) {
	if r == nil || r.over {
		return
	}
	r.over = true
	close(r.known)
	for _, seq := range r.runs {
		a.runs[seq].stop(errStopped)
		delete(a.runs, seq)
	}
}
