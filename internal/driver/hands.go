package driver

import (
	"sync"
	"sync/atomic"
)

// hands do an owner's runs, each on a goroutine. One that has come to its end
// waits for the next: it has the stack already that asking a model takes, which
// a new one grows step by step. Make it with newHands.
type hands struct {
	next  chan func()
	spare atomic.Bool // whether one waits
	group sync.WaitGroup
}

func newHands() *hands { return &hands{next: make(chan func())} }

// do has work done. Only the owner calls it, and not after close.
func (h *hands) do(work func()) {
	select {
	case h.next <- work:
	default:
		h.group.Go(func() { h.work(work) })
	}
}

func (h *hands) work(work func()) {
	for work != nil {
		work()
		if !h.spare.CompareAndSwap(false, true) {
			return // one is enough
		}
		work = <-h.next
		h.spare.Store(false)
	}
}

// close waits until all work is done.
func (h *hands) close() {
	close(h.next)
	h.group.Wait()
}
