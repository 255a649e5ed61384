package sqlite

import (
	"sync"
	"time"
)

// How long the writer waits for more of the operations that it expects: longer
// each time most of them come, shorter each time they do not, and no longer than
// the sync takes which all of them share if they come in time: where syncs are
// free, there is nothing to wait for.
const (
	leastPatience = 25 * time.Microsecond
	mostPatience  = 500 * time.Microsecond
)

// line is where operations wait for the writer.
//
// Those who were answered tend to come again at once. A writer that began with
// the first of them would keep the others waiting for a sync of their own: it
// expects as many as were at work when it last looked.
type line struct {
	turn chan struct{} // holds one: as many are there as the writer wants

	mu      sync.Mutex // guards what follows
	waiting []*operation
	want    int // while the writer waits; else 0
	closed  bool

	// These are the writer's own.
	timer    *time.Timer
	expected int
	patience time.Duration
	sync     time.Duration // what the last one took
}

func newLine() *line {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	return &line{turn: make(chan struct{}, 1), timer: timer, patience: mostPatience, sync: mostPatience}
}

// push adds an operation, or reports false once the line is closed.
func (l *line) push(o *operation) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.waiting = append(l.waiting, o)
	if l.want > 0 && len(l.waiting) >= l.want {
		l.call()
	}
	return true
}

// call tells the writer to look. l.mu is held.
func (l *line) call() {
	if l.want > 0 {
		l.want = 0
		l.turn <- struct{}{}
	}
}

// close refuses what comes from now on.
func (l *line) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.call()
}

// take returns what is to be done together, in the group's memory, or nothing
// after the last operation of a closed line.
func (l *line) take(group []*operation) []*operation {
	here := l.await(1, nil)
	if missing := min(l.expected, maxGroup) - here; missing > 0 && l.sync > leastPatience {
		l.timer.Reset(min(l.patience, l.sync))
		came := l.await(here+missing, l.timer.C) - here
		l.timer.Stop()
		if 2*came >= missing {
			l.patience = min(2*l.patience, mostPatience)
		} else {
			l.patience = max(l.patience/2, leastPatience)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(len(l.waiting), maxGroup)
	group = append(group[:0], l.waiting[:n]...)
	rest := copy(l.waiting, l.waiting[n:])
	clear(l.waiting[rest:])
	l.waiting = l.waiting[:rest]
	return group
}

// synced says how long a commit took that waited for the disk.
func (l *line) synced(took time.Duration) { l.sync = took }

// answered says how many were answered, which then may come again.
func (l *line) answered(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expected = n + len(l.waiting)
}

// await waits until n operations are there, the line is closed, or time is up,
// and returns how many are there.
func (l *line) await(n int, up <-chan time.Time) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) >= n || l.closed {
		return len(l.waiting)
	}
	l.want = n
	l.mu.Unlock()
	select {
	case <-l.turn:
		l.mu.Lock()
		return len(l.waiting)
	case <-up:
	}
	l.mu.Lock()
	if l.want == 0 { // they came at the same moment
		<-l.turn
	}
	l.want = 0
	return len(l.waiting)
}
