package limit

import (
	"context"
	"fmt"
	"hash/maphash"
	"math"
	"sync"
	"time"

	"github.com/craton-ai/craton/internal/model"
)

// Limits bound one key. Zero means unlimited.
type Limits struct {
	RequestsPerMinute int64
	TokensPerMinute   int64
	// Concurrent bounds requests in flight.
	Concurrent int64
}

// Defaults of Config.
const (
	DefaultQueue   = 64
	DefaultWait    = 10 * time.Second
	DefaultMaxKeys = 1 << 17
)

// Config shapes a Limiter.
type Config struct {
	// Queue is how many requests of one key may wait for a free place; 0 means DefaultQueue, negative none.
	Queue int
	// Wait bounds that waiting; 0 means DefaultWait.
	Wait time.Duration
	// MaxKeys bounds how many keys are remembered; 0 means DefaultMaxKeys.
	MaxKeys int
	// Now is the clock; required.
	Now func() time.Time
}

// State is what a key has left, for rate-limit headers. A limit of 0 is none.
type State struct {
	LimitRequests, RemainingRequests int64
	LimitTokens, RemainingTokens     int64
	// ResetRequests and ResetTokens are how long until the bucket is full again.
	ResetRequests, ResetTokens time.Duration
}

const (
	shards = 64
	// idleAfter is when a key without requests in flight may be forgotten: its
	// buckets are full again after a minute.
	idleAfter = 2 * time.Minute
)

// Limiter holds the keys. It is safe for concurrent use.
type Limiter struct {
	cfg    Config
	seed   maphash.Seed
	shards [shards]shard
}

type shard struct {
	mu   sync.Mutex
	keys map[string]*entry
	// newest and oldest are the ends of a list by last use.
	newest, oldest *entry
	// waiting counts requests in queues, for metrics.
	waiting int
}

// New makes a Limiter.
func New(cfg Config) *Limiter {
	if cfg.Queue == 0 {
		cfg.Queue = DefaultQueue
	}
	if cfg.Wait <= 0 {
		cfg.Wait = DefaultWait
	}
	if cfg.MaxKeys <= 0 {
		cfg.MaxKeys = DefaultMaxKeys
	}
	l := &Limiter{cfg: cfg, seed: maphash.MakeSeed()}
	for i := range l.shards {
		l.shards[i].keys = map[string]*entry{}
	}
	return l
}

// Permit is a place among the requests in flight. The zero Permit is one of an
// unlimited key.
type Permit struct {
	limiter *Limiter
	entry   *entry
	limits  Limits
	tokens  int64
	state   State
}

// State is what the key had left when the permit was given or refused.
func (p *Permit) State() State { return p.state }

// Acquire takes a permit for a request of about tokens tokens. It waits for a
// free place at most Config.Wait. Refusals are of kind RateLimited, and the
// Permit returned with them serves for its State only. When ctx ends first,
// its error is returned.
func (l *Limiter) Acquire(ctx context.Context, key string, limits Limits, tokens int64) (Permit, error) {
	if limits == (Limits{}) {
		return Permit{}, nil
	}
	now := l.cfg.Now()
	s := &l.shards[maphash.String(l.seed, key)%shards]
	s.mu.Lock()
	e := s.entry(key, now, l.cfg.MaxKeys/shards)
	p := Permit{limiter: l, entry: e, limits: limits, tokens: e.worth(limits, tokens)}
	if err := e.admit(limits, p.tokens, now); err != nil {
		p.state = e.state(limits)
		s.mu.Unlock()
		return Permit{state: p.state}, err
	}
	p.state = e.state(limits)
	if limits.Concurrent <= 0 || e.inFlight < limits.Concurrent {
		e.inFlight++
		s.mu.Unlock()
		return p, nil
	}
	if len(e.queue) >= max(l.cfg.Queue, 0) {
		e.refund(limits, p.tokens)
		p.state = e.state(limits)
		s.mu.Unlock()
		return Permit{state: p.state}, crowded(limits)
	}
	w := &waiter{ready: make(chan struct{})}
	e.queue = append(e.queue, w)
	s.waiting++
	s.mu.Unlock()
	if err := l.wait(ctx, s, &p, w); err != nil {
		return Permit{state: p.state}, err
	}
	return p, nil
}

// waiter is a request in a queue. Its place is handed over by closing ready.
type waiter struct{ ready chan struct{} }

func (l *Limiter) wait(ctx context.Context, s *shard, p *Permit, w *waiter) error {
	timer := time.NewTimer(l.cfg.Wait)
	defer timer.Stop()
	var err error
	select {
	case <-w.ready:
		return nil
	case <-timer.C:
		err = crowded(p.limits)
	case <-ctx.Done():
		err = ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !p.entry.leave(w) {
		return nil // the place was handed over in the meantime
	}
	s.waiting--
	p.entry.refund(p.limits, p.tokens)
	p.state = p.entry.state(p.limits)
	return err
}

// Release gives the place back, to the next in the queue if there is one, and
// corrects the estimate: tokens is what was really used, negative when that is
// unknown. It must be called exactly once.
func (p *Permit) Release(tokens int64) {
	if p.entry == nil {
		return
	}
	s := &p.limiter.shards[maphash.String(p.limiter.seed, p.entry.key)%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	e := p.entry
	if p.limits.TokensPerMinute > 0 && tokens >= 0 {
		e.tokens.level = min(e.tokens.level+float64(p.tokens-tokens), float64(p.limits.TokensPerMinute))
	}
	if len(e.queue) > 0 {
		next := e.queue[0]
		e.queue = e.queue[1:]
		s.waiting--
		close(next.ready)
		return
	}
	e.inFlight--
}

// Stats is a limiter's size.
type Stats struct{ Keys, Waiting int }

// Stats counts keys remembered and requests in queues.
func (l *Limiter) Stats() Stats {
	var st Stats
	for i := range l.shards {
		s := &l.shards[i]
		s.mu.Lock()
		st.Keys += len(s.keys)
		st.Waiting += s.waiting
		s.mu.Unlock()
	}
	return st
}

func crowded(l Limits) error {
	e := model.Errorf(model.RateLimited, "concurrency", "This key already has %d requests in flight, and its queue is full or too slow.", l.Concurrent).
		WithHint("Wait for some to finish, send fewer at once, or ask for a higher limit.")
	e.RetryAfter = time.Second
	e.Code = "concurrency_limit_exceeded"
	return e
}

func exhausted(what string, limit int64, wait time.Duration) error {
	e := model.Errorf(model.RateLimited, what, "This key may use %d %s per minute and has used them up.", limit, what).
		WithHint(fmt.Sprintf("Try again in %s or ask for a higher limit.", max(wait.Round(time.Millisecond), time.Millisecond)))
	e.RetryAfter = max(wait, time.Millisecond)
	e.Code = what + "_per_minute_exceeded"
	return e
}

// bucket holds what may be used at once; below 0 it is in debt.
type bucket struct {
	level float64
	at    time.Time
}

// fill refills the bucket to now.
func (b *bucket) fill(perMinute int64, now time.Time) {
	if b.at.IsZero() {
		b.level = float64(perMinute)
	} else if passed := now.Sub(b.at); passed > 0 {
		b.level = min(b.level+passed.Minutes()*float64(perMinute), float64(perMinute))
	}
	b.at = now
}

// until is how long until the bucket holds level.
func (b *bucket) until(level float64, perMinute int64) time.Duration {
	missing := level - b.level
	if missing <= 0 || perMinute <= 0 {
		return 0
	}
	return time.Duration(math.Ceil(missing / float64(perMinute) * float64(time.Minute)))
}
