package main

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// heapFloor is the heap size below which collecting garbage is not worth its
// time: a gateway's live heap is a few megabytes, and the collector's default
// would run for every few megabytes more. Where it still runs again within
// soon, there is so much to do that heapSpare more is lent to the heap until
// the server rests.
const (
	heapFloor = 16 << 20
	heapSpare = 64 << 20
	soon      = 250 * time.Millisecond
)

// tuneCollector lets the heap grow to heapFloor between collections, and beyond
// that to the usual multiple of what lives, or by heapSpare more under load.
// GOGC, if set, is left alone.
func tuneCollector(getenv func(string) string) {
	if getenv("GOGC") != "" {
		return
	}
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	var last time.Time
	var adjust func(*sentinel)
	adjust = func(s *sentinel) {
		metrics.Read(sample)
		now := time.Now()
		debug.SetGCPercent(collectorPercent(sample[0].Value.Uint64(), now.Sub(last)))
		last = now
		runtime.SetFinalizer(s, adjust) // runs after the next collection
	}
	runtime.SetFinalizer(&sentinel{}, adjust)
}

// collectorPercent is how much the heap may grow over what lives, in bytes,
// where the last collection was so long ago.
func collectorPercent(live uint64, since time.Duration) int {
	live = max(live, 1<<20)
	room := live
	if since < soon {
		room = max(room, heapSpare)
	}
	return int(max(room, heapFloor-min(heapFloor, live)) * 100 / live)
}

// sentinel is collected at every collection.
type sentinel struct{ _ [16]byte }

// How memory that a burst took is given back: once little was allocated for a
// while, and there is something to give. The collector itself keeps it for the
// next burst for minutes, or as long as nothing is allocated at all.
const (
	restPeriod = 5 * time.Second
	restAllocs = 1 << 20
	restSpare  = 8 << 20
)

// heapSizes are what the runtime says of the heap, in bytes.
type heapSizes struct{ allocated, spare uint64 }

func readHeap() heapSizes {
	samples := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/heap/free:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}}
	metrics.Read(samples)
	size := func(i int) uint64 { return samples[i].Value.Uint64() }
	garbage := uint64(0)
	if size(1) > size(2) {
		garbage = size(1) - size(2)
	}
	return heapSizes{allocated: size(0), spare: garbage + size(3) + size(4)}
}

// rested reports whether a process with these sizes, one period apart, should
// give memory back.
func rested(before, now heapSizes) bool {
	return now.allocated-before.allocated < restAllocs && now.spare > restSpare
}

// giveBack gives memory back whenever the process rests, until ctx ends.
func giveBack(ctx context.Context) {
	tick := time.NewTicker(restPeriod)
	defer tick.Stop()
	var given uint64 // what was allocated when memory was given back last
	for before := readHeap(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := readHeap()
		if rested(before, now) && now.allocated-given > restAllocs {
			debug.FreeOSMemory()
			now = readHeap()
			given = now.allocated
		}
		before = now
	}
}
