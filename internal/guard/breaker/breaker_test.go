package breaker

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/craton-ai/craton/internal/guard"
	"github.com/craton-ai/craton/internal/model"
)

var errDown = model.Errorf(model.UpstreamDown, "", "down")

func run(t *testing.T, b *Breaker, n int, err error) {
	t.Helper()
	for range n {
		ticket, refused := b.Allow()
		if refused != nil {
			t.Fatal(refused)
		}
		b.Report(ticket, err)
	}
}

func TestOpensRestsProbesCloses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := New(Config{Now: time.Now})
		run(t, b, 5, nil)
		run(t, b, 4, errDown)
		if b.State() != Closed {
			t.Fatal("opened below the minimum of calls")
		}
		run(t, b, 1, errDown)
		if b.State() != Open {
			t.Fatal("5 of 10 failed and it is not open")
		}
		_, err := b.Allow()
		e := model.AsError(err)
		if !errors.Is(err, guard.ErrOpen) || e.Kind != model.UpstreamDown || e.RetryAfter != DefaultCooldown {
			t.Fatalf("refused with %+v", e)
		}
		<-time.After(DefaultCooldown)
		if b.State() != HalfOpen {
			t.Fatalf("after its rest it is %v", b.State())
		}
		first, _ := b.Allow()
		second, _ := b.Allow()
		if _, err := b.Allow(); err == nil {
			t.Fatal("a third probe was let through")
		}
		b.Report(first, nil)
		if b.State() != HalfOpen {
			t.Fatal("closed after one probe")
		}
		b.Report(second, nil)
		if b.State() != Closed {
			t.Fatal("two good probes did not close it")
		}
	})
}

func TestAFailedProbeOpensAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := New(Config{Now: time.Now})
		run(t, b, 10, errDown)
		<-time.After(DefaultCooldown)
		run(t, b, 1, errDown)
		if b.State() != Open {
			t.Fatalf("it is %v", b.State())
		}
		<-time.After(DefaultCooldown)
		if _, err := b.Allow(); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Allow(); err != nil {
			t.Fatal(err)
		}
		<-time.After(DefaultCooldown)
		if _, err := b.Allow(); err != nil {
			t.Fatalf("probes that never came back block it for ever: %v", err)
		}
	})
}

func TestTheWindowRolls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := New(Config{Now: time.Now})
		run(t, b, 9, errDown)
		<-time.After(2 * DefaultWindow)
		run(t, b, 1, errDown)
		if b.State() != Closed {
			t.Error("failures of long ago count")
		}
	})
}

func TestOnlyTheUpstreamsFailuresCount(t *testing.T) {
	t.Parallel()
	for kind, want := range map[model.Kind]State{
		model.Invalid: Closed, model.RateLimited: Closed, model.Canceled: Closed, model.ContextLength: Closed,
		model.Timeout: Open, model.UpstreamGarbage: Open, model.UpstreamDenied: Open,
	} {
		b := New(Config{Now: func() time.Time { return time.Unix(1e9, 0) }})
		for range 20 {
			if ticket, err := b.Allow(); err == nil {
				b.Report(ticket, model.Errorf(kind, "", "x"))
			}
		}
		if b.State() != want {
			t.Errorf("%v: %v, want %v", kind, b.State(), want)
		}
	}
}

func TestLateReportsAreIgnored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := New(Config{Now: time.Now})
		old, _ := b.Allow()
		run(t, b, 10, errDown)
		b.Report(old, nil)
		if b.State() != Open {
			t.Error("a report from before it opened closed it")
		}
	})
}

func TestAsAGuardAndASet(t *testing.T) {
	t.Parallel()
	set := NewSet(Config{Now: func() time.Time { return time.Unix(1e9, 0) }})
	for range DefaultMinimum {
		_, err := guard.Do(t.Context(), set.Of("x"), func(context.Context) (int, error) { return 0, errDown })
		if err == nil {
			t.Fatal("no error")
		}
	}
	called := false
	_, err := guard.Do(t.Context(), set.Of("x"), func(context.Context) (int, error) { called = true; return 0, nil })
	if called || !errors.Is(err, guard.ErrOpen) || !set.Open("x") || set.Open("y") {
		t.Errorf("called %v, %v, open %v %v", called, err, set.Open("x"), set.Open("y"))
	}
	if s := set.States(); s["x"] != Open || s["y"] != Closed || len(s) != 2 {
		t.Errorf("states %v", s)
	}
}

func BenchmarkAllowReport(b *testing.B) {
	br := New(Config{Now: time.Now})
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			t, _ := br.Allow()
			br.Report(t, nil)
		}
	})
}
