// Package retry tries a failed upstream call again. It is for the pipeline in
// front of each upstream.
//
// It waits exponentially longer with jitter, never less than the upstream's
// Retry-After, and spends from a [Budget] shared by all requests of an
// upstream, so that an outage is not made worse by a multiple of its load.
//
// Guarantees: only errors that model.Error.Retryable names are retried, never
// after the first event, never past the context's deadline, and never when the
// upstream asks for more patience than Policy.MaxWait.
//
//	g := retry.New(retry.Policy{Budget: retry.NewBudget(0.2, 10), Random: rand.Float64})
//	provider = guard.Wrap(provider, g)
package retry

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/craton-ai/craton/internal/guard"
	"github.com/craton-ai/craton/internal/model"
)

// Defaults of Policy.
const (
	DefaultRetries = 2
	DefaultBase    = 250 * time.Millisecond
	DefaultMaxWait = 8 * time.Second
)

// Policy says how to retry.
type Policy struct {
	// Retries is how often a call is tried again; 0 means DefaultRetries, negative never.
	Retries int
	// Base is the first pause, doubled each time; 0 means DefaultBase.
	Base time.Duration
	// MaxWait bounds a pause; an upstream that asks for more is not retried. 0 means DefaultMaxWait.
	MaxWait time.Duration
	// Budget bounds retries over all requests; nil does not.
	Budget *Budget
	// Random returns numbers in [0,1) for jitter; nil means none.
	Random func() float64
	// Now is the clock; with it a pause that would pass the context's deadline
	// is not begun. Nil finds that out by waiting.
	Now func() time.Time
}

// Guard retries. It is safe for concurrent use.
type Guard struct{ policy Policy }

// New makes a Guard.
func New(p Policy) *Guard {
	if p.Retries == 0 {
		p.Retries = DefaultRetries
	}
	if p.Base <= 0 {
		p.Base = DefaultBase
	}
	if p.MaxWait <= 0 {
		p.MaxWait = DefaultMaxWait
	}
	return &Guard{policy: p}
}

// Around runs call until it succeeds, fails for good, or may not be retried.
// guard.Attempts tells how many calls it took.
func (g *Guard) Around(ctx context.Context, call guard.Call) (any, error) {
	g.policy.Budget.earn()
	for calls := 1; ; calls++ {
		result, err := call(ctx)
		if err == nil {
			return guard.Count(result, nil, calls)
		}
		pause, again := g.pause(ctx, err, calls)
		if !again {
			return guard.Count(result, err, calls)
		}
		if !sleep(ctx, pause) {
			return guard.Count(result, err, calls)
		}
		guard.Discard(result)
	}
}

// pause decides whether to try again after the nth call, and when.
func (g *Guard) pause(ctx context.Context, err error, calls int) (time.Duration, bool) {
	e := model.AsError(err)
	if calls > g.policy.Retries || !e.Retryable() || ctx.Err() != nil {
		return 0, false
	}
	if errors.Is(err, guard.ErrOpen) || errors.Is(err, guard.ErrSlow) {
		return 0, false
	}
	wait := min(g.policy.Base<<min(calls-1, 20), g.policy.MaxWait)
	if g.policy.Random != nil {
		wait = wait/2 + time.Duration(g.policy.Random()*float64(wait/2))
	}
	if e.RetryAfter > g.policy.MaxWait {
		return 0, false
	}
	wait = max(wait, e.RetryAfter)
	if deadline, ok := ctx.Deadline(); ok && g.policy.Now != nil && deadline.Sub(g.policy.Now()) <= wait {
		return 0, false
	}
	return wait, g.policy.Budget.spend()
}

// sleep reports whether the pause passed before the context ended.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Budget is a bucket of retries, filled by a share of each request. A nil
// Budget has no end. It is safe for concurrent use.
type Budget struct {
	mu          sync.Mutex
	share, most float64
	held        float64
}

// NewBudget makes a full bucket of most retries, to which each request adds
// share: 0.2 allows one retry for five requests in the long run.
func NewBudget(share, most float64) *Budget {
	return &Budget{share: share, most: most, held: most}
}

func (b *Budget) earn() {
	if b == nil {
		return
	}
	b.mu.Lock()
	b.held = min(b.held+b.share, b.most)
	b.mu.Unlock()
}

func (b *Budget) spend() bool {
	if b == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held < 1 {
		return false
	}
	b.held--
	return true
}
