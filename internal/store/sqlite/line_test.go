package sqlite

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestLineWaitsForThoseWhoComeAgain: who was answered shares the next group,
// and who does not come again is not waited for long.
func TestLineWaitsForThoseWhoComeAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLine()
		come := func(n int, within time.Duration) {
			for i := range n {
				go func() {
					time.Sleep(within * time.Duration(i) / time.Duration(n)) // of the test's own clock
					l.push(&operation{})
				}()
			}
		}
		group := make([]*operation, 0, maxGroup)
		take := func() (int, time.Duration) {
			begun := time.Now()
			group = l.take(group)
			l.answered(len(group))
			return len(group), time.Since(begun)
		}
		come(1, 0)
		if n, waited := take(); n != 1 || waited != 0 {
			t.Errorf("alone, one of %d waited for %s", n, waited)
		}
		for range 8 {
			l.push(&operation{})
		}
		take()
		for range 3 {
			come(8, mostPatience/2)
			if n, waited := take(); n != 8 || waited > mostPatience/2 {
				t.Errorf("of 8 that come again, %d were taken after %s", n, waited)
			}
		}
		come(3, 0)
		if n, waited := take(); n != 3 || waited != mostPatience {
			t.Errorf("with 5 of 8 gone, %d were taken after %s", n, waited)
		}
		come(3, 0)
		if n, waited := take(); n != 3 || waited != 0 {
			t.Errorf("once it is known, %d were taken after %s", n, waited)
		}
		for _, c := range []struct{ sync, most time.Duration }{{leastPatience, 0}, {4 * leastPatience, 4 * leastPatience}} {
			l.answered(8)
			l.synced(c.sync)
			come(1, 0)
			if n, waited := take(); n != 1 || waited > c.most {
				t.Errorf("with syncs of %s, %d waited for %s", c.sync, n, waited)
			}
		}
		for i := range maxGroup + 2 {
			if !l.push(&operation{}) {
				t.Error("refused ", i)
			}
		}
		if n, _ := take(); n != maxGroup {
			t.Errorf("%d were taken at once", n)
		}
		l.close()
		if n, waited := take(); n != 2 || waited != 0 || l.push(&operation{}) {
			t.Errorf("closed, %d were taken after %s, or one more was let in", n, waited)
		}
		if n, _ := take(); n != 0 {
			t.Errorf("%d were taken after the end", n)
		}
	})
}

// TestLineLosesNobody: everybody is taken once, whatever the timing.
func TestLineLosesNobody(t *testing.T) {
	t.Parallel()
	l := newLine()
	const comers, rounds = 16, 200
	var wg sync.WaitGroup
	for range comers {
		wg.Go(func() {
			for range rounds {
				o := &operation{done: make(chan struct{})}
				if !l.push(o) {
					t.Error("refused")
					return
				}
				<-o.done
			}
		})
	}
	go func() {
		wg.Wait()
		l.close()
	}()
	taken := 0
	for {
		group := l.take(nil)
		if len(group) == 0 {
			break
		}
		l.answered(len(group))
		for _, o := range group {
			close(o.done) // twice would panic
		}
		taken += len(group)
	}
	if taken != comers*rounds {
		t.Errorf("%d were taken", taken)
	}
}
