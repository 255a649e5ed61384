// Package breaker stops calling an upstream that keeps failing. It is for the
// pipeline in front of each upstream, for routing, which puts upstreams with
// an open breaker last, and for metrics.
//
// A breaker is closed while the share of failures in a rolling window is
// small; it opens when it is not, refuses calls for a while, then lets a few
// probes through (half-open) and closes again when they succeed.
//
// Guarantees: Allow and Report never block; only failures of the upstream
// count, never the client's mistakes or its going away; a probe that never
// reports is forgotten after the cool-down.
//
//	ticket, err := b.Allow()
//	if err != nil {
//		return err
//	}
//	err = call()
//	b.Report(ticket, err)
package breaker

import (
	"context"
	"sync"
	"time"

	"github.com/craton-ai/craton/internal/guard"
	"github.com/craton-ai/craton/internal/model"
)

// State is a breaker's state.
type State uint8

// The states.
const (
	Closed State = iota
	HalfOpen
	Open
)

// String names the state.
func (s State) String() string { return [...]string{"closed", "half_open", "open"}[s] }

// Defaults of Config.
const (
	DefaultWindow   = 10 * time.Second
	DefaultMinimum  = 10
	DefaultShare    = 0.5
	DefaultCooldown = 5 * time.Second
	DefaultProbes   = 2
)

// Config shapes a Breaker. Zero values mean the defaults above.
type Config struct {
	// Window is the span of time that counts.
	Window time.Duration
	// Minimum is how many calls must lie in the window before it can open.
	Minimum int
	// Share of failures, 0..1, from which it opens.
	Share float64
	// Cooldown is how long it stays open.
	Cooldown time.Duration
	// Probes is how many calls in a row must succeed for it to close, and how many run at once meanwhile.
	Probes int
	// Now is the clock; required.
	Now func() time.Time
}

const buckets = 10

type bucket struct {
	slot         int64
	calls, fails int
}

// Breaker guards one upstream. It is safe for concurrent use.
type Breaker struct {
	cfg Config

	mu     sync.Mutex
	state  State
	window [buckets]bucket
	// since is when the present state began; era counts state changes, so that
	// reports of calls from before a change are ignored.
	since time.Time
	era   int64
	// probing and proven count half-open calls under way and succeeded.
	probing, proven int
}

// New makes a closed Breaker.
func New(cfg Config) *Breaker {
	if cfg.Window <= 0 {
		cfg.Window = DefaultWindow
	}
	if cfg.Minimum <= 0 {
		cfg.Minimum = DefaultMinimum
	}
	if cfg.Share <= 0 {
		cfg.Share = DefaultShare
	}
	if cfg.Cooldown <= 0 {
		cfg.Cooldown = DefaultCooldown
	}
	if cfg.Probes <= 0 {
		cfg.Probes = DefaultProbes
	}
	return &Breaker{cfg: cfg}
}

// Ticket is the permission for one call, to be reported.
type Ticket struct{ era int64 }

// Allow permits a call, or refuses with an error of kind UpstreamDown whose
// RetryAfter says when the breaker will let a probe through.
func (b *Breaker) Allow() (Ticket, error) {
	now := b.cfg.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == Open && now.Sub(b.since) >= b.cfg.Cooldown {
		b.become(HalfOpen, now)
	}
	if b.state == HalfOpen {
		if b.probing >= b.cfg.Probes && now.Sub(b.since) >= b.cfg.Cooldown {
			b.become(HalfOpen, now) // the probes never came back
		}
		if b.probing >= b.cfg.Probes {
			return Ticket{}, refusal(b.cfg.Cooldown - now.Sub(b.since))
		}
		b.probing++
	}
	if b.state == Open {
		return Ticket{}, refusal(b.cfg.Cooldown - now.Sub(b.since))
	}
	return Ticket{era: b.era}, nil
}

func refusal(wait time.Duration) error {
	return &model.Error{
		Kind: model.UpstreamDown, Op: "guard/breaker.Allow", Err: guard.ErrOpen, RetryAfter: max(wait, time.Millisecond),
		Message: "The upstream failed repeatedly and is being given a rest.", Hint: "Try again shortly or choose another model.",
	}
}

// Report tells how a permitted call ended; nil is success.
func (b *Breaker) Report(t Ticket, err error) {
	now := b.cfg.Now()
	verdict := judge(err)
	b.mu.Lock()
	defer b.mu.Unlock()
	if t.era != b.era {
		return
	}
	if b.state == HalfOpen {
		b.probing = max(b.probing-1, 0)
		switch verdict {
		case failed:
			b.become(Open, now)
		case succeeded:
			if b.proven++; b.proven >= b.cfg.Probes {
				b.become(Closed, now)
			}
		}
		return
	}
	if verdict == unrelated {
		return
	}
	b.count(now, verdict)
}

// count adds a call to the window and opens the breaker when its share is reached.
func (b *Breaker) count(now time.Time, verdict verdict) {
	width := int64(b.cfg.Window) / buckets
	slot := now.UnixNano() / width
	at := &b.window[slot%buckets]
	if at.slot != slot {
		*at = bucket{slot: slot}
	}
	at.calls++
	if verdict != failed {
		return
	}
	at.fails++
	calls, fails := 0, 0
	for i := range b.window {
		if slot-b.window[i].slot < buckets {
			calls += b.window[i].calls
			fails += b.window[i].fails
		}
	}
	if calls >= b.cfg.Minimum && float64(fails) >= b.cfg.Share*float64(calls) {
		b.become(Open, now)
	}
}

func (b *Breaker) become(s State, now time.Time) {
	b.state, b.since = s, now
	b.era++
	b.probing, b.proven = 0, 0
	b.window = [buckets]bucket{}
}

// State is the present state; an open breaker whose rest is over is half-open.
func (b *Breaker) State() State {
	now := b.cfg.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == Open && now.Sub(b.since) >= b.cfg.Cooldown {
		return HalfOpen
	}
	return b.state
}

// Around is Allow, call and Report; Breaker is a guard.Guard.
func (b *Breaker) Around(ctx context.Context, call guard.Call) (any, error) {
	t, err := b.Allow()
	if err != nil {
		return nil, err
	}
	result, err := call(ctx)
	b.Report(t, err)
	return result, err
}

type verdict uint8

const (
	succeeded verdict = iota
	failed
	unrelated
)

// judge says what an outcome tells about the upstream's health. A refused
// request or a rate limit shows a living upstream; a client that went away
// shows nothing.
func judge(err error) verdict {
	if err == nil {
		return succeeded
	}
	switch model.AsError(err).Kind {
	case model.UpstreamDown, model.UpstreamGarbage, model.UpstreamDenied, model.Timeout, model.Overloaded:
		return failed
	case model.Canceled, model.Internal, model.NotReady:
		return unrelated
	}
	return succeeded
}

// Set holds a breaker for each upstream, made when first asked for.
type Set struct {
	cfg Config
	mu  sync.RWMutex
	all map[string]*Breaker
}

// NewSet makes an empty Set whose breakers have cfg.
func NewSet(cfg Config) *Set { return &Set{cfg: cfg, all: map[string]*Breaker{}} }

// Of is the breaker of an upstream.
func (s *Set) Of(upstream string) *Breaker {
	s.mu.RLock()
	b := s.all[upstream]
	s.mu.RUnlock()
	if b != nil {
		return b
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all[upstream] == nil {
		s.all[upstream] = New(s.cfg)
	}
	return s.all[upstream]
}

// Open reports whether an upstream's breaker refuses calls, as routing asks.
func (s *Set) Open(upstream string) bool { return s.Of(upstream).State() == Open }

// States lists every upstream's state.
func (s *Set) States() map[string]State {
	s.mu.RLock()
	defer s.mu.RUnlock()
	states := make(map[string]State, len(s.all))
	for name, b := range s.all {
		states[name] = b.State()
	}
	return states
}
