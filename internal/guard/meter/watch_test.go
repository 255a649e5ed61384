package meter

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/craton-ai/craton/internal/model"
)

// upstream sends events a second apart and obeys its context.
type upstream struct {
	ctx    context.Context
	events []model.Event
	closed chan struct{}
}

func newUpstream(ctx context.Context, events ...model.Event) *upstream {
	return &upstream{ctx: ctx, events: events, closed: make(chan struct{}, 9)}
}

func (u *upstream) Next() (model.Event, error) {
	if len(u.events) == 0 {
		return model.Event{}, io.EOF
	}
	pause := time.NewTimer(time.Second)
	defer pause.Stop()
	select {
	case <-pause.C:
		ev := u.events[0]
		u.events = u.events[1:]
		return ev, nil
	case <-u.ctx.Done():
		return model.Event{}, u.ctx.Err()
	case <-u.closed:
		return model.Event{}, io.EOF
	}
}

func (u *upstream) Close() error { u.closed <- struct{}{}; return nil }

func text(s string) model.Event { return model.Event{Kind: model.EventDelta, Text: s} }

var stop = model.Event{Kind: model.EventStop, Stop: model.StopEnd}

func told(u model.Usage) model.Event { return model.Event{Kind: model.EventUsage, Usage: &u} }

// outcome is what Done was told.
type outcome struct {
	u     *model.Usage
	err   error
	calls int
	first time.Duration
	took  time.Duration
}

// watchAll reads a stream until leave events were read, then the client goes
// away by cancelling or by closing.
func watchAll(t *testing.T, leave int, byClose bool, events ...model.Event) outcome {
	t.Helper()
	var o outcome
	synctest.Test(t, func(t *testing.T) {
		cfg := config(&shelf{})
		cfg.DrainTime, cfg.DrainBytes = 3500*time.Millisecond, 1000
		m := New(cfg)
		client, cancel := context.WithCancel(t.Context())
		defer cancel()
		detached, release := m.Detach(client)
		begin := time.Now()
		s := m.Watch(client, newUpstream(detached, events...), Watched{
			InputBytes: 40, Release: release,
			First: func() { o.first = time.Since(begin) },
			Done:  func(u *model.Usage, err error) { o.u, o.err, o.took = u, err, time.Since(begin); o.calls++ },
		})
		for n := 0; ; n++ {
			if n == leave && byClose {
				if s.Close(); time.Since(begin) != time.Duration(n)*time.Second {
					t.Error("Close waited for the drain")
				}
				break
			}
			if n == leave {
				cancel()
			}
			if _, err := s.Next(); err != nil {
				if n < leave && !errors.Is(err, io.EOF) {
					t.Errorf("event %d: %v", n, err)
				}
				break
			}
		}
		s.Close()
		if err := m.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if detached.Err() == nil {
			t.Error("the upstream's context was not released")
		}
	})
	if o.calls != 1 {
		t.Errorf("Done was called %d times", o.calls)
	}
	return o
}

func TestWatch(t *testing.T) {
	t.Parallel()
	full := model.Usage{Input: 7, Output: 3}
	cases := []struct {
		name    string
		events  []model.Event
		leave   int
		byClose bool
		want    *model.Usage
		kind    model.Kind // Internal: no error
		took    time.Duration
	}{
		{"to the end", []model.Event{text("hello"), stop, told(full)}, 99, false, &full, model.Internal, 3 * time.Second},
		{"without usage it is estimated", []model.Event{text("hello"), stop}, 99, false, &model.Usage{Input: 10, Output: 2, Estimated: true}, model.Internal, 2 * time.Second},
		{"gone, but the drain learns all", []model.Event{text("hello"), text("you"), stop, told(full)}, 1, false, &full, model.Canceled, 4 * time.Second},
		{"closed, and the drain learns all", []model.Event{text("hello"), text("you"), stop, told(full)}, 1, true, &full, model.Canceled, 4 * time.Second},
		{"gone, and the drain's time ends", []model.Event{told(model.Usage{Input: 9, Output: 1}), text("12345678"), text("1234"), text("1234"), text("1234"), stop, told(full)}, 2, false,
			&model.Usage{Input: 9, Output: 5, Estimated: true}, model.Canceled, 5500 * time.Millisecond},
		{"closed, and the drain's time ends", []model.Event{text("12345678"), text("1234"), text("1234"), text("1234"), text("1234"), stop}, 1, true,
			&model.Usage{Input: 10, Output: 5, Estimated: true}, model.Canceled, 4500 * time.Millisecond},
		{"gone, and the drain's bytes end", []model.Event{text("1234"), text("1234"), text(string(make([]byte, 1200))), stop, told(full)}, 1, false,
			&model.Usage{Input: 10, Output: 302, Estimated: true}, model.Canceled, 3 * time.Second},
		{"gone, and what was told was a placeholder", []model.Event{told(model.Usage{}), text("12345678"), text("1234"), text("1234"), text("1234"), stop, told(full)}, 2, false,
			&model.Usage{Input: 10, Output: 5, Estimated: true}, model.Canceled, 5500 * time.Millisecond},
		{"gone before anything came", []model.Event{text("x")}, 0, true, &model.Usage{Input: 10, Output: 1, Estimated: true}, model.Canceled, time.Second},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := watchAll(t, c.leave, c.byClose, c.events...)
			if o.u == nil || *o.u != *c.want {
				t.Errorf("usage %+v, want %+v", o.u, c.want)
			}
			if (o.err == nil) != (c.kind == model.Internal) || o.err != nil && model.AsError(o.err).Kind != c.kind {
				t.Errorf("error %v", o.err)
			}
			if o.took != c.took {
				t.Errorf("settled after %v, want %v", o.took, c.took)
			}
		})
	}
}

func TestWatchTellsTheFirstToken(t *testing.T) {
	t.Parallel()
	o := watchAll(t, 99, false, model.Event{Kind: model.EventStart}, text("a"), text("b"), stop)
	if o.first != 2*time.Second {
		t.Errorf("the first token came after %v", o.first)
	}
}

func TestAnUpstreamThatNeverBeganCostNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := New(config(&shelf{}))
		defer closeMeter(t, m)
		dead, cancel := context.WithCancel(t.Context())
		cancel()
		var got *model.Usage
		var ended error
		s := m.Watch(t.Context(), newUpstream(dead, text("x")), Watched{InputBytes: 40, Done: func(u *model.Usage, err error) { got, ended = u, err }})
		if _, err := s.Next(); err == nil || got != nil || ended == nil {
			t.Errorf("%v; usage %+v, %v", err, got, ended)
		}
	})
}

func TestCloseBesideNext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := New(config(&shelf{}))
		defer closeMeter(t, m)
		var ended error
		s := m.Watch(t.Context(), newUpstream(t.Context(), text("x"), text("y")), Watched{Done: func(_ *model.Usage, err error) { ended = err }})
		done := make(chan error)
		go func() {
			_, err := s.Next()
			done <- err
		}()
		synctest.Wait()
		s.Close()
		if err := <-done; model.AsError(err).Kind != model.Canceled || ended == nil {
			t.Errorf("Next returned %v, Done was told %v", err, ended)
		}
	})
}

// body sends a chunk a second until it is closed.
type body struct {
	chunk  string
	closed chan struct{}
	once   sync.Once
}

func (b *body) Read(p []byte) (int, error) {
	select {
	case <-time.After(time.Second):
		return copy(p, b.chunk), nil
	case <-b.closed:
		return 0, io.ErrClosedPipe
	}
}

func (b *body) Close() error {
	b.once.Do(func() { close(b.closed) })
	return nil
}

func TestDrainIsBounded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		bytes int64
		seen  int
		took  time.Duration
	}{{1000, 21, 3500 * time.Millisecond}, {10, 10, 2 * time.Second}, {-1, 0, 0}} {
		synctest.Test(t, func(t *testing.T) {
			cfg := config(&shelf{})
			cfg.DrainTime, cfg.DrainBytes = 3500*time.Millisecond, c.bytes
			m := New(cfg)
			defer closeMeter(t, m)
			b := &body{chunk: "1234567", closed: make(chan struct{})}
			begin, seen := time.Now(), 0
			m.Drain(b, func(p []byte) { seen += len(p) })
			if took := time.Since(begin); took != c.took || seen != c.seen {
				t.Errorf("%d bytes allowed: %d were seen in %v", c.bytes, seen, took)
			}
			select {
			case <-b.closed:
			default:
				t.Error("the body stays open")
			}
		})
	}
}

func TestEstimateWire(t *testing.T) {
	t.Parallel()
	if got := EstimateWire(4001, 129); got != (model.Usage{Input: 1001, Output: 2, Estimated: true}) {
		t.Errorf("got %+v", got)
	}
}
