//go:build unix

package crash

import (
	"io"
	"net"
	"sync"
	"testing"
)

// proxy is the network between servers and PostgreSQL.
type proxy struct {
	listener net.Listener
	target   string // a Unix socket

	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]bool
	// mended is closed when what was swallowed comes through; nil while all does.
	mended chan struct{}
	group  sync.WaitGroup
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, target: target, conns: map[net.Conn]bool{}}
	p.group.Go(p.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		p.swallow(false)
		p.set(true)
		p.group.Wait()
	})
	return p
}

func (p *proxy) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("unix", p.target)
		if err != nil || !p.keep(conn, far) {
			_ = conn.Close()
			if far != nil {
				_ = far.Close()
			}
			continue
		}
		p.group.Go(func() { p.pass(conn, far) })
		p.group.Go(func() { p.pass(far, conn) })
	}
}

// keep remembers both ends, unless nothing passes.
func (p *proxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut {
		return false
	}
	for _, c := range conns {
		p.conns[c] = true
	}
	return true
}

func (p *proxy) pass(to, from net.Conn) {
	_, _ = io.Copy(writer{p, to}, from)
	_ = to.Close()
	_ = from.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, from)
}

// writer is a connection through the network.
type writer struct {
	p *proxy
	net.Conn
}

// Write waits while the network swallows what is said: nobody is told that
// nobody hears it, and it comes through late.
func (w writer) Write(b []byte) (int, error) {
	w.p.mu.Lock()
	mended := w.p.mended
	w.p.mu.Unlock()
	if mended != nil {
		<-mended
	}
	return w.Conn.Write(b)
}

// swallow lets the network accept everything and pass nothing on, or mends it.
func (p *proxy) swallow(begin bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case begin && p.mended == nil:
		p.mended = make(chan struct{})
	case !begin && p.mended != nil:
		close(p.mended)
		p.mended = nil
	}
}

// set cuts the network or mends it.
func (p *proxy) set(cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = cut
	for c := range p.conns {
		if cut {
			_ = c.Close()
		}
	}
}
