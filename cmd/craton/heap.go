package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// heapFloor is the heap size below which collecting garbage is not worth its
// time: a gateway's live heap is a few megabytes, and the collector's default
// would run for every few megabytes more.
const heapFloor = 16 << 20

// tuneCollector lets the heap grow to heapFloor between collections, and beyond
// that to the usual multiple of what lives. GOGC, if set, is left alone.
func tuneCollector(getenv func(string) string) {
	if getenv("GOGC") != "" {
		return
	}
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	var adjust func(*sentinel)
	adjust = func(s *sentinel) {
		metrics.Read(sample)
		live := max(sample[0].Value.Uint64(), 1<<20)
		percent := 100
		if live < heapFloor/2 {
			percent = int(heapFloor*100/live) - 100
		}
		debug.SetGCPercent(percent)
		runtime.SetFinalizer(s, adjust) // runs after the next collection
	}
	runtime.SetFinalizer(&sentinel{}, adjust)
}

// sentinel is collected at every collection.
type sentinel struct{ _ [16]byte }
