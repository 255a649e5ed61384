package meter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/craton-ai/craton/internal/guard/lifetime"
	"github.com/craton-ai/craton/internal/model"
)

// bytesPerToken is the rule of thumb behind estimates.
const bytesPerToken = 4

// EstimateTokens guesses the number of tokens in so many bytes of text.
func EstimateTokens(bytes int64) int64 { return (max(bytes, 0) + bytesPerToken - 1) / bytesPerToken }

// Detach returns a context that outlives ctx by grace, with its values: an
// upstream called under it can still be read for what it used when the client
// has gone. The function releases it and must be called.
func Detach(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	d := &detached{Context: lifetime.Detached(ctx), client: ctx, grace: max(grace, 0)}
	d.stop = context.AfterFunc(ctx, d.left)
	return d.Context, d.release
}

// detached is a context that outlives its client's.
type detached struct {
	*lifetime.Context
	client context.Context
	grace  time.Duration
	stop   func() bool

	mu sync.Mutex
	// timer runs when the client has left; released says that nothing is left to be ended.
	timer    *time.Timer
	released bool
}

// left gives the upstream its grace.
func (d *detached) left() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.released {
		d.timer = time.AfterFunc(d.grace, func() { d.End(context.Cause(d.client)) })
	}
}

func (d *detached) release() {
	d.stop()
	d.End(nil)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.released = true
	if d.timer != nil {
		d.timer.Stop()
	}
}

// Detach is the function Detach with the meter's DrainTime.
func (m *Meter) Detach(ctx context.Context) (context.Context, context.CancelFunc) {
	return Detach(ctx, m.cfg.DrainTime)
}

// Watched is what Watch needs to know of a stream.
type Watched struct {
	// InputBytes is the size of the request's text, to estimate its tokens by.
	InputBytes int64
	// First is called at the first token, Done once at the end with what was
	// used and the error the client saw, if any.
	First func()
	Done  func(u *model.Usage, err error)
	// Release is called after Done: the detached context's, usually.
	Release func()
}

// Watch meters a stream as it goes by. ctx is the client's; the stream should
// run under a context from Detach. When ctx ends, Next drains what is left,
// within the bounds, before it returns the context's error. When the stream is
// closed before its end, that happens beside it.
func (m *Meter) Watch(ctx context.Context, s model.Stream, w Watched) model.Stream {
	return &watched{inner: s, ctx: ctx, meter: m, told: w}
}

type watched struct {
	inner model.Stream
	ctx   context.Context
	meter *Meter
	told  Watched

	// reading is held while the inner stream is read, so that Close, which may
	// run beside Next, hands over only what nobody reads.
	reading sync.Mutex
	closed  bool
	once    sync.Once

	// closing follows the first Close.
	closing atomic.Bool
	// abandoned says that Close ended the inner stream under a running Next.
	abandoned atomic.Bool

	began bool
	usage *model.Usage
	// stopped follows an EventStop, final the usage after it, which is the upstream's last word.
	stopped, final bool
	// seen counts bytes of the answer, for an estimate.
	seen int64
}

// Unwrap returns the stream within.
func (w *watched) Unwrap() model.Stream { return w.inner }

func (w *watched) Next() (model.Event, error) {
	w.reading.Lock()
	defer w.reading.Unlock()
	if w.closed {
		return model.Event{}, io.EOF
	}
	ev, err := w.inner.Next()
	w.note(&ev, err)
	switch {
	case w.abandoned.Load():
		err = gone()
	case w.ctx.Err() != nil && err == nil:
		w.drain()
		err = w.ctx.Err()
	case w.ctx.Err() != nil && !errors.Is(err, io.EOF):
		err = w.ctx.Err()
	}
	if err != nil {
		w.inner.Close()
		w.end(err)
	}
	return ev, err
}

// note learns from an event.
func (w *watched) note(ev *model.Event, err error) {
	if err != nil {
		return
	}
	switch ev.Kind {
	case model.EventUsage:
		if ev.Usage != nil {
			u := *ev.Usage
			w.usage, w.final = &u, w.stopped
		}
	case model.EventStop:
		w.stopped = true
	case model.EventDelta:
		w.seen += int64(len(ev.Text) + len(ev.Signature))
		if !w.began {
			w.began = true
			if w.told.First != nil {
				w.told.First()
			}
		}
	case model.EventPartStart:
		if c, ok := ev.Part.(*model.ToolCall); ok {
			w.seen += int64(len(c.Name) + len(c.Arguments))
		}
	}
}

// drain reads on for the usage. Its time is bounded by the detached context.
func (w *watched) drain() {
	limit := w.seen + max(w.meter.cfg.DrainBytes, 0)
	for w.seen < limit {
		ev, err := w.inner.Next()
		if err != nil {
			return
		}
		w.note(&ev, nil)
	}
}

// Close abandons the stream; the upstream is drained beside it. Later calls do nothing.
func (w *watched) Close() error {
	if !w.closing.CompareAndSwap(false, true) {
		return nil
	}
	if !w.reading.TryLock() {
		// Next is under way: ending its stream makes it return and settle.
		w.abandoned.Store(true)
		return w.inner.Close()
	}
	defer w.reading.Unlock()
	if w.closed {
		return w.inner.Close()
	}
	w.closed = true
	m := w.meter
	select {
	case m.drains <- struct{}{}:
		m.drainers.Go(func() {
			defer func() { <-m.drains }()
			defer w.rescue()
			w.reading.Lock()
			defer w.reading.Unlock()
			timer := time.AfterFunc(max(m.cfg.DrainTime, 0), func() { w.inner.Close() })
			defer timer.Stop()
			w.drain()
			w.inner.Close()
			w.end(gone())
		})
	default:
		w.inner.Close()
		w.end(gone())
	}
	return nil
}

// rescue settles a stream that broke down while it was drained: nobody waits
// for it any more, and the server must not end with it.
func (w *watched) rescue() {
	p := recover()
	if p == nil {
		return
	}
	w.meter.cfg.Log.Error("a stream broke down while it was drained", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	w.end(gone())
}

func gone() error { return &model.Error{Kind: model.Canceled, Message: "The client went away."} }

// end settles, once.
func (w *watched) end(err error) {
	w.once.Do(func() {
		w.closed = true
		if errors.Is(err, io.EOF) {
			err = nil
		}
		if w.told.Done != nil {
			w.told.Done(w.used(err == nil), err)
		}
		if w.told.Release != nil {
			w.told.Release()
		}
	})
}

// used is what the upstream told, completed by what was seen where the answer
// did not come to its end; nil when nothing was consumed.
func (w *watched) used(whole bool) *model.Usage {
	told := w.usage != nil && !w.usage.Absent
	if told && (whole || w.final) {
		return w.usage
	}
	if !told && !whole && !w.began && w.seen == 0 {
		return nil
	}
	u := model.Usage{Input: EstimateTokens(w.told.InputBytes)}
	if told {
		guess := u.Input
		u = *w.usage
		if u.InputTotal() == 0 {
			// What a stream tells at its start may be a placeholder.
			u.Input = guess
		}
	}
	u.Output = max(u.Output, EstimateTokens(w.seen))
	u.Estimated, u.Absent = true, false
	return &u
}

// wireBytesPerToken is about how much a streamed token takes on the wire, in
// the dialects' events: 110 to 250 bytes.
const wireBytesPerToken = 128

// EstimateWire guesses usage from the sizes of a request's body and of the
// part of a streamed answer that was seen, both as they were on the wire.
func EstimateWire(request, answer int64) model.Usage {
	return model.Usage{
		Input: EstimateTokens(request), Output: (max(answer, 0) + wireBytesPerToken - 1) / wireBytesPerToken, Estimated: true,
	}
}

// Drain reads on in a relayed body whose client went away, within DrainTime
// and DrainBytes, and shows what it reads to see, which looks for the usage.
// The upstream should have been called under a context from Detach. The body
// is closed afterwards.
func (m *Meter) Drain(body io.ReadCloser, see func([]byte)) {
	defer body.Close()
	timer := time.AfterFunc(max(m.cfg.DrainTime, 0), func() { body.Close() })
	defer timer.Stop()
	chunk := make([]byte, 4<<10)
	for left := m.cfg.DrainBytes; left > 0; {
		n, err := body.Read(chunk[:min(int64(len(chunk)), left)])
		see(chunk[:n])
		left -= int64(n)
		if err != nil {
			return
		}
	}
}
