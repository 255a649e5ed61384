// Package timeout bounds how long an upstream may take, in a way that suits
// streams. It is for the pipeline in front of each upstream.
//
// Three bounds apply: until the first event, between two events while the
// reader waits for one, and in all. A slow reader is never the upstream's
// fault: its own pauses do not count.
//
// Guarantees: a bound that passes cancels the call, closes its stream and is
// reported as an error of kind Timeout, after which a fallback may be tried but
// not the same upstream (guard.ErrSlow); timers and contexts end with the
// result. An answer that need not be closed (embeddings) has only the first
// and the total bound.
//
//	provider = guard.Wrap(provider, timeout.New(timeout.Bounds{FirstEvent: time.Minute, Idle: 30 * time.Second, Now: time.Now}))
package timeout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/craton-ai/craton/internal/guard"
	"github.com/craton-ai/craton/internal/model"
)

// Bounds are the timeouts; 0 means none.
type Bounds struct {
	// FirstEvent bounds the wait for the first event, or a relayed answer's header.
	FirstEvent time.Duration
	// Idle bounds the wait for each later event or read.
	Idle time.Duration
	// Total bounds the whole call.
	Total time.Duration
	// Now is the clock; required when Idle is set.
	Now func() time.Time
}

var (
	errFirst = fmt.Errorf("no first event in time: %w", guard.ErrSlow)
	errIdle  = errors.New("no further event in time")
	errTotal = fmt.Errorf("not done in time: %w", guard.ErrSlow)
)

// Guard bounds calls. It is safe for concurrent use.
type Guard struct{ bounds Bounds }

// New makes a Guard.
func New(b Bounds) *Guard { return &Guard{bounds: b} }

// Around runs call within the bounds.
func (g *Guard) Around(ctx context.Context, call guard.Call) (any, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &watch{ctx: ctx, cancel: cancel, bounds: g.bounds}
	if g.bounds.Total > 0 {
		w.total = time.AfterFunc(g.bounds.Total, func() { w.expire(errTotal) })
	}
	var first *time.Timer
	if g.bounds.FirstEvent > 0 {
		first = time.AfterFunc(g.bounds.FirstEvent, func() { w.expire(errFirst) })
	}
	result, err := call(ctx)
	if first != nil {
		first.Stop()
	}
	if err != nil {
		err = w.explain(err)
		return guard.OnEnd(result, w.stop), err
	}
	switch r := result.(type) {
	case model.Stream:
		return w.stream(r), nil
	case *model.Relayed:
		return w.relayed(r), nil
	}
	w.stop()
	return result, nil
}

// watch is the timers of one call.
type watch struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	bounds Bounds
	total  *time.Timer
	idle   *time.Timer
	// waiting is when the present wait began, in nanoseconds of the clock; 0 while none does.
	waiting atomic.Int64
	// closer ends a blocked read.
	closer atomic.Pointer[func()]
}

func (w *watch) expire(cause error) {
	w.cancel(cause)
	if c := w.closer.Load(); c != nil {
		(*c)()
	}
}

func (w *watch) stop() {
	if w.total != nil {
		w.total.Stop()
	}
	if w.idle != nil {
		w.idle.Stop()
	}
	w.cancel(nil)
}

// explain replaces an error that a passed bound brought about.
func (w *watch) explain(err error) error {
	cause := context.Cause(w.ctx)
	what := ""
	switch cause {
	case errFirst:
		what = "The upstream did not begin to answer in time."
	case errIdle:
		what = "The upstream paused for too long in the middle of its answer."
	case errTotal:
		what = "The upstream took too long to answer."
	default:
		return err
	}
	return &model.Error{
		Kind: model.Timeout, Op: "guard/timeout", Message: what, Err: errors.Join(cause, err),
		Hint: "Try again, ask for a shorter answer, or choose another model.",
	}
}

// guardReads starts the idle timer. It is not set anew for each event, which
// would cost more than the event: it looks when the present wait began and
// sleeps for the rest.
func (w *watch) guardReads(closer func()) {
	w.closer.Store(&closer)
	if w.ctx.Err() != nil {
		closer()
	}
	if w.bounds.Idle > 0 {
		// Armed only once w.idle is set, which look reads.
		w.idle = time.AfterFunc(time.Hour, w.look)
		w.idle.Reset(w.bounds.Idle)
	}
}

func (w *watch) look() {
	rest := w.bounds.Idle
	if since := w.waiting.Load(); since != 0 {
		rest -= time.Duration(w.bounds.Now().UnixNano() - since)
	}
	if rest <= 0 {
		w.expire(errIdle)
		return
	}
	if w.ctx.Err() == nil {
		w.idle.Reset(rest)
	}
}

func (w *watch) begin() {
	if w.bounds.Idle > 0 {
		w.waiting.Store(w.bounds.Now().UnixNano())
	}
}

func (w *watch) end() { w.waiting.Store(0) }

func (w *watch) stream(s model.Stream) model.Stream {
	t := &timedStream{Stream: s, watch: w}
	w.guardReads(func() { s.Close() })
	return t
}

type timedStream struct {
	model.Stream
	watch *watch
}

func (s *timedStream) Next() (model.Event, error) {
	s.watch.begin()
	ev, err := s.Stream.Next()
	s.watch.end()
	if err != nil {
		err = s.watch.explain(err)
		s.watch.stop()
	}
	return ev, err
}

func (s *timedStream) Close() error {
	defer s.watch.stop()
	return s.Stream.Close()
}

// Unwrap returns the stream within.
func (s *timedStream) Unwrap() model.Stream { return s.Stream }

func (w *watch) relayed(r *model.Relayed) *model.Relayed {
	if r == nil || r.Body == nil {
		w.stop()
		return r
	}
	timed := *r
	timed.Body = &timedBody{ReadCloser: r.Body, watch: w}
	w.guardReads(func() { r.Body.Close() })
	return &timed
}

type timedBody struct {
	io.ReadCloser
	watch *watch
}

func (b *timedBody) Read(p []byte) (int, error) {
	b.watch.begin()
	n, err := b.ReadCloser.Read(p)
	b.watch.end()
	if err != nil {
		if err != io.EOF || context.Cause(b.watch.ctx) != nil {
			err = b.watch.explain(err)
		}
		b.watch.stop()
	}
	return n, err
}

func (b *timedBody) Close() error {
	defer b.watch.stop()
	return b.ReadCloser.Close()
}
