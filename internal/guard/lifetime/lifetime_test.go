package lifetime_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/craton-ai/craton/internal/guard/lifetime"
)

type key struct{}

var errWhy = errors.New("why")

func TestDetachedKeepsValuesOnly(t *testing.T) {
	t.Parallel()
	client, leave := context.WithTimeout(context.WithValue(t.Context(), key{}, "v"), time.Hour)
	c := lifetime.Detached(client)
	leave()
	if _, has := c.Deadline(); c.Err() != nil || context.Cause(c) != nil || c.Value(key{}) != "v" || has {
		t.Errorf("after its client: %v, %v, %v", c.Err(), context.Cause(c), c.Value(key{}))
	}
	c.End(nil)
	c.End(errWhy)
	if c.Err() != context.Canceled || context.Cause(c) != context.Canceled {
		t.Errorf("ended with %v, %v", c.Err(), context.Cause(c))
	}
	<-c.Done()
}

// TestWithinEndsWithItsCaller: whatever stands around it or within it ends for
// the same cause.
func TestWithinEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	for name, around := range map[string]func(context.Context) (context.Context, func(error)){
		"standard": func(ctx context.Context) (context.Context, func(error)) {
			ctx, end := context.WithCancelCause(ctx)
			return ctx, end
		},
		"own": func(ctx context.Context) (context.Context, func(error)) {
			c := lifetime.Detached(ctx)
			return c, c.End
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			outer, end := around(context.WithValue(t.Context(), key{}, name))
			c := lifetime.Within(outer)
			inner, cancel := context.WithCancelCause(c)
			defer cancel(nil)
			deep := lifetime.Within(context.WithValue(c, key{}, "deep"))
			ran := 0
			stopped := c.AfterFunc(func() { ran += 10 })
			c.AfterFunc(func() { ran++ })
			if !stopped() || stopped() {
				t.Errorf("%s: a function is not stopped once", name)
			}
			end(errWhy)
			for what, ctx := range map[string]context.Context{"it": c, "inner": inner, "deep": deep} {
				<-ctx.Done()
				if !errors.Is(ctx.Err(), context.Canceled) || !errors.Is(context.Cause(ctx), errWhy) {
					t.Errorf("%s, %s: %v, %v", name, what, ctx.Err(), context.Cause(ctx))
				}
			}
			synctest.Wait()
			if ran != 1 || c.Value(key{}) != name || deep.Value(key{}) != "deep" {
				t.Errorf("%s: ran %d, value %v", name, ran, c.Value(key{}))
			}
			late := make(chan struct{})
			if stop := c.AfterFunc(func() { close(late) }); stop() {
				t.Errorf("%s: a function after the end is stopped", name)
			}
			<-late
		})
	}
}

// TestADeadlineIsNoCancellation: who asks why a call ended takes the one for the
// client's doing, the other for the upstream's.
func TestADeadlineIsNoCancellation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		outer, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		c := lifetime.Within(outer)
		deep := lifetime.Within(c)
		for _, ctx := range []context.Context{c, deep} {
			<-ctx.Done()
			if ctx.Err() != context.DeadlineExceeded || context.Cause(ctx) != context.DeadlineExceeded {
				t.Errorf("ended with %v, %v", ctx.Err(), context.Cause(ctx))
			}
		}
	})
}

// TestEndLeavesTheCaller: what has ended is not held by what goes on.
func TestEndLeavesTheCaller(t *testing.T) {
	t.Parallel()
	outer := lifetime.Detached(t.Context())
	deadline := time.Now().Add(time.Hour)
	limited, cancel := context.WithDeadline(t.Context(), deadline)
	defer cancel()
	if at, ok := lifetime.Within(limited).Deadline(); !ok || !at.Equal(deadline) {
		t.Errorf("the deadline is %v", at)
	}
	for range 5 {
		c := lifetime.Within(outer)
		c.End(errWhy)
		if !errors.Is(c.Err(), errWhy) || outer.Err() != nil {
			t.Errorf("%v within %v", c.Err(), outer.Err())
		}
	}
	outer.End(nil)
}

func BenchmarkCall(b *testing.B) {
	client, leave := context.WithCancel(b.Context())
	defer leave()
	b.Run("own", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			d := lifetime.Detached(client)
			c := lifetime.Within(d)
			c.AfterFunc(func() {})()
			c.End(nil)
			d.End(nil)
		}
	})
	b.Run("standard", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			d, end := context.WithCancelCause(context.WithoutCancel(client))
			c, cancel := context.WithCancelCause(d)
			context.AfterFunc(c, func() {})()
			cancel(nil)
			end(nil)
		}
	})
}
