package plain

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// maxHeader bounds an answer's header.
	maxHeader = 1 << 20
	// maxEarly is how many answers of status 1xx may come before the real one.
	maxEarly = 5
)

var (
	errHeader   = errors.New("plain: the answer's header is too large")
	errEarly    = errors.New("plain: too many answers of status 1xx")
	errSwitched = errors.New("plain: the upstream changed the protocol unasked")
	errClosed   = errors.New("plain: the answer was closed")
)

// lostError says that a connection broke before the first byte of an answer.
type lostError struct {
	err error
	// written says that part of the request may have reached the upstream.
	written bool
}

// Error implements error.
func (e *lostError) Error() string {
	return fmt.Sprintf("plain: the upstream closed the connection: %v", e.err)
}

// Unwrap returns the connection's error.
func (e *lostError) Unwrap() error { return e.err }

// conn is one connection. While a request is under way it belongs to that
// request's goroutine, but for Close.
type conn struct {
	net.Conn
	owner   *Transport
	address string
	in      *bufio.Reader
	// raw looks at the connection without taking from it; nil where that
	// cannot be done.
	raw syscall.RawConn
	// since is when it became idle.
	since time.Time
	// left is how much of a header may still be read; negative after it.
	left int
}

func newConn(owner *Transport, address string, inner net.Conn) *conn {
	c := &conn{Conn: inner, owner: owner, address: address, left: -1}
	c.in = bufio.NewReader(header{c})
	if s, ok := inner.(syscall.Conn); ok {
		c.raw, _ = s.SyscallConn() // nil on an error: the connection is then not used twice
	}
	return c
}

// header reads a connection within the bound of a header.
type header struct{ c *conn }

// Read implements io.Reader.
func (h header) Read(p []byte) (int, error) {
	if h.c.left < 0 {
		return h.c.Conn.Read(p)
	}
	if h.c.left == 0 {
		return 0, errHeader
	}
	n, err := h.c.Conn.Read(p[:min(len(p), h.c.left)])
	h.c.left -= n
	return n, err
}

// exchange writes the request and reads the answer's header. An error leaves
// the connection to be closed.
func (c *conn) exchange(req *http.Request, m *message) (*http.Response, error) {
	stop := afterEnd(req.Context(), c.sever)
	resp, err := c.converse(req, m, stop)
	if err != nil {
		stop()
		if ctx := req.Context(); ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
	return resp, err
}

// afterEnd is context.AfterFunc, which asks a context of another kind for the
// same, but makes a context of its own to do so.
func afterEnd(ctx context.Context, f func()) (stop func() bool) {
	if own, ok := ctx.(interface{ AfterFunc(func()) func() bool }); ok {
		return own.AfterFunc(f)
	}
	return context.AfterFunc(ctx, f)
}

// sever closes the connection, whoever uses it.
func (c *conn) sever() { c.Close() }

func (c *conn) converse(req *http.Request, m *message, stop func() bool) (*http.Response, error) {
	n, err := c.Conn.Write(m.bytes)
	if err != nil && n == 0 {
		return nil, &lostError{err: err}
	}
	var sender *sender
	if err == nil && m.rest != nil {
		sender = c.send(m.rest, m.left)
	}
	resp, rerr := c.read(req)
	if rerr != nil {
		sender.end(c)
		if err != nil {
			return nil, &lostError{err: err, written: true}
		}
		return nil, rerr
	}
	// A request that could not be written whole ends with its answer.
	whole := err == nil
	a := &answer{inner: resp.Body, c: c, stop: stop, sender: sender, reusable: whole && !resp.Close && c.raw != nil}
	if resp.Body == http.NoBody {
		a.finish()
	} else {
		resp.Body = a
	}
	return resp, nil
}

// read reads the answer's header, and those of answers of status 1xx before it.
func (c *conn) read(req *http.Request) (*http.Response, error) {
	if wait := c.owner.cfg.FirstByte; wait > 0 {
		if err := c.SetReadDeadline(c.owner.cfg.Now().Add(wait)); err != nil {
			return nil, &lostError{err: err, written: true}
		}
	}
	c.left = maxHeader
	if _, err := c.in.Peek(1); err != nil {
		return nil, lost(err)
	}
	for range maxEarly + 1 {
		resp := quick(c.in, req)
		if resp == nil {
			var err error
			if resp, err = http.ReadResponse(c.in, req); err != nil {
				return nil, fmt.Errorf("plain: %w", unexpected(err))
			}
		}
		if resp.StatusCode == http.StatusSwitchingProtocols {
			return nil, errSwitched
		}
		if resp.StatusCode/100 == 1 {
			continue
		}
		c.left = -1
		var err error
		if c.owner.cfg.FirstByte > 0 {
			err = c.SetReadDeadline(time.Time{})
		}
		return resp, err
	}
	return nil, errEarly
}

// lost is an error before the answer's first byte; a passed deadline is told as it is.
func lost(err error) error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return fmt.Errorf("plain: no answer: %w", err)
	}
	return &lostError{err: err, written: true}
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// sender writes a big body beside the reading of the answer.
type sender struct {
	done chan struct{}
	// err is why it stopped early; to be read after done.
	err error
}

func (c *conn) send(body io.Reader, length int64) *sender {
	s := &sender{done: make(chan struct{})}
	go func() {
		defer close(s.done)
		_, s.err = io.CopyN(c.Conn, body, length)
	}()
	return s
}

// end closes the connection under a sender and waits for it.
func (s *sender) end(c *conn) {
	if s == nil {
		return
	}
	c.Close()
	<-s.done
}

// ended reports whether the sender has written everything.
func (s *sender) ended() bool {
	if s == nil {
		return true
	}
	select {
	case <-s.done:
		return s.err == nil
	default:
		return false
	}
}

// answer is the body of an answer, which gives the connection back at its end.
type answer struct {
	inner    io.Reader
	c        *conn
	stop     func() bool
	sender   *sender
	reusable bool
	// done follows the end, be it of the body or by Close; closed the latter.
	done, closed atomic.Bool
}

// Read implements io.Reader.
func (a *answer) Read(p []byte) (int, error) {
	if a.closed.Load() {
		return 0, errClosed
	}
	n, err := a.inner.Read(p)
	if err == io.EOF {
		a.finish()
	} else if err != nil {
		a.drop()
	}
	return n, err
}

// Close ends the answer, and with it the connection if it was not read to its end.
func (a *answer) Close() error {
	a.closed.Store(true)
	a.drop()
	return nil
}

// finish gives the connection back after a whole answer.
func (a *answer) finish() {
	if !a.done.CompareAndSwap(false, true) {
		return
	}
	// A context that ended has closed the connection, or is about to.
	if open := a.stop(); open && a.reusable && a.c.in.Buffered() == 0 && a.sender.ended() {
		a.c.owner.put(a.c)
		return
	}
	a.sever()
}

// drop gives the connection up.
func (a *answer) drop() {
	if a.done.CompareAndSwap(false, true) {
		a.stop()
		a.sever()
	}
}

func (a *answer) sever() {
	a.c.Close()
	if a.sender != nil {
		<-a.sender.done
	}
}
