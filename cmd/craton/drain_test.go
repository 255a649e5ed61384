package main

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestAwaitNone: requests that were cut are waited for, within bounds.
func TestAwaitNone(t *testing.T) {
	t.Parallel()
	for name, ends := range map[string]time.Duration{"ends": time.Second, "hangs": time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var underWay atomic.Int64
				underWay.Store(1)
				last := time.AfterFunc(ends, func() { underWay.Store(0) })
				defer last.Stop()
				begin := time.Now()
				awaitNone(underWay.Load, cutPatience)
				if took := time.Since(begin); took < min(ends, cutPatience) || took > min(ends, cutPatience)+time.Second {
					t.Errorf("waited %v", took)
				}
			})
		})
	}
}
