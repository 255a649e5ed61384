package main

import (
	"testing"
	"time"
)

// TestRested: memory is given back when a burst is over, not in the middle of
// one, and not where there is none.
func TestRested(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before, now heapSizes
		want        bool
	}{
		"after a burst":        {heapSizes{500 << 20, 60 << 20}, heapSizes{500<<20 + 1000, 60 << 20}, true},
		"in a burst":           {heapSizes{500 << 20, 60 << 20}, heapSizes{600 << 20, 60 << 20}, false},
		"with nothing to give": {heapSizes{500 << 20, 3 << 20}, heapSizes{500<<20 + 1000, 3 << 20}, false},
	} {
		if got := rested(c.before, c.now); got != c.want {
			t.Errorf("%s: got %t", name, got)
		}
	}
	if h := readHeap(); h.allocated == 0 {
		t.Errorf("the runtime says %+v", h)
	}
}

// TestCollectorPercent: a small heap grows to the floor, a large one doubles,
// and one that is collected again at once has more room.
func TestCollectorPercent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		live  uint64
		since time.Duration
		want  int
	}{
		{0, time.Minute, 1500}, {4 << 20, time.Minute, 300}, {8 << 20, time.Minute, 100}, {100 << 20, time.Minute, 100},
		{4 << 20, soon / 2, 1600}, {32 << 20, soon / 2, 200}, {100 << 20, soon / 2, 100},
	} {
		if got := collectorPercent(c.live, c.since); got != c.want {
			t.Errorf("%d bytes after %s: %d percent, want %d", c.live, c.since, got, c.want)
		}
	}
}
