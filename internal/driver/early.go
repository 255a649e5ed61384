package driver

import (
	"context"
	"slices"

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

// early returns the record of a batch whose calls of models may be begun while
// it is written, so that they do not wait for the disk; or nil. None are where
// an append is less than certain: a store that takes none would make the owner
// ask again and again, and input whose key nobody has looked for may have come
// before. What tools do is not begun early at all: it may be felt outside.
func (a *actor) early(b *batch) *record {
	if a.shaky || slices.ContainsFunc(b.asks, func(one *ask) bool { return one.unsure && one.in.Key != "" }) {
		return nil
	}
	for _, event := range b.events {
		if _, asks := event.Body.(*agent.ModelCalled); asks {
			return &record{known: make(chan struct{})}
		}
	}
	return nil
}

// begin asks the models. Nothing is told or kept of what one says before the
// batch is durable, and nothing at all if it never is: such a call was made in
// vain, as one would be whose owner dies before its first word.
func (r *record) begin(ctx context.Context, a *actor) {
	if r == nil {
		return
	}
	a.purse.settle(a.state)
	for _, effect := range a.state.Effects() {
		run := effect.Perform
		if run == nil || run.Kind != agent.RunModel || run.Seq <= a.head.Seq || !a.held(a.d.config.Now()) {
			continue
		}
		r.runs = append(r.runs, run.Seq)
		a.perform(ctx, run, r)
	}
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
		if one := a.runs[seq]; one != nil {
			one.stop(errStopped)
		}
		delete(a.runs, seq)
	}
}
