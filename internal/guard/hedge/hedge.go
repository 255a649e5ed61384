// Package hedge sends a second copy of a slow call. It is for operators whose
// upstream is at times slow to begin and who accept paying twice then; it is
// off unless configured.
//
// Guarantees: at most two calls run; the first success wins and the other is
// cancelled and closed; when both fail the first failure is returned; a call
// that panics has failed. With a delay of 0 it calls once and costs nothing.
//
//	provider = guard.Wrap(provider, hedge.New(2*time.Second))
package hedge

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/craton-ai/craton/internal/guard"
	"github.com/craton-ai/craton/internal/model"
)

// Guard hedges. It is safe for concurrent use.
type Guard struct{ delay time.Duration }

// New makes a Guard that hedges a call that has not begun after delay; 0 never.
func New(delay time.Duration) *Guard { return &Guard{delay: delay} }

type outcome struct {
	result any
	err    error
	// call is its index in the race.
	call int
}

// Around runs call, and once more when it is slow.
func (g *Guard) Around(ctx context.Context, call guard.Call) (any, error) {
	if g.delay <= 0 {
		return call(ctx)
	}
	race := &race{call: call, outcomes: make(chan outcome, 2)}
	defer race.abandon()
	race.start(ctx)
	timer := time.NewTimer(g.delay)
	defer timer.Stop()
	var firstFailure *outcome
	for {
		select {
		case <-timer.C:
			race.start(ctx)
		case o := <-race.outcomes:
			race.running--
			if o.err == nil {
				return guard.Count(guard.OnEnd(o.result, race.keep(o.call)), nil, race.started)
			}
			if firstFailure == nil {
				firstFailure = &o
			} else {
				guard.Discard(o.result)
			}
			if race.running == 0 {
				return guard.Count(firstFailure.result, firstFailure.err, race.started)
			}
		}
	}
}

// race is the calls under way. Its goroutines end with their calls; abandon
// cancels those and closes what they still bring.
type race struct {
	call             guard.Call
	outcomes         chan outcome
	cancels          []context.CancelFunc
	started, running int
}

func (r *race) start(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	r.cancels = append(r.cancels, cancel)
	index := r.started
	r.started++
	r.running++
	go func() {
		result, err := r.attempt(ctx)
		r.outcomes <- outcome{result, err, index}
	}()
}

// attempt calls. One that breaks down has failed: in a goroutine of its own it
// would end the process, and every other request with it.
func (r *race) attempt(ctx context.Context) (result any, err error) {
	defer func() {
		if p := recover(); p != nil {
			result, err = nil, model.Wrap(model.Internal, "guard/hedge", fmt.Errorf("a call broke down: %v\n%s", p, debug.Stack()))
		}
	}()
	return r.call(ctx)
}

// keep takes the winner's context out of the race.
func (r *race) keep(call int) context.CancelFunc {
	cancel := r.cancels[call]
	r.cancels[call] = func() {}
	return cancel
}

func (r *race) abandon() {
	for _, cancel := range r.cancels {
		cancel()
	}
	if n := r.running; n > 0 {
		go func() {
			for range n {
				guard.Discard((<-r.outcomes).result)
			}
		}()
	}
}
