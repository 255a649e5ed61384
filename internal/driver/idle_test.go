package driver_test

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/store/sqlite"
)

// goroutines counts those that were started under a label.
func goroutines(t *testing.T, label string) (total int) {
	t.Helper()
	var b bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&b, 1); err != nil {
		t.Fatal(err)
	}
	for stack := range strings.SplitSeq(b.String(), "\n\n") {
		if strings.Contains(stack, `"world":"`+label+`"`) {
			n := 0
			_, _ = fmt.Sscan(stack[strings.LastIndex(stack[:strings.Index(stack, " @ ")], "\n")+1:], &n)
			total += n
		}
	}
	return total
}

// TestIdleSessionsCostNothing: a session that has nothing to do holds no
// goroutine, and its owner lets it go.
func TestIdleSessionsCostNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pprof.Do(t.Context(), pprof.Labels("world", "idle"), func(context.Context) {
			w := newWorld(t, echo{})
			d, stop := w.node()
			defer stop()
			create(t, d.Sessions(), agent.Definition{}, "hello")
			rest()
			base := goroutines(t, "idle")
			for n := range 500 {
				create(t, d.Sessions(), agent.Definition{}, fmt.Sprint("hello ", n))
			}
			synctest.Wait() // they have begun, and no time has passed
			busy := goroutines(t, "idle")
			rest()
			if now := goroutines(t, "idle"); now != base || d.Owned() != 0 {
				t.Errorf("%d goroutines at first, %d in between, %d for 500 idle sessions, of which %d are owned", base, busy, now, d.Owned())
			}
			if base == 0 || busy <= base {
				t.Errorf("%d and %d goroutines were counted: too few to tell", base, busy)
			}
		})
	})
}

// BenchmarkAgedTurn is a turn on SQLite of a session that nobody drives any more,
// from Send to its end, at two ages.
func BenchmarkAgedTurn(b *testing.B) {
	for _, age := range []uint64{10, 10_000} {
		b.Run(fmt.Sprint("events=", age), func(b *testing.B) { benchmarkAgedTurn(b, age) })
	}
}

func benchmarkAgedTurn(b *testing.B, age uint64) {
	store, err := sqlite.Open(b.Context(), b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	w := &world{t: b, models: forgetful{}, linger: time.Microsecond, leases: store, index: store, buffer: store, snapshots: store}
	w.over(store)
	d, stop := w.node()
	defer stop()
	s := d.Sessions()
	id := create(b, s, agent.Definition{}, "hello").State.Session
	n := 0
	turn := func() uint64 {
		tail, err := s.Tail(b.Context(), "t1", id, "")
		if err != nil {
			b.Fatal(err)
		}
		defer tail.Close()
		n++
		if err := say(b, s, id, fmt.Sprint("question ", n)); err != nil {
			b.Fatal(err)
		}
		for {
			told, err := tail.Next(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			if told.Kind == agent.SignalTurnEnded {
				return told.State.Seq
			}
		}
	}
	for turn() < age {
	}
	for b.Loop() {
		b.StopTimer()
		for d.Owned() > 0 {
			runtime.Gosched()
		}
		b.StartTimer()
		turn()
	}
}
