package provider

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/craton-ai/craton/internal/model"
)

// What is read after the last event of an answer, and for how long at most, to
// let the connection be reused: the end marks of HTTP, usually there already.
const (
	maxDrain  = 4 << 10
	drainTime = 20 * time.Millisecond
)

// errIdle is the cause with which a silent answer is broken off.
var errIdle = errors.New("no byte arrived in time")

// body bounds an answer in size and silence. The idle timer runs during reads
// only: a slow client is not the upstream's fault. The transport ends it with
// the context of its request.
type body struct {
	ctx   context.Context
	inner io.ReadCloser
	op    string
	left  int64
	// wait is how long the next read may take: the first-byte bound until a byte
	// came (servers of streams send their header before they think), then idle.
	wait, idle time.Duration
	timer      *time.Timer
	close      sync.Once
	// silent says that the timer ended the answer, shut that Close did.
	silent, shut atomic.Bool
	err          error
}

func newBody(ctx context.Context, inner io.ReadCloser, op string, limit int64, t Timeouts) *body {
	b := &body{ctx: ctx, inner: inner, op: op, left: limit, wait: t.FirstByte, idle: t.Idle}
	b.timer = time.AfterFunc(t.FirstByte, b.silence)
	b.timer.Stop()
	return b
}

// silence ends an answer that has been silent for too long.
func (b *body) silence() {
	b.silent.Store(true)
	b.inner.Close()
}

func (b *body) Read(p []byte) (int, error) {
	b.timer.Reset(b.wait)
	n, err := b.inner.Read(p)
	b.timer.Stop()
	if n > 0 {
		b.wait = b.idle
	}
	if b.left -= int64(n); b.left < 0 {
		return 0, &model.Error{Kind: model.UpstreamGarbage, Op: b.op, Message: "The upstream's answer is larger than allowed.",
			Hint: "Raise the upstream's limit, or ask for less."}
	}
	if err == nil || errors.Is(err, io.EOF) {
		return n, err
	}
	return n, b.explain(err)
}

// explain says why a read failed: silence, the caller left, or the connection.
func (b *body) explain(err error) error {
	switch cause := context.Cause(b.ctx); {
	case b.silent.Load():
		return &model.Error{Kind: model.Timeout, Op: b.op, Message: "The upstream stopped in the middle of its answer.",
			Hint: "Try again, or raise the upstream's idle timeout.", Err: errIdle}
	case cause != nil:
		return withOp(cause, b.op)
	case b.shut.Load():
		return withOp(context.Canceled, b.op)
	}
	return &model.Error{Kind: model.UpstreamDown, Op: b.op, Message: "The connection to the upstream broke in the middle of its answer.",
		Hint: "Try again.", Err: err}
}

// Close releases the connection at once, also beside a blocked Read.
func (b *body) Close() error {
	b.close.Do(func() {
		b.timer.Stop()
		b.shut.Store(true)
		b.err = b.inner.Close()
	})
	return b.err
}

// finish closes the body after the answer's last event, giving HTTP's end mark
// a moment to arrive, because a connection closed before it is lost.
func (b *body) finish() {
	patience := time.AfterFunc(drainTime, func() { b.inner.Close() })
	defer patience.Stop()
	_, _ = io.CopyN(io.Discard, b.inner, maxDrain)
	_ = b.Close()
}

// tidy releases the connection at the end of the stream and names the
// operation in its errors.
type tidy struct {
	model.Stream
	body *body
	op   string
	done bool
	// closed ends the stream also where events of it were read ahead.
	closed atomic.Bool
}

func (t *tidy) Next() (model.Event, error) {
	if t.closed.Load() {
		return model.Event{}, withOp(context.Canceled, t.op)
	}
	ev, err := t.Stream.Next()
	switch {
	case err == nil:
		return ev, nil
	case !errors.Is(err, io.EOF):
		err = withOp(err, t.op)
	case !t.done:
		t.done = true
		t.body.finish()
	}
	return ev, err
}

// Unwrap returns the stream inside, for model.LossesOf.
func (t *tidy) Unwrap() model.Stream { return t.Stream }

func (t *tidy) Close() error {
	t.closed.Store(true)
	err := t.Stream.Close()
	if berr := t.body.Close(); err == nil {
		err = berr
	}
	return err
}
