package observe

import (
	"bytes"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// Access is one finished HTTP request. Empty and zero fields are left out of the line.
type Access struct {
	At        time.Time
	RequestID string
	Remote    string
	Method    string
	// Path must not hold credentials.
	Path string
	// Dialect, Tenant, KeyID, Model and Upstream are empty where none was involved.
	Dialect, Tenant, KeyID, Model, Upstream string
	Status                                  int
	Bytes                                   int64
	Duration                                time.Duration
	Stream                                  bool
	TraceID                                 string
	// Err is the operator's view of what went wrong; nil on success.
	Err error
}

// Bounds of the access log, in bytes of lines, and how long one waits at most.
const (
	accessChunk    = 64 << 10
	accessBuffer   = 1 << 20
	accessInterval = time.Second
)

// AccessLog writes access lines as JSON. It is safe for concurrent use. Close it.
//
// Lines are encoded by whoever logs them, which costs less than handing them to
// a goroutine, and are written in chunks of whole lines by one that sleeps
// meanwhile.
type AccessLog struct {
	mu sync.Mutex
	// open are lines waiting to be written; closed says that no more are taken.
	open   []byte
	closed bool

	wake    chan struct{}
	quit    chan struct{}
	done    chan struct{}
	closing sync.Once
	dropped atomic.Int64
	failed  error
}

// NewAccessLog starts the writing goroutine. Lines reach w at latest after a second.
func NewAccessLog(w io.Writer) *AccessLog {
	l := &AccessLog{wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{})}
	go l.write(w)
	return l
}

// accessLines are buffers in which lines are encoded.
var accessLines = sync.Pool{New: func() any { b := make([]byte, 0, 512); return &b }}

// Log takes a line. It never waits for the writer: when too much waits, the
// line is dropped and counted. After Close lines are dropped.
func (l *AccessLog) Log(a Access) {
	buf := accessLines.Get().(*[]byte)
	line := appendAccess((*buf)[:0], &a)
	l.mu.Lock()
	taken := !l.closed && len(l.open)+len(line) <= accessBuffer
	if taken {
		l.open = append(l.open, line...)
	}
	full := len(l.open) >= accessChunk
	l.mu.Unlock()
	*buf = line
	accessLines.Put(buf)
	if !taken {
		l.dropped.Add(1)
	}
	if full {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

// Dropped counts lines that were dropped.
func (l *AccessLog) Dropped() int64 { return l.dropped.Load() }

// Close writes what was handed over and stops; the error is the writer's.
func (l *AccessLog) Close() error {
	l.closing.Do(func() {
		l.mu.Lock()
		l.closed = true
		l.mu.Unlock()
		close(l.quit)
	})
	<-l.done
	return l.failed
}

// write owns the writer.
func (l *AccessLog) write(w io.Writer) {
	defer close(l.done)
	tick := time.NewTicker(accessInterval)
	defer tick.Stop()
	var chunk []byte
	for {
		select {
		case <-l.wake:
		case <-tick.C:
		case <-l.quit:
			l.flush(w, chunk)
			return
		}
		chunk = l.flush(w, chunk)
	}
}

// flush writes what waits, and returns its memory for the lines after the next
// ones. A failed write is not the end, so that a full disk does not end the log
// for good, but its lines are dropped.
func (l *AccessLog) flush(w io.Writer, spare []byte) []byte {
	l.mu.Lock()
	chunk := l.open
	l.open = spare[:0]
	l.mu.Unlock()
	if len(chunk) > 0 {
		if n, err := w.Write(chunk); err != nil {
			l.failed = err
			l.dropped.Add(int64(bytes.Count(chunk[n:], []byte{'\n'})))
		}
	}
	if cap(chunk) > 4*accessChunk {
		return nil // of a time when the writer stood still
	}
	return chunk
}
