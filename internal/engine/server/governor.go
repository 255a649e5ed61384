package server

import (
	"bytes"
	"os"
	"runtime"
	"strconv"
	"time"
)

// governor chooses how many threads compute. The library's threads wait for each
// other by spinning: with one thread more than there are free cores, every step
// waits for the scheduler's time slices and is tens of times slower. So it
// follows what other processes leave free. It belongs to one goroutine.
type governor struct {
	most  int
	now   func() time.Time
	read  func() (cpuTimes, bool)
	last  cpuTimes
	taken time.Time
	count int
}

// cpuTimes are seconds of processor time since some moment.
type cpuTimes struct {
	busy  float64 // of all processes
	own   float64 // of this one
	cores int
}

// governPeriod is how often the load is looked at: short enough to give way
// within a sentence, long against the clock ticks that the system counts in.
const governPeriod = 300 * time.Millisecond

func newGovernor(most int, now func() time.Time) *governor {
	g := &governor{most: most, now: now, read: readCPU, count: max(1, most-1)}
	g.last, _ = g.read()
	g.taken = now()
	return g
}

// threads answers the number for the next step.
func (g *governor) threads() int {
	now := g.now()
	span := now.Sub(g.taken)
	if span < governPeriod {
		return g.count
	}
	times, ok := g.read()
	if !ok {
		return g.count
	}
	others := max(0, (times.busy-g.last.busy)-(times.own-g.last.own)) / span.Seconds()
	g.last, g.taken = times, now
	// After a pause the span says nothing about now; one period later it does.
	if span > 10*governPeriod {
		return g.count
	}
	// A thread may share its core with a little work of others, such as ours of
	// answering requests.
	const tolerated = 0.3
	free := float64(times.cores) - others + tolerated
	g.count = min(max(1, int(free)), g.most)
	return g.count
}

// readCPU reads Linux's counters; elsewhere the number of threads stays.
func readCPU() (cpuTimes, bool) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return cpuTimes{}, false
	}
	times := cpuTimes{cores: bytes.Count(text, []byte("\ncpu"))}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	// user nice system idle iowait irq softirq steal
	for i, field := range bytes.Fields(line) {
		if i >= 1 && i <= 8 && i != 4 && i != 5 {
			times.busy += ticks(field)
		}
	}
	self, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return cpuTimes{}, false
	}
	// The command name, in brackets, may hold spaces; utime and stime are the
	// 12th and 13th fields after it.
	fields := bytes.Fields(self[bytes.LastIndexByte(self, ')')+1:])
	if len(fields) > 12 {
		times.own = ticks(fields[11]) + ticks(fields[12])
	}
	return times, times.cores > 0
}

// ticks are hundredths of a second on every Linux.
func ticks(field []byte) float64 {
	n, _ := strconv.ParseFloat(string(field), 64)
	return n / 100
}

// cores is what this process may use, container limits included.
func cores() int { return runtime.GOMAXPROCS(0) }
