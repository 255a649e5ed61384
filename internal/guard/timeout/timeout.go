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
	"github.com/craton-ai/craton/internal/guard/lifetime"
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
	w := &watch{Context: lifetime.Within(ctx), bounds: g.bounds}
	if g.bounds.Total > 0 {
		w.total = time.AfterFunc(g.bounds.Total, func() { w.expire(errTotal) })
	}
	if g.bounds.FirstEvent > 0 {
		w.timer = time.AfterFunc(g.bounds.FirstEvent, w.look)
	}
	result, err := call(w.Context)
	if err != nil {
		if w.timer != nil {
			w.timer.Stop()
		}
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

// watch is the life of one call, with its timers.
type watch struct {
	*lifetime.Context
	bounds Bounds
	total  *time.Timer
	// timer bounds the wait for the first event, then each later one.
	timer *time.Timer
	// inner ends a blocked read; it is there once begun is set.
	inner io.Closer
	begun atomic.Bool
	// waiting is when the present wait began, in nanoseconds of the clock; 0 while none does.
	waiting atomic.Int64
}

func (w *watch) expire(cause error) {
	w.End(cause)
	if w.begun.Load() {
		w.inner.Close()
	}
}

func (w *watch) stop() {
	if w.total != nil {
		w.total.Stop()
	}
	if w.timer != nil {
		w.timer.Stop()
	}
	w.End(nil)
}

// explain replaces an error that a passed bound brought about.
func (w *watch) explain(err error) error {
	cause := w.Err()
	what := ""
	switch {
	case errors.Is(cause, errFirst):
		what = "The upstream did not begin to answer in time."
	case errors.Is(cause, errIdle):
		what = "The upstream paused for too long in the middle of its answer."
	case errors.Is(cause, errTotal):
		what = "The upstream took too long to answer."
	default:
		return err
	}
	return &model.Error{
		Kind: model.Timeout, Op: "guard/timeout", Message: what, Err: errors.Join(cause, err),
		Hint: "Try again, ask for a shorter answer, or choose another model.",
	}
}

// guardReads turns from the first event to the later ones. The timer is not set
// anew for each, which would cost more than the event: it looks when the
// present wait began and sleeps for the rest.
func (w *watch) guardReads(inner io.Closer) {
	w.inner = inner
	if w.timer == nil && w.bounds.Idle > 0 {
		w.timer = time.AfterFunc(time.Hour, w.look) // set below, when it may look
	}
	w.begun.Store(true)
	if w.Err() != nil {
		inner.Close()
	}
	switch {
	case w.bounds.Idle > 0:
		w.timer.Reset(w.bounds.Idle)
	case w.timer != nil:
		w.timer.Stop()
	}
}

func (w *watch) look() {
	if !w.begun.Load() {
		w.expire(errFirst)
		return
	}
	if w.bounds.Idle <= 0 {
		return
	}
	rest := w.bounds.Idle
	if since := w.waiting.Load(); since != 0 {
		rest -= time.Duration(w.bounds.Now().UnixNano() - since)
	}
	if rest <= 0 {
		w.expire(errIdle)
		return
	}
	if w.Err() == nil {
		w.timer.Reset(rest)
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
	w.guardReads(s)
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
	w.guardReads(r.Body)
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
		if err != io.EOF || b.watch.Err() != nil {
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
