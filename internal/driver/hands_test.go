package driver

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// TestHands: work that comes together is done together, by goroutines of which
// one stays for what comes next, and none once all is done.
func TestHands(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHands()
		var began, done atomic.Int64
		work := func(until chan struct{}) func() {
			return func() {
				began.Add(1)
				<-until
				done.Add(1)
			}
		}
		first, second := make(chan struct{}), make(chan struct{})
		for range 3 {
			h.do(work(first))
		}
		synctest.Wait()
		if began.Load() != 3 || h.spare.Load() {
			t.Errorf("%d of 3 began, and one waits: %v", began.Load(), h.spare.Load())
		}
		close(first)
		synctest.Wait()
		if done.Load() != 3 || !h.spare.Load() {
			t.Errorf("%d of 3 are done, and one waits: %v", done.Load(), h.spare.Load())
		}
		h.do(work(second))
		synctest.Wait()
		if began.Load() != 4 || h.spare.Load() {
			t.Errorf("the one that waited did not begin: %d began", began.Load())
		}
		closed := make(chan struct{})
		go func() { defer close(closed); h.close() }()
		synctest.Wait()
		select {
		case <-closed:
			t.Error("close did not wait")
		default:
		}
		close(second)
		<-closed
		if done.Load() != 4 {
			t.Errorf("%d of 4 are done", done.Load())
		}
	})
}
