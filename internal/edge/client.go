package edge

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// How long one read from a client or one write to it may take. A client that
// stops in the middle would hold a place among the requests in flight, and its
// upstream, for ever.
const (
	readPatience  = time.Minute
	writePatience = 2 * time.Minute
)

// past is a deadline that has passed by any clock.
var past = time.Unix(1, 0)

// countingWriter remembers the status and the number of bytes written, and
// gives up on a client that does not read.
type countingWriter struct {
	http.ResponseWriter
	code     int
	n        int64
	wrote    bool
	patience time.Duration
	timer    *time.Timer
}

func (w *countingWriter) WriteHeader(code int) {
	if !w.wrote {
		w.code, w.wrote = code, true
	}
	w.ResponseWriter.WriteHeader(code)
}

func (w *countingWriter) Write(p []byte) (int, error) {
	w.wrote = true
	w.begin()
	n, err := w.ResponseWriter.Write(p)
	w.timer.Stop()
	w.n += int64(n)
	return n, err
}

// FlushError is how http.ResponseController flushes.
func (w *countingWriter) FlushError() error {
	w.begin()
	err := http.NewResponseController(w.ResponseWriter).Flush()
	w.timer.Stop()
	return err
}

// begin bounds the write that follows. A timer costs less than a deadline on
// the connection for each write, and needs no resetting for the next request.
func (w *countingWriter) begin() {
	if w.timer != nil {
		w.timer.Reset(w.patience)
		return
	}
	inner := w.ResponseWriter
	w.timer = time.AfterFunc(w.patience, func() {
		// Writers without deadlines, in tests, wait. HTTP/1.1 reads what is left of
		// a request before it answers: that must not wait either.
		c := http.NewResponseController(inner)
		_ = errors.Join(c.SetReadDeadline(past), c.SetWriteDeadline(past))
	})
}

func (w *countingWriter) status() int {
	if w.code == 0 {
		return http.StatusOK
	}
	return w.code
}

// Unwrap lets http.ResponseController reach deadlines.
func (w *countingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// patientBody gives up on a client that does not send what it announced.
type patientBody struct {
	io.ReadCloser
	w        http.ResponseWriter
	patience time.Duration
	timer    *time.Timer
	ended    bool
}

func (b *patientBody) Read(p []byte) (int, error) {
	b.begin()
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop()
	b.ended = b.ended || err != nil
	return n, err
}

func (b *patientBody) begin() {
	if b.timer != nil {
		b.timer.Reset(b.patience)
		return
	}
	b.timer = time.AfterFunc(b.patience, func() {
		_ = http.NewResponseController(b.w).SetReadDeadline(past) // as above
	})
}

// end sends the answer to a request whose body was not read, on which HTTP/1.1
// waits for the body: nobody has to prove anything to make it wait.
func (b *patientBody) end() {
	if b.ended {
		return
	}
	b.begin()
	_ = http.NewResponseController(b.w).Flush() // the client may be gone
	b.timer.Stop()
}
