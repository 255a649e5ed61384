package plain

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// Defaults of Config.
const (
	DefaultMaxIdle = 256
	DefaultIdle    = 90 * time.Second
)

// Other is the transport for what this package does not do.
type Other interface {
	http.RoundTripper
	CloseIdleConnections()
}

// Config shapes a Transport. Else is required.
type Config struct {
	// Else serves other requests: https, a proxy on the way, a body of unknown length.
	Else Other
	// Proxy says which proxy a request takes, asked once for each host; nil or
	// a nil URL means none.
	Proxy func(*http.Request) (*url.URL, error)
	// Dial opens a connection; nil dials with the system's defaults.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// FirstByte bounds the wait for the answer's header; 0 does not.
	FirstByte time.Duration
	// MaxIdle is how many idle connections are kept; 0 means DefaultMaxIdle.
	MaxIdle int
	// Idle is how long one is kept; 0 means DefaultIdle.
	Idle time.Duration
	// Now is the clock; nil is the system's.
	Now func() time.Time
}

// Transport is an http.RoundTripper. It is safe for concurrent use. Idle
// connections are closed in time, or by CloseIdleConnections.
type Transport struct {
	cfg Config

	mu sync.Mutex
	// direct says of each host asked for whether no proxy is on the way.
	direct map[string]bool
	// idle are connections by address, the latest used last.
	idle  map[string][]*conn
	count int
	// sweeper closes what was idle for too long; nil while nothing is idle.
	sweeper *time.Timer
}

// New returns a transport that holds no connection yet.
func New(cfg Config) *Transport {
	if cfg.Dial == nil {
		cfg.Dial = (&net.Dialer{}).DialContext
	}
	if cfg.MaxIdle == 0 {
		cfg.MaxIdle = DefaultMaxIdle
	}
	if cfg.Idle <= 0 {
		cfg.Idle = DefaultIdle
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Transport{cfg: cfg, direct: map[string]bool{}, idle: map[string][]*conn{}}
}

// RoundTrip implements http.RoundTripper. The body of the answer must be read
// to its end or closed; Close may run beside Read and ends it.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if !supported || !t.mine(req) {
		return t.cfg.Else.RoundTrip(req)
	}
	if req.Body != nil {
		defer req.Body.Close()
	}
	m, err := newMessage(req)
	if err != nil {
		return nil, err
	}
	defer m.release()
	address := addressOf(req.URL)
	for {
		c, reused, err := t.connect(req.Context(), address)
		if err != nil {
			return nil, err
		}
		resp, err := c.exchange(req, m)
		if err == nil {
			return resp, nil
		}
		c.Close()
		var lost *lostError
		if !reused || !errors.As(err, &lost) || !m.again(req, lost) {
			return nil, err
		}
	}
}

// mine reports whether the request is one for this package.
func (t *Transport) mine(req *http.Request) bool {
	if req.URL == nil || req.URL.Scheme != "http" || req.ContentLength < 0 || len(req.TransferEncoding) > 0 ||
		req.Trailer != nil || req.Method == http.MethodConnect || req.Header.Get("Upgrade") != "" || !plainHost(req) {
		return false
	}
	if t.cfg.Proxy == nil {
		return true
	}
	t.mu.Lock()
	direct, known := t.direct[req.URL.Host]
	t.mu.Unlock()
	if !known {
		proxy, err := t.cfg.Proxy(req)
		direct = err == nil && proxy == nil
		t.mu.Lock()
		if len(t.direct) < maxHosts {
			t.direct[req.URL.Host] = direct
		}
		t.mu.Unlock()
	}
	return direct
}

// maxHosts bounds how many hosts' proxies are remembered.
const maxHosts = 1024

func addressOf(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	return net.JoinHostPort(u.Hostname(), "80")
}

// connect returns an idle connection that is still good, or a new one.
func (t *Transport) connect(ctx context.Context, address string) (c *conn, reused bool, err error) {
	for {
		c := t.take(address)
		if c == nil {
			break
		}
		if !c.stale() {
			return c, true, nil
		}
		c.Close()
	}
	inner, err := t.cfg.Dial(ctx, "tcp", address)
	if err != nil {
		return nil, false, fmt.Errorf("plain: %w", err)
	}
	return newConn(t, address, inner), false, nil
}

// take takes the connection out that was used last.
func (t *Transport) take(address string) *conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := t.idle[address]
	if len(list) == 0 {
		return nil
	}
	c := list[len(list)-1]
	list[len(list)-1] = nil
	t.idle[address] = list[:len(list)-1]
	t.count--
	return c
}

// put keeps a connection for the next request, or closes it.
func (t *Transport) put(c *conn) {
	c.since = t.cfg.Now()
	t.mu.Lock()
	if t.count >= t.cfg.MaxIdle {
		t.mu.Unlock()
		c.Close()
		return
	}
	t.idle[c.address] = append(t.idle[c.address], c)
	t.count++
	if t.sweeper == nil {
		t.sweeper = time.AfterFunc(t.cfg.Idle/4, t.sweep)
	}
	t.mu.Unlock()
}

// sweep closes connections that were idle for too long, or that the upstream
// has closed meanwhile.
func (t *Transport) sweep() {
	now := t.cfg.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	for address, list := range t.idle {
		kept := list[:0]
		for _, c := range list {
			if now.Sub(c.since) >= t.cfg.Idle || c.stale() {
				c.Close()
				t.count--
			} else {
				kept = append(kept, c)
			}
		}
		clear(list[len(kept):])
		if t.idle[address] = kept; len(kept) == 0 {
			delete(t.idle, address)
		}
	}
	t.sweeper = nil
	if t.count > 0 {
		t.sweeper = time.AfterFunc(t.cfg.Idle/4, t.sweep)
	}
}

// CloseIdleConnections closes what is idle now, the other transport's included.
func (t *Transport) CloseIdleConnections() {
	t.mu.Lock()
	for _, list := range t.idle {
		for _, c := range list {
			c.Close()
		}
	}
	clear(t.idle)
	t.count = 0
	if t.sweeper != nil {
		t.sweeper.Stop()
		t.sweeper = nil
	}
	t.mu.Unlock()
	t.cfg.Else.CloseIdleConnections()
}
