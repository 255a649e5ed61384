package limit

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/craton-ai/craton/internal/model"
)

// must takes a permit that has to be given.
func must(t *testing.T, l *Limiter, key string, limits Limits, tokens int64) Permit {
	t.Helper()
	p, err := l.Acquire(t.Context(), key, limits, tokens)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// refused asks for a permit that must be refused, and returns when to come back.
func refused(t *testing.T, l *Limiter, limits Limits, tokens int64) (time.Duration, State) {
	t.Helper()
	p, err := l.Acquire(t.Context(), "k", limits, tokens)
	e := model.AsError(err)
	if e == nil || e.Kind != model.RateLimited || e.RetryAfter <= 0 || e.Hint == "" {
		t.Fatalf("got %+v, want a rate limit with a time to return", e)
	}
	return e.RetryAfter, p.State()
}

func TestRequestsPerMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, limits := New(Config{Now: time.Now}), Limits{RequestsPerMinute: 6}
		for i := range 6 {
			p := must(t, l, "k", limits, 0)
			if got := p.State().RemainingRequests; got != int64(5-i) {
				t.Errorf("request %d leaves %d", i, got)
			}
			p.Release(0)
		}
		wait, state := refused(t, l, limits, 0)
		if wait != 10*time.Second || state.RemainingRequests != 0 || state.LimitRequests != 6 || state.ResetRequests != time.Minute {
			t.Errorf("wait %v, state %+v", wait, state)
		}
		other := must(t, l, "other", limits, 0)
		other.Release(0)
		<-time.After(wait - time.Millisecond)
		refused(t, l, limits, 0)
		<-time.After(time.Millisecond)
		p := must(t, l, "k", limits, 0)
		p.Release(0)
		refused(t, l, limits, 0)
	})
}

func TestTokensAreCorrected(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, limits := New(Config{Now: time.Now}), Limits{TokensPerMinute: 600}
		p := must(t, l, "k", limits, 500)
		if wait, _ := refused(t, l, limits, 200); wait != 10*time.Second {
			t.Errorf("100 are left, 200 asked: wait %v", wait)
		}
		p.Release(100)
		p = must(t, l, "k", limits, 200)
		p.Release(1100)
		if wait, _ := refused(t, l, limits, 1); wait < time.Minute {
			t.Errorf("600 in debt, and wait is only %v", wait)
		}
		<-time.After(2 * time.Minute)
		p = must(t, l, "k", limits, 5000)
		if got := p.State().RemainingTokens; got != 0 {
			t.Errorf("an estimate beyond the bucket leaves %d", got)
		}
		p.Release(-1)
		refused(t, l, limits, 1)
	})
}

func TestConcurrencyQueuesInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, limits := New(Config{Now: time.Now, Queue: 2}), Limits{Concurrent: 1}
		held := must(t, l, "k", limits, 0)
		order := make(chan int, 2)
		for i := range 2 {
			go func() {
				p, err := l.Acquire(t.Context(), "k", limits, 0)
				if err != nil {
					t.Error(err)
				}
				order <- i
				p.Release(0)
			}()
			synctest.Wait()
		}
		if l.Stats().Waiting != 2 {
			t.Errorf("stats %+v", l.Stats())
		}
		refused(t, l, limits, 0)
		held.Release(0)
		if a, b := <-order, <-order; a != 0 || b != 1 {
			t.Errorf("served in order %d, %d", a, b)
		}
		if l.Stats().Waiting != 0 {
			t.Errorf("stats %+v", l.Stats())
		}
		last := must(t, l, "k", limits, 0)
		last.Release(0)
	})
}

func TestWaitingIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, limits := New(Config{Now: time.Now, Wait: 3 * time.Second}), Limits{Concurrent: 1, RequestsPerMinute: 10}
		held := must(t, l, "k", limits, 0)
		begin := time.Now()
		_, state := refused(t, l, limits, 0)
		if took := time.Since(begin); took != 3*time.Second || state.RemainingRequests != 9 {
			t.Errorf("gave up after %v; the refused request was counted: %+v", took, state)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := l.Acquire(ctx, "k", limits, 0); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a client that went away got %v", err)
		}
		held.Release(0)
		p := must(t, l, "k", limits, 0)
		p.Release(0)
	})
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, limits := New(Config{Now: time.Now, MaxKeys: 640}), Limits{RequestsPerMinute: 5}
		busy := must(t, l, "busy", Limits{Concurrent: 1}, 0)
		for i := range 10000 {
			p := must(t, l, fmt.Sprint(i), limits, 0)
			p.Release(0)
		}
		if n := l.Stats().Keys; n > 640+shards {
			t.Errorf("%d keys are remembered, more than 640", n)
		}
		if _, err := New(Config{Now: time.Now, Queue: -1}).Acquire(t.Context(), "x", limits, 0); err != nil {
			t.Error(err)
		}
		busy.Release(0)
		<-time.After(idleAfter)
		for i := range 2000 {
			p := must(t, l, fmt.Sprint("new", i%64), limits, 0)
			p.Release(0)
			<-time.After(time.Minute)
		}
		if n := l.Stats().Keys; n > 500 {
			t.Errorf("%d keys are remembered although only 64 are used", n)
		}
	})
}

func TestUnlimitedCostsNothing(t *testing.T) {
	t.Parallel()
	l := New(Config{Now: time.Now})
	p, err := l.Acquire(t.Context(), "k", Limits{}, 1e9)
	if err != nil {
		t.Fatal(err)
	}
	p.Release(5)
	if l.Stats().Keys != 0 {
		t.Error("an unlimited key is remembered")
	}
}

func TestNeverMoreInFlightThanAllowed(t *testing.T) {
	t.Parallel()
	l, limits := New(Config{Now: time.Now, Queue: 1000, Wait: time.Minute}), Limits{Concurrent: 3}
	var inFlight, worst atomic.Int64
	done := make(chan struct{})
	for range 50 {
		go func() {
			defer func() { done <- struct{}{} }()
			for range 100 {
				p, err := l.Acquire(t.Context(), "k", limits, 0)
				if err != nil {
					t.Error(err)
					return
				}
				if n := inFlight.Add(1); n > worst.Load() {
					worst.Store(n)
				}
				inFlight.Add(-1)
				p.Release(0)
			}
		}()
	}
	for range 50 {
		<-done
	}
	if worst.Load() > 3 {
		t.Errorf("%d were in flight at once", worst.Load())
	}
}

func BenchmarkAcquireRelease(b *testing.B) {
	l, limits := New(Config{Now: time.Now}), Limits{RequestsPerMinute: 1e12, TokensPerMinute: 1e12, Concurrent: 1e6}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			p, err := l.Acquire(context.Background(), "key", limits, 100)
			if err != nil {
				b.Error(err)
				return
			}
			p.Release(120)
		}
	})
}
