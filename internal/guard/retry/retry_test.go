package retry

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/craton-ai/craton/internal/guard"
	"github.com/craton-ai/craton/internal/model"
)

// failing fails n times with err, then answers.
type failing struct {
	n     int
	err   error
	calls []time.Time
}

func (f *failing) Generate(context.Context, *model.Request) (model.Stream, error) {
	f.calls = append(f.calls, time.Now())
	if len(f.calls) <= f.n {
		return nil, f.err
	}
	return model.Events(model.Event{Kind: model.EventStart}), nil
}

func TestRetries(t *testing.T) {
	t.Parallel()
	down := model.Errorf(model.UpstreamDown, "", "down")
	wait := model.Errorf(model.RateLimited, "", "slow down")
	wait.RetryAfter = 3 * time.Second
	long := model.Errorf(model.RateLimited, "", "come back tomorrow")
	long.RetryAfter = time.Hour
	cases := []struct {
		name   string
		n      int
		err    error
		pauses []time.Duration
		ok     bool
	}{
		{"at once", 0, down, nil, true},
		{"twice, doubling", 2, down, []time.Duration{time.Second, 2 * time.Second}, true},
		{"too often", 9, down, []time.Duration{time.Second, 2 * time.Second}, false},
		{"retry-after is honoured", 1, wait, []time.Duration{3 * time.Second}, true},
		{"too long a retry-after is not waited for", 1, long, nil, false},
		{"a client's mistake", 1, model.Errorf(model.Invalid, "", "bad"), nil, false},
		{"an open breaker", 1, &model.Error{Kind: model.UpstreamDown, Err: guard.ErrOpen}, nil, false},
		{"an upstream that used up its time", 1, &model.Error{Kind: model.Timeout, Err: guard.ErrSlow}, nil, false},
		{"an unknown error", 1, errors.New("?"), nil, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := &failing{n: c.n, err: c.err}
				p := guard.Wrap(f, New(Policy{Base: time.Second}))
				s, err := p.Generate(t.Context(), &model.Request{})
				if (err == nil) != c.ok || len(f.calls) != len(c.pauses)+1 {
					t.Fatalf("%v after %d calls", err, len(f.calls))
				}
				for i, want := range c.pauses {
					if got := f.calls[i+1].Sub(f.calls[i]); got != want {
						t.Errorf("pause %d is %v, want %v", i, got, want)
					}
				}
				var outcome any = err
				if err == nil {
					outcome = s
				}
				if got := guard.Attempts(outcome); got != len(f.calls) {
					t.Errorf("%d attempts told, %d made", got, len(f.calls))
				}
			})
		})
	}
}

func TestNeverPastTheDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		begin := time.Now()
		f := &failing{n: 9, err: model.Errorf(model.Timeout, "", "t")}
		_, err := guard.Wrap(f, New(Policy{Base: time.Second, Now: time.Now})).Generate(ctx, &model.Request{})
		if model.AsError(err).Kind != model.Timeout || time.Since(begin) != 0 || len(f.calls) != 1 {
			t.Errorf("%v after %v and %d calls", err, time.Since(begin), len(f.calls))
		}
		_, err = guard.Wrap(f, New(Policy{Base: time.Second})).Generate(ctx, &model.Request{})
		if err == nil || time.Since(begin) != 500*time.Millisecond {
			t.Errorf("without a clock: %v after %v", err, time.Since(begin))
		}
	})
}

func TestBudgetBoundsRetries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := New(Policy{Retries: 1, Budget: NewBudget(0.25, 5)})
		calls := 0
		for range 100 {
			_, err := guard.Do(t.Context(), g, func(context.Context) (int, error) {
				calls++
				return 0, model.Errorf(model.UpstreamDown, "", "down")
			})
			if err == nil {
				t.Fatal("succeeded")
			}
		}
		if retries := calls - 100; retries != 5+24 && retries != 5+25 {
			t.Errorf("%d retries of 100 requests, want the bucket of 5 and a quarter", retries)
		}
	})
}

func TestJitterStaysWithinHalf(t *testing.T) {
	t.Parallel()
	for _, r := range []float64{0, 0.5, 0.999} {
		g := New(Policy{Base: time.Second, Random: func() float64 { return r }})
		got, ok := g.pause(t.Context(), model.Errorf(model.Timeout, "", ""), 1)
		if !ok || got < 500*time.Millisecond || got > time.Second {
			t.Errorf("random %v: pause %v, %v", r, got, ok)
		}
	}
}

// TestBodyIsClosedOnRetry: a relayed 500 that is tried again must not leak.
func TestBodyIsClosedOnRetry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		closed, calls := 0, 0
		g := New(Policy{})
		got, err := guard.Do(t.Context(), g, func(context.Context) (*model.Relayed, error) {
			calls++
			status := 500
			if calls == 3 {
				status = 200
			}
			return &model.Relayed{Status: status, Body: closer{&closed}}, nil
		})
		if err != nil || got.Status != 200 || closed != 2 {
			t.Errorf("%v, %v, %d closed", got, err, closed)
		}
	})
}

type closer struct{ n *int }

func (c closer) Read([]byte) (int, error) { return 0, fmt.Errorf("unread") }
func (c closer) Close() error             { *c.n++; return nil }
