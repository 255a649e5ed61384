package mcp

import (
	"context"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
)

// dialer makes a way to a server, and what tells of its troubles.
type dialer func() (sdk.Transport, *trouble)

// link is the way to one server for one tenant: at most one session of the
// protocol, opened when it is needed.
type link struct {
	pool *Pool
	key  string
	dial dialer
	// turn holds one token while somebody looks at or changes session and pause.
	turn    chan struct{}
	session *session
	pause   pause

	// users, since and expiry are the pool's.
	users  int
	since  time.Time
	expiry *time.Timer
}

// session is one session of the protocol.
type session struct {
	*sdk.ClientSession
	trouble *trouble
	opened  time.Time
	// ended is closed when nothing more can be asked of it.
	ended chan struct{}
}

func (s *session) over() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// lock takes the turn, or gives up with ctx.
func (l *link) lock(ctx context.Context) error {
	select {
	case l.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *link) unlock() { <-l.turn }

// get returns the open session, or opens one.
func (l *link) get(ctx context.Context) (*session, error) {
	if err := l.lock(ctx); err != nil {
		return nil, err
	}
	defer l.unlock()
	if l.session != nil && !l.session.over() {
		return l.session, nil
	}
	if l.pool.life.Err() != nil {
		return nil, sdk.ErrConnectionClosed
	}
	if l.session != nil {
		l.end(l.session)
	}
	if err := l.pause.wait(ctx, l.pool.cfg.Now()); err != nil {
		return nil, err
	}
	s, err := l.connect(ctx)
	if err != nil {
		return nil, err
	}
	l.session = s
	return s, nil
}

func (l *link) connect(ctx context.Context) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, l.pool.cfg.Limits.Connect)
	defer cancel()
	transport, t := l.dial()
	s, err := l.pool.client.Connect(ctx, transport, nil)
	if err != nil {
		l.pause.failed(t, l.pool.cfg.Now())
		return nil, &unopened{err: err, trouble: t}
	}
	opened := &session{ClientSession: s, trouble: t, opened: l.pool.cfg.Now(), ended: make(chan struct{})}
	l.pool.running.Go(func() {
		_ = s.Wait()
		close(opened.ended)
	})
	return opened, nil
}

// drop gives up a session that is of no more use.
func (l *link) drop(s *session) {
	l.turn <- struct{}{} // never held for long without a context that ends
	defer l.unlock()
	if l.session == s {
		l.end(s)
	}
}

// end closes a session in the background; the turn is held.
func (l *link) end(s *session) {
	l.session = nil
	l.pause.ended(s, l.pool.cfg.Now())
	l.pool.running.Go(func() { _ = s.Close() })
}

// close ends the session there is.
func (l *link) close() {
	l.turn <- struct{}{}
	defer l.unlock()
	if s := l.session; s != nil {
		l.session = nil
		_ = s.Close()
	}
}

// do runs one exchange on the session. Where the server did not carry it out
// because it had forgotten the session, it is run once more on a new one.
func (l *link) do(ctx context.Context, label string, exchange func(context.Context, *sdk.ClientSession) error) error {
	ctx, cancel := l.within(ctx)
	defer cancel()
	for again := true; ; again = false {
		s, err := l.get(ctx)
		if err != nil {
			return tool.NotSent(explain(ctx, label, err))
		}
		traced, sent := watch(ctx, s.trouble)
		err = exchange(traced, s.ClientSession)
		if err == nil {
			return nil
		}
		f := judge(ctx, label, err, s, sent.Load())
		if f.lost {
			l.drop(s)
		}
		if f.again && again {
			continue
		}
		if !f.sent {
			return tool.NotSent(f.err)
		}
		return f.err
	}
}

// within ends a context with the pool.
func (l *link) within(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(l.pool.life, cancel)
	return ctx, func() { stop(); cancel() }
}

// keeps reports whether the server keeps sessions of the protocol.
func (l *link) keeps(ctx context.Context) (bool, error) {
	ctx, cancel := l.within(ctx)
	defer cancel()
	s, err := l.get(ctx)
	if err != nil {
		return false, err
	}
	return s.ID() != "", nil
}

// watch reports whether a request made with the context came to a connection.
// On a child process everything counts as sent.
func watch(ctx context.Context, t *trouble) (context.Context, *atomic.Bool) {
	var sent atomic.Bool
	sent.Store(t.local)
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { sent.Store(true) }}), &sent
}

// pause spaces out the starts of a child process that keeps ending.
type pause struct {
	failures int
	until    time.Time
}

// The pauses between starts double from the first to the last; one that lived
// for steady starts over. A caller waits for at most patience.
const (
	firstPause = time.Second
	lastPause  = time.Minute
	steady     = time.Minute
	patience   = 5 * time.Second
)

func (p *pause) failed(t *trouble, now time.Time) {
	if !t.local {
		return
	}
	if p.failures > 0 {
		p.until = now.Add(min(lastPause, firstPause<<min(p.failures-1, 6)))
	}
	p.failures++
}

func (p *pause) ended(s *session, now time.Time) {
	if now.Sub(s.opened) >= steady {
		*p = pause{}
	}
	p.failed(s.trouble, now)
}

// wait waits until a start is due.
func (p *pause) wait(ctx context.Context, now time.Time) error {
	left := p.until.Sub(now)
	if left <= 0 {
		return nil
	}
	deadline, bounded := ctx.Deadline()
	if left > patience || bounded && deadline.Before(now.Add(left)) {
		return &model.Error{Kind: model.UpstreamDown, Message: "The tool server ended and is not started again yet.",
			Hint: "Try again later, or ask the operator.", RetryAfter: left}
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
