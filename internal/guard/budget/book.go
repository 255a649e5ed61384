package budget

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/usage"
)

// Span is how long a budget lasts.
type Span uint8

// The spans.
const (
	Daily Span = iota
	Monthly
)

// String names the span.
func (s Span) String() string {
	if s == Monthly {
		return "monthly"
	}
	return "daily"
}

// Limit is one budget a request falls under.
type Limit struct {
	Scope usage.Scope
	Span  Span
	// NanoUSD is the budget; 0 or less means none.
	NanoUSD int64
}

// Store is the part of usage.Store a Book needs.
type Store interface {
	Lease(ctx context.Context, request usage.LeaseRequest) (usage.Grant, error)
	Settle(ctx context.Context, settlement usage.Settlement) error
}

// Defaults of Config.
const (
	DefaultSliceShare = 50
	DefaultIdleReturn = 30 * time.Second
	DefaultTick       = time.Second
)

// Config shapes a Book.
type Config struct {
	Store Store
	// SliceShare is the part of a budget that is leased at once, as a divisor: 0 means DefaultSliceShare, 2 %.
	SliceShare int64
	// IdleReturn is when an unused slice is given back; 0 means DefaultIdleReturn.
	IdleReturn time.Duration
	// Tick is how often settlements are sent; 0 means DefaultTick.
	Tick time.Duration
	// Now and NewID are the clock and the source of lease ids; required.
	Now   func() time.Time
	NewID func() string
	// Log gets what the background work fails with; nil discards it.
	Log *slog.Logger
}

// Book reserves and settles. It is safe for concurrent use. Close it.
type Book struct {
	cfg    Config
	pools  sync.Map // poolKey to *pool
	period atomic.Pointer[periods]

	mu sync.Mutex
	// due are settlements to be sent, low are pools to be renewed.
	due []usage.Settlement
	low []*pool

	wake   chan struct{}
	stop   context.CancelFunc
	closed chan struct{}
}

type poolKey struct {
	scope  usage.Scope
	period usage.Period
}

// periods are the names of today and this month, kept until the day ends.
type periods struct {
	day, month           usage.Period
	start, end, monthEnd time.Time
}

// New makes a Book and starts its background work.
func New(cfg Config) *Book {
	if cfg.SliceShare <= 0 {
		cfg.SliceShare = DefaultSliceShare
	}
	if cfg.IdleReturn <= 0 {
		cfg.IdleReturn = DefaultIdleReturn
	}
	if cfg.Tick <= 0 {
		cfg.Tick = DefaultTick
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	ctx, stop := context.WithCancel(context.Background())
	b := &Book{cfg: cfg, wake: make(chan struct{}, 1), stop: stop, closed: make(chan struct{})}
	go b.work(ctx)
	return b
}

// maxLimits is how many budgets one request can fall under: those of its key
// and of its tenant, by day and by month.
const maxLimits = 4

// Reservation is a part of some budgets set aside for one request. The zero
// Reservation holds nothing and may be settled.
type Reservation struct {
	book   *Book
	pools  [maxLimits]*pool
	n      int
	amount int64
}

// NanoUSD is what was reserved.
func (r *Reservation) NanoUSD() int64 { return r.amount }

// Reserve sets worst nano-USD aside in every budget, or in none: then the
// error is of kind BudgetExceeded, names the budget and says when it renews,
// or of kind Overloaded when the store could not be reached. A worst of 0 is a
// free request: it is held against nothing. At most four limits count.
func (b *Book) Reserve(ctx context.Context, limits []Limit, worst int64) (Reservation, error) {
	if worst <= 0 {
		return Reservation{}, nil
	}
	r := Reservation{book: b, amount: worst}
	now := b.cfg.Now()
	for _, l := range limits {
		if l.NanoUSD <= 0 || r.n == maxLimits {
			continue
		}
		p, err := b.take(ctx, l, worst, now)
		if err != nil {
			r.Settle(0)
			return Reservation{}, err
		}
		r.pools[r.n] = p
		r.n++
	}
	return r, nil
}

// take reserves in one budget, leasing if need be.
func (b *Book) take(ctx context.Context, l Limit, amount int64, now time.Time) (*pool, error) {
	for {
		p := b.pool(l, now)
		if p.take(amount, now) {
			return p, nil
		}
		err := b.renew(ctx, p, l, amount, now)
		if err == nil {
			return p, nil
		}
		if !p.isDead() {
			return nil, err
		}
		// The pool was given back in between: a new one is in its place.
		b.pools.CompareAndDelete(poolKey{p.scope, p.period}, p)
	}
}

// Settle replaces the reservation by what was really spent. It must be called
// exactly once, makes no store call and does not block.
func (r *Reservation) Settle(actual int64) {
	for _, p := range r.pools[:r.n] {
		settled, low := p.settle(r.amount, max(actual, 0))
		if len(settled) > 0 || low {
			r.book.later(settled, p, low)
		}
	}
	r.n = 0
}

// later hands work to the background.
func (b *Book) later(settled []usage.Settlement, p *pool, low bool) {
	b.mu.Lock()
	b.due = append(b.due, settled...)
	if low {
		b.low = append(b.low, p)
	}
	b.mu.Unlock()
	if low {
		select {
		case b.wake <- struct{}{}:
		default:
		}
	}
}

func (b *Book) pool(l Limit, now time.Time) *pool {
	at := b.at(now)
	key, ends := poolKey{l.Scope, at.day}, at.end
	if l.Span == Monthly {
		key.period, ends = at.month, at.monthEnd
	}
	if p, ok := b.pools.Load(key); ok {
		p := p.(*pool)
		p.limit.Store(l.NanoUSD)
		return p
	}
	fresh := newPool(key, ends)
	fresh.limit.Store(l.NanoUSD)
	p, _ := b.pools.LoadOrStore(key, fresh)
	return p.(*pool)
}

// at names the periods of now.
func (b *Book) at(now time.Time) *periods {
	if p := b.period.Load(); p != nil && !now.Before(p.start) && now.Before(p.end) {
		return p
	}
	y, m, d := now.UTC().Date()
	start := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	p := &periods{
		day: usage.Day(now), month: usage.Month(now), start: start,
		end: start.AddDate(0, 0, 1), monthEnd: time.Date(y, m+1, 1, 0, 0, 0, 0, time.UTC),
	}
	b.period.Store(p)
	return p
}

// renew leases until the reservation fits. Requests of one pool wait for one
// lease instead of asking side by side.
func (b *Book) renew(ctx context.Context, p *pool, l Limit, amount int64, now time.Time) error {
	if err := p.enter(ctx); err != nil {
		return err
	}
	defer p.leave()
	if p.take(amount, now) {
		return nil
	}
	if p.isDead() || p.spentOut(amount, now) {
		return exceeded(l, amount, p.ends, now)
	}
	granted, err := b.lease(ctx, p, amount, now)
	if err != nil {
		return &model.Error{
			Kind: model.Overloaded, Op: "guard/budget.Reserve", Err: err, RetryAfter: time.Second,
			Message: "The budget cannot be checked at the moment.", Hint: "Try again shortly.",
		}
	}
	if granted && p.take(amount, now) {
		return nil
	}
	p.refuse(amount, now)
	return exceeded(l, amount, p.ends, now)
}

// lease asks the store for what amount lacks, or a slice if that is more.
func (b *Book) lease(ctx context.Context, p *pool, amount int64, now time.Time) (bool, error) {
	need := p.lacks(amount)
	limit := p.limit.Load()
	want := max(need, p.slice(limit, b.cfg.SliceShare))
	request := usage.LeaseRequest{
		ID: b.cfg.NewID(), Scope: p.scope, Period: p.period, Limit: limit, Want: want, Least: need, At: now,
	}
	grant, err := b.cfg.Store.Lease(ctx, request)
	if err != nil {
		return false, err
	}
	p.add(request.ID, grant)
	return grant.Granted > 0, nil
}

// exceeded says what the request might cost, and whether waiting can help.
func exceeded(l Limit, amount int64, ends, now time.Time) error {
	whose := "this key"
	if l.Scope.KeyID == "" {
		whose = "this tenant"
	}
	const hint = "The most a request can cost is set aside before it runs, so a smaller max_tokens needs less. Else raise the budget"
	e := model.Errorf(model.BudgetExceeded, "budget", "What is left of %s's %s budget of %s does not cover this request, which may cost %s.",
		whose, l.Span, dollars(l.NanoUSD), dollars(amount)).
		WithHint(hint + ", or wait until it renews at " + ends.Format(time.RFC3339) + ".")
	if amount > l.NanoUSD {
		e = model.Errorf(model.BudgetExceeded, "budget", "The whole %[2]s budget of %[1]s, %[3]s, does not cover this request: it may cost %[4]s.",
			whose, l.Span, dollars(l.NanoUSD), dollars(amount)).WithHint(hint + ", or choose a model that costs less.")
	}
	e.RetryAfter = ends.Sub(now)
	e.Code = "budget_exceeded"
	return e
}

// Exposure is what this replica holds of one budget, in nano-USD.
type Exposure struct {
	Scope  usage.Scope
	Period usage.Period
	// Leased is in slices not settled yet, of which Spent is spent and Reserved set aside.
	Leased, Spent, Reserved int64
}

// Exposure lists what this replica holds: the part of each budget that other
// replicas cannot use now.
func (b *Book) Exposure() []Exposure {
	var list []Exposure
	b.pools.Range(func(_, v any) bool {
		list = append(list, v.(*pool).exposure())
		return true
	})
	return list
}
