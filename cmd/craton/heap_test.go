package main

import "testing"

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
