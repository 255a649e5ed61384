package meter

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/usage"
)

// Store is the part of usage.Store a Meter needs.
type Store interface {
	AppendBatch(ctx context.Context, records []usage.Record) error
}

// Defaults of Config.
const (
	DefaultInterval   = time.Second
	DefaultBatch      = 2000
	DefaultMost       = 100_000
	DefaultDrainTime  = 2 * time.Second
	DefaultDrainBytes = 256 << 10
	DefaultDrains     = 256
)

// Config shapes a Meter. Store, Cost, Now and NewID are required.
type Config struct {
	Store Store
	// Cost prices usage; known is false where no price is known.
	Cost func(card *model.Card, u model.Usage) (nanoUSD int64, known bool)
	// Interval is how often the buffer is written; 0 means DefaultInterval.
	Interval time.Duration
	// Batch is how many records go to the store at once; a full batch is
	// written without waiting for the interval. 0 means DefaultBatch.
	Batch int
	// Most is how many records may wait in memory; 0 means DefaultMost.
	Most int
	// DrainTime, DrainBytes bound how long and how much is read of an upstream
	// whose client went away; Drains how many are read so at once beside their
	// requests. 0 means the defaults, negative none.
	DrainTime  time.Duration
	DrainBytes int64
	Drains     int
	// Finished is told once of every finished call that is not shed, on the
	// writing goroutine, before it is stored; nil tells nobody.
	Finished func(*Finished)
	Now      func() time.Time
	NewID    func() string
	// Log gets what could not be stored; nil discards it.
	Log *slog.Logger
}

// Finished is a record with what it has no room for.
type Finished struct {
	usage.Record
	// CostKnown is false where no price was known; the cost is then 0.
	CostKnown bool
	// Err is why the request failed; nil when it did not.
	Err *model.Error
	// told says that Config.Finished was told: a batch may be sent twice.
	told bool
}

// Facts are what is known when a request is admitted.
type Facts struct {
	// Tenant and KeyID are who asks; Tenant is required.
	Tenant, KeyID string
	// Model is the name asked for; Serve replaces it.
	Model     string
	Dialect   string
	RequestID string
	// Tags must not be modified afterwards.
	Tags map[string]string
}

// Stats is the state of a Meter, for metrics.
type Stats struct {
	// Waiting are records not stored yet.
	Waiting int
	// Shed are records that were dropped because too many waited, and ShedNanoUSD their cost.
	Shed, ShedNanoUSD int64
	// Unpriced are records whose cost is unknown.
	Unpriced int64
	// FailedWrites counts batches the store refused; they are sent again.
	FailedWrites int64
}

// Meter meters. It is safe for concurrent use. Close it.
type Meter struct {
	cfg Config

	mu    sync.Mutex
	queue queue
	stats Stats
	// batch is what is being sent; whoever calls flush owns it.
	batch []usage.Record

	wake chan struct{}
	// flushes are requests to write at once, answered when that was tried.
	flushes chan chan bool
	quit    chan struct{}
	done    chan struct{}
	drains  chan struct{}
	// drainers counts background drains, each at most DrainTime long.
	drainers sync.WaitGroup
	closing  sync.Once
}

// New makes a Meter and starts its writing goroutine.
func New(cfg Config) *Meter {
	if cfg.Interval <= 0 {
		cfg.Interval = DefaultInterval
	}
	if cfg.Batch <= 0 {
		cfg.Batch = DefaultBatch
	}
	if cfg.Most <= 0 {
		cfg.Most = DefaultMost
	}
	if cfg.DrainTime == 0 {
		cfg.DrainTime = DefaultDrainTime
	}
	if cfg.DrainBytes == 0 {
		cfg.DrainBytes = DefaultDrainBytes
	}
	if cfg.Drains == 0 {
		cfg.Drains = DefaultDrains
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	m := &Meter{
		cfg: cfg, wake: make(chan struct{}, 1), flushes: make(chan chan bool), quit: make(chan struct{}), done: make(chan struct{}),
		drains: make(chan struct{}, max(cfg.Drains, 0)),
	}
	m.queue.batch = cfg.Batch
	go m.write()
	return m
}

// Call is one request under way. Serve, First and End may be called from
// different goroutines, but Serve not after End.
type Call struct {
	meter    *Meter
	facts    Facts
	at       time.Time
	upstream string
	card     *model.Card
	// first is when the first token passed, in nanoseconds after at, plus 1.
	first atomic.Int64
	ended atomic.Bool
}

// Begin opens a call.
func (m *Meter) Begin(f Facts) *Call { return &Call{meter: m, facts: f, at: m.cfg.Now()} }

// Serve notes who answers: the last one before End counts.
func (c *Call) Serve(upstream string, card *model.Card) { c.upstream, c.card = upstream, card }

// First notes that the first token was passed on. Later calls change nothing.
func (c *Call) First() {
	if c.first.Load() == 0 {
		c.first.CompareAndSwap(0, int64(c.meter.cfg.Now().Sub(c.at))+1)
	}
}

// End closes the call and returns its cost in nano-USD, 0 where unknown. u is
// what was used, nil when nothing is known of it; attempts counts calls of
// upstreams; err is why it failed or ended early. Only the first End counts.
func (c *Call) End(u *model.Usage, attempts int, err error) int64 {
	if !c.ended.CompareAndSwap(false, true) {
		return 0
	}
	now := c.meter.cfg.Now()
	f := &Finished{Err: model.AsError(err), Record: usage.Record{
		ID: c.meter.cfg.NewID(), At: c.at, Tenant: c.facts.Tenant, KeyID: c.facts.KeyID,
		Model: c.facts.Model, Upstream: c.upstream, Dialect: c.facts.Dialect, RequestID: c.facts.RequestID,
		Tags: c.facts.Tags, Attempts: attempts, LatencyMs: now.Sub(c.at).Milliseconds(), Status: Status(err),
	}}
	if first := c.first.Load(); first > 0 {
		f.TTFTMs = max(time.Duration(first-1).Milliseconds(), 1)
	}
	if c.card != nil {
		f.Model = c.card.ID
	}
	if u != nil {
		f.Tokens, f.Estimated = tokens(*u), u.Estimated
		if c.card != nil {
			f.CostNanoUSD, f.CostKnown = c.meter.cfg.Cost(c.card, *u)
		}
	}
	c.meter.keep(f)
	return f.CostNanoUSD
}

// tokens counts by kinds that do not overlap, as records do; the hub's nest.
func tokens(u model.Usage) usage.Tokens {
	audioIn := min(u.AudioInput, u.Input)
	reasoning := min(u.Reasoning, u.Output)
	audioOut := min(u.AudioOutput, u.Output-reasoning)
	return usage.Tokens{
		Input: u.Input - audioIn, CachedRead: u.CacheRead, CacheWrite5m: u.CacheWrite5m, CacheWrite1h: u.CacheWrite1h,
		Output: u.Output - reasoning - audioOut, Reasoning: reasoning, AudioInput: audioIn, AudioOutput: audioOut,
	}
}

// statuses are what records say of each kind of failure. A stream that broke
// after its 200 was sent is recorded as what it would have been told before.
var statuses = map[model.Kind]int{
	model.Invalid: 400, model.Unsupported: 400, model.ContextLength: 400, model.ContentFiltered: 400,
	model.Unauthenticated: 401, model.BudgetExceeded: 402, model.Forbidden: 403, model.NotFound: 404, model.ModelNotFound: 404,
	model.Conflict: 409, model.TooLarge: 413, model.RateLimited: 429, model.Canceled: 499, model.Internal: 500,
	model.UpstreamDown: 502, model.UpstreamGarbage: 502, model.UpstreamDenied: 502, model.Overloaded: 503,
	model.NotReady: 503, model.Timeout: 504, model.Loop: 508,
}

// Status is the HTTP status recorded for an outcome: 200 for nil.
func Status(err error) int {
	if err == nil {
		return 200
	}
	e := model.AsError(err)
	if e.Kind == model.Invalid && e.UpstreamStatus >= 400 && e.UpstreamStatus < 500 {
		return e.UpstreamStatus // a refusal that was passed on as it came
	}
	if s, ok := statuses[e.Kind]; ok {
		return s
	}
	return 500
}

// keep puts a record into the buffer, or sheds it.
func (m *Meter) keep(f *Finished) {
	m.mu.Lock()
	if !f.CostKnown && f.Tokens != (usage.Tokens{}) {
		m.stats.Unpriced++
	}
	if m.queue.waiting >= m.cfg.Most {
		m.stats.Shed++
		m.stats.ShedNanoUSD += f.CostNanoUSD
		m.mu.Unlock()
		return
	}
	full := m.queue.push(f)
	m.mu.Unlock()
	if full {
		select {
		case m.wake <- struct{}{}:
		default:
		}
	}
}

// Stats tells the state.
func (m *Meter) Stats() Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.stats
	s.Waiting = m.queue.waiting
	return s
}

// Flush writes what waits now, for reports that must not lag behind. The error
// says that it was not stored yet.
func (m *Meter) Flush(ctx context.Context) error {
	tried := make(chan bool, 1)
	select {
	case m.flushes <- tried:
	case <-m.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case ok := <-tried:
		if !ok {
			return &model.Error{Kind: model.Overloaded, Op: "guard/meter.Flush", Message: "The latest usage could not be stored yet.", Hint: "Try again shortly."}
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close waits for drains under way, stores what waits and stops. Requests
// should have ended before. When ctx ends first, the error says how many
// records were lost.
func (m *Meter) Close(ctx context.Context) error {
	m.closing.Do(func() { close(m.quit) })
	<-m.done
	m.drainers.Wait()
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		m.flush(ctx)
		left := m.Stats().Waiting
		if left == 0 {
			return nil
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("meter: %d usage records were lost, as the store did not take them before the end: %w", left, ctx.Err())
		}
	}
}
