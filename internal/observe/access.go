package observe

import (
	"bufio"
	"context"
	"io"
	"log/slog"
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

// Defaults of the access log.
const (
	accessBuffer   = 4096
	accessInterval = time.Second
)

// AccessLog writes access lines as JSON. It is safe for concurrent use. Close it.
type AccessLog struct {
	lines   chan Access
	quit    chan struct{}
	done    chan struct{}
	closing sync.Once
	dropped atomic.Int64
	failed  error
}

// NewAccessLog starts the writing goroutine. Lines reach w at latest after a second.
func NewAccessLog(w io.Writer) *AccessLog {
	l := &AccessLog{lines: make(chan Access, accessBuffer), quit: make(chan struct{}), done: make(chan struct{})}
	go l.write(w)
	return l
}

// Log hands a line over. It never blocks: when the buffer is full the line is
// dropped and counted. After Close lines are dropped.
func (l *AccessLog) Log(a Access) {
	select {
	case l.lines <- a:
	default:
		l.dropped.Add(1)
	}
}

// Dropped counts lines that were dropped.
func (l *AccessLog) Dropped() int64 { return l.dropped.Load() }

// Close writes what was handed over and stops; the error is the writer's.
func (l *AccessLog) Close() error {
	l.closing.Do(func() { close(l.quit) })
	<-l.done
	return l.failed
}

// write owns the writer.
func (l *AccessLog) write(w io.Writer) {
	defer close(l.done)
	out := bufio.NewWriterSize(w, 64<<10)
	log := slog.NewJSONHandler(out, nil)
	tick := time.NewTicker(accessInterval)
	defer tick.Stop()
	for {
		select {
		case a := <-l.lines:
			l.line(log, &a)
		case <-tick.C:
			l.flush(out)
		case <-l.quit:
			for {
				select {
				case a := <-l.lines:
					l.line(log, &a)
					continue
				default:
				}
				l.flush(out)
				return
			}
		}
	}
}

// flush forgets a failed write, so that a full disk does not end the log for good.
func (l *AccessLog) flush(out *bufio.Writer) {
	if err := out.Flush(); err != nil {
		l.failed = err
	}
}

func (l *AccessLog) line(log slog.Handler, a *Access) {
	level := slog.LevelInfo
	if a.Status >= 500 {
		level = slog.LevelError
	}
	r := slog.NewRecord(a.At, level, "request", 0)
	attrs := make([]slog.Attr, 0, 16)
	text := func(key, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(key, value))
		}
	}
	text("request_id", a.RequestID)
	text("method", a.Method)
	text("path", a.Path)
	attrs = append(attrs, slog.Int("status", a.Status), slog.Int64("bytes", a.Bytes),
		slog.Float64("duration_ms", float64(a.Duration.Microseconds())/1e3))
	if a.Stream {
		attrs = append(attrs, slog.Bool("stream", true))
	}
	text("dialect", a.Dialect)
	text("tenant", a.Tenant)
	text("key", a.KeyID)
	text("model", a.Model)
	text("upstream", a.Upstream)
	text("remote", a.Remote)
	text("trace_id", a.TraceID)
	if a.Err != nil {
		text("err", a.Err.Error())
	}
	r.AddAttrs(attrs...)
	if err := log.Handle(context.Background(), r); err != nil {
		l.failed = err
		l.dropped.Add(1)
	}
}
