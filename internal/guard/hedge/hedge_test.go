package hedge

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/craton-ai/craton/internal/guard"
	"github.com/craton-ai/craton/internal/model"
)

// slow answers after the nth of delays, or fails with the nth of errs.
type slow struct {
	delays []time.Duration
	errs   []error
	calls  atomic.Int32
	closed atomic.Int32
	gone   atomic.Int32
}

func (s *slow) Generate(ctx context.Context, _ *model.Request) (model.Stream, error) {
	i := int(s.calls.Add(1)) - 1
	select {
	case <-time.After(s.delays[i]):
	case <-ctx.Done():
		s.gone.Add(1)
		return nil, ctx.Err()
	}
	if s.errs != nil && s.errs[i] != nil {
		return nil, s.errs[i]
	}
	return &closing{Stream: model.Events(model.Event{Kind: model.EventStart, Index: i}), ctx: ctx, s: s}, nil
}

type closing struct {
	model.Stream
	ctx context.Context
	s   *slow
}

func (c *closing) Next() (model.Event, error) {
	if c.ctx.Err() != nil {
		return model.Event{}, c.ctx.Err()
	}
	return c.Stream.Next()
}
func (c *closing) Close() error { c.s.closed.Add(1); return nil }

func TestHedge(t *testing.T) {
	t.Parallel()
	down := model.Errorf(model.UpstreamDown, "", "first")
	second := model.Errorf(model.UpstreamDown, "", "second")
	cases := []struct {
		name   string
		slow   *slow
		winner int // -1: an error
		calls  int32
		took   time.Duration
	}{
		{"fast needs none", &slow{delays: []time.Duration{time.Second}}, 0, 1, time.Second},
		{"the second wins", &slow{delays: []time.Duration{9 * time.Second, time.Second}}, 1, 2, 3 * time.Second},
		{"the first wins late", &slow{delays: []time.Duration{3 * time.Second, 9 * time.Second}}, 0, 2, 3 * time.Second},
		{"a quick failure is not hedged", &slow{delays: []time.Duration{time.Second}, errs: []error{down}}, -1, 1, time.Second},
		{"both fail", &slow{delays: []time.Duration{4 * time.Second, time.Second}, errs: []error{down, second}}, -1, 2, 4 * time.Second},
		{"one fails", &slow{delays: []time.Duration{4 * time.Second, time.Second}, errs: []error{nil, second}}, 0, 2, 4 * time.Second},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				s, err := guard.Wrap(c.slow, New(2*time.Second)).Generate(t.Context(), &model.Request{})
				if took := time.Since(begin); took != c.took || c.slow.calls.Load() != c.calls {
					t.Errorf("%v and %d calls", took, c.slow.calls.Load())
				}
				if (err != nil) != (c.winner < 0) {
					t.Fatalf("error %v", err)
				}
				if err == nil {
					ev, err := s.Next()
					if err != nil || ev.Index != c.winner {
						t.Errorf("event of call %d, %v", ev.Index, err)
					}
					s.Close()
				}
				synctest.Wait()
				if c.winner >= 0 && c.calls == 2 && c.slow.errs == nil && c.slow.gone.Load() != 1 {
					t.Error("the loser was not cancelled")
				}
			})
		})
	}
}

func TestOffByDefault(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &slow{delays: []time.Duration{time.Hour}}
		if _, err := guard.Wrap(s, New(0)).Generate(t.Context(), &model.Request{}); err != nil || s.calls.Load() != 1 {
			t.Errorf("%v after %d calls", err, s.calls.Load())
		}
	})
}

// breaking panics in the nth of its calls, and else is slow.
type breaking struct {
	*slow
	at int32
}

func (b *breaking) Generate(ctx context.Context, req *model.Request) (model.Stream, error) {
	if b.calls.Load() == b.at {
		b.calls.Add(1)
		panic("a nil map")
	}
	return b.slow.Generate(ctx, req)
}

// TestBreakdown: a call that breaks down has failed, and the process goes on.
func TestBreakdown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		delays := []time.Duration{3 * time.Second, time.Second}
		_, err := guard.Wrap(&breaking{&slow{delays: delays}, 0}, New(2*time.Second)).Generate(t.Context(), &model.Request{})
		if e := model.AsError(err); e == nil || e.Kind != model.Internal || strings.Contains(e.Public(), "nil map") || !strings.Contains(e.Error(), "nil map") {
			t.Errorf("got %v", err)
		}
		s, err := guard.Wrap(&breaking{&slow{delays: delays}, 1}, New(2*time.Second)).Generate(t.Context(), &model.Request{})
		if err != nil {
			t.Fatalf("the first call's answer is lost: %v", err)
		}
		if ev, err := s.Next(); err != nil || ev.Index != 0 {
			t.Errorf("event of call %d, %v", ev.Index, err)
		}
		s.Close()
	})
}
