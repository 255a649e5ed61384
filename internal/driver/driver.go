package driver

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/tool"
)

// Store is what the driver needs of a store; every store has all of it.
type Store struct {
	Journals  session.Store
	Leases    session.Leaser
	Snapshots session.Snapshots
	Buffer    session.Buffer
	Index     session.Index
	// Hints may be nil: then due work is found by asking only.
	Hints session.Hinter
	// Alone says that no other process appends: readers need not look for that.
	Alone bool
}

// Asker says on whose behalf a model is asked or a tool is called.
type Asker struct {
	Tenant, Session, Turn string
	Principal             agent.Principal
}

// Answer is a model's answer under way.
type Answer struct {
	Stream model.Stream
	// Model names who answers; Window is its context in tokens, 0 if unknown.
	Model  string
	Window int64
	// Cost prices what was used, in nano-USD; known is false without a price.
	Cost func(model.Usage) (nanoUSD int64, known bool)
}

// Models asks models. It is safe for concurrent use. Errors are *model.Error.
type Models interface {
	Ask(ctx context.Context, who Asker, req *model.Request) (*Answer, error)
}

// Config is what a [Driver] is made of.
type Config struct {
	Store   Store
	Journal *session.Journal
	Models  Models
	// Quote says what a call of a model may cost: a session's spend limit holds
	// its calls to it. nil leaves them unbounded, and what was cut short without
	// a price. Errors are *model.Error.
	Quote func(ctx context.Context, who Asker, name string) (Quote, error)
	// Tools opens the sources that definitions name; nil refuses them.
	Tools tool.Opener
	// Rules is the operator's word on tools as it is now, which each call is held
	// to; nil has none.
	Rules agent.Rules
	// Program runs a program that a model wrote; nil refuses them.
	Program Program
	// Permit is asked before each call of a tool and of a model: whether the
	// session's principal still may. nil permits everything.
	Permit func(ctx context.Context, who Asker, what string) error
	// Publish is told of each finished turn of a session that returns: it may
	// be told twice. nil ignores them.
	Publish func(ctx context.Context, tenant string, s *agent.State) error
	// Audit is told of each decision about a tool call; nil ignores them.
	Audit func(ctx context.Context, who Asker, call, decision string)
	// Node names this run of the process.
	Node string
	// TTL is how long a lease lasts without being renewed; 0 means [DefaultTTL].
	TTL time.Duration
	// Poll is how often due work is asked for; 0 means [DefaultPoll].
	Poll time.Duration
	// Linger is how long a session that has nothing to do is kept; 0 means
	// [DefaultLinger].
	Linger time.Duration
	// Keep is how long deltas stay readable; 0 means [DefaultKeep].
	Keep time.Duration
	// Active bounds how many sessions are owned at once; 0 means [DefaultActive].
	Active int
	// Outline is in how many events listings find something kept to begin with;
	// 0 means [DefaultOutline].
	Outline uint64
	// Now tells the time; required.
	Now func() time.Time
	Log *slog.Logger
}

// Defaults of [Config].
const (
	DefaultTTL    = 15 * time.Second
	DefaultPoll   = time.Second
	DefaultLinger = 2 * time.Second
	DefaultKeep   = time.Hour
	DefaultActive = 10_000
)

// Program runs a program that a model wrote. call makes the program's n-th call
// of a tool, or returns what the call came to when the program ran before.
// An error means that the program could not be run.
type Program func(ctx context.Context, code string, call func(ctx context.Context, n int, name, arguments string) (tool.Result, error)) (tool.Result, error)

// Driver owns sessions and keeps them going. It is safe for concurrent use.
type Driver struct {
	config Config
	codec  *agent.Codec
	node   session.Node
	feeds  *feeds
	// lookout lets readers look.
	lookout *lookout

	mu       sync.Mutex // guards what follows
	actors   map[key]*actor
	draining bool
	group    sync.WaitGroup // of actors and claims
	wake     chan struct{}  // asks for due work now

	// ctx is that of everything the driver does: it outlives the one of Run by
	// the time it takes to hand over.
	ctx  context.Context
	stop context.CancelFunc
}

// key names a session.
type key struct{ tenant, session string }

// New returns a driver, or an error that names what config lacks.
func New(config Config) (*Driver, error) {
	st := config.Store
	if st.Journals == nil || st.Leases == nil || st.Snapshots == nil || st.Buffer == nil || st.Index == nil ||
		config.Journal == nil || config.Models == nil || config.Now == nil || config.Log == nil || config.Node == "" {
		return nil, errors.New("driver: Config needs Store, Journal, Models, Node, Now and Log")
	}
	or(&config.TTL, DefaultTTL)
	or(&config.Poll, DefaultPoll)
	or(&config.Linger, DefaultLinger)
	or(&config.Keep, DefaultKeep)
	or(&config.Active, DefaultActive)
	or(&config.Outline, DefaultOutline)
	codec, err := agent.NewCodec()
	if err != nil {
		return nil, err
	}
	codec.Limit(agent.Version) // until it is known what the other nodes read
	ctx, stop := context.WithCancel(context.Background())
	d := &Driver{
		config: config, codec: codec, feeds: newFeeds(), actors: map[key]*actor{}, wake: make(chan struct{}, 1),
		node: session.Node{ID: config.Node, TTL: config.TTL, Reads: map[string]int{agent.Kind: codec.Newest()}},
		ctx:  ctx, stop: stop,
	}
	d.lookout = &lookout{d: d, hint: make(chan struct{}, 1)}
	return d, nil
}

func or[T comparable](v *T, otherwise T) {
	var zero T
	if *v == zero {
		*v = otherwise
	}
}

// Sessions is the driver's front: what the edge uses.
func (d *Driver) Sessions() *Sessions { return &Sessions{driver: d} }

// Run claims due sessions and drives them until ctx ends; then it hands over
// what it owns and returns. It is called once.
func (d *Driver) Run(ctx context.Context) {
	work := d.ctx
	defer d.stop()
	d.advertise(ctx)
	poll, renew := time.NewTicker(d.config.Poll), time.NewTicker(d.config.TTL/3)
	defer poll.Stop()
	defer renew.Stop()
	var hints <-chan struct{}
	if d.config.Store.Hints != nil {
		hints = d.config.Store.Hints.Hints()
	}
	d.due(work)
	var nudged time.Time
	for {
		select { // leases come before new work
		case <-renew.C:
			d.renew(work)
			d.advertise(work)
			continue
		default:
		}
		select {
		case <-ctx.Done():
			d.drain()
			return
		case <-poll.C:
			d.due(work)
		case <-hints:
			d.lookout.hinted()
			d.due(work)
			if now := d.config.Now(); !d.config.Store.Alone && now.Sub(nudged) >= nudgeEvery {
				nudged = now
				d.nudgeAll()
			}
		case <-d.wake:
			d.due(work)
		case <-renew.C:
			d.renew(work)
			d.advertise(work)
		}
	}
}

// nudgeEvery bounds how often hints, most of which are this process's own, make
// every session look for input that others took.
const nudgeEvery = 100 * time.Millisecond

func (d *Driver) advertise(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, d.config.TTL/3)
	defer cancel()
	all, err := d.config.Store.Leases.Advertise(ctx, d.node)
	switch {
	case err == nil:
		d.codec.Limit(all[agent.Kind]) // what every live node can read
	case d.ctx.Err() == nil:
		d.config.Log.Warn("this node could not say that it is alive", "err", err)
	}
}

// due claims sessions that have something to do.
func (d *Driver) due(ctx context.Context) {
	d.mu.Lock()
	room := d.config.Active - len(d.actors)
	if d.draining {
		room = 0
	}
	d.mu.Unlock()
	if room <= 0 {
		return
	}
	asked := d.config.Now()
	ctx, cancel := context.WithTimeout(ctx, d.config.TTL/3)
	defer cancel()
	leases, err := d.config.Store.Leases.Due(ctx, d.node, min(room, session.MaxDue))
	if err != nil && d.ctx.Err() == nil {
		d.config.Log.Warn("due sessions could not all be asked for; it is tried again", "claimed", len(leases), "err", err)
	}
	// What was claimed is ours, whatever became of the rest.
	for _, lease := range leases {
		d.start(lease, asked)
	}
}

// start drives a session whose lease was granted no earlier than asked.
func (d *Driver) start(lease session.Lease, asked time.Time) {
	k := key{lease.Head.Tenant, lease.Head.ID}
	d.mu.Lock()
	defer d.mu.Unlock()
	old := d.actors[k]
	if old != nil && old.lease.Head.Epoch > lease.Head.Epoch {
		return // two claims of ours crossed: the later one counts
	}
	a := newActor(d, lease, asked)
	if d.draining {
		a.leave()
	}
	if old != nil {
		old.lose() // its epoch is fenced: the new claim is ours too
	}
	d.actors[k] = a
	d.group.Add(1)
	go func() {
		defer d.group.Done()
		a.run()
	}()
}

// Nudge says that a session has input, and is due if nobody drives it. If this
// process does, it looks; else the driver claims it with whatever else is due.
func (d *Driver) Nudge(tenant, id string) {
	d.feeds.poke(key{tenant, id})
	d.mu.Lock()
	a := d.actors[key{tenant, id}]
	d.mu.Unlock()
	if a != nil {
		a.nudge()
		return
	}
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// nudgeAll lets every session look for input.
func (d *Driver) nudgeAll() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, a := range d.actors {
		a.nudge()
	}
}

// renew makes the leases last, and tells those who lost theirs.
func (d *Driver) renew(ctx context.Context) {
	d.mu.Lock()
	leases := make([]session.Lease, 0, len(d.actors))
	for _, a := range d.actors {
		leases = append(leases, a.lease)
	}
	d.mu.Unlock()
	if len(leases) == 0 {
		return
	}
	asked := d.config.Now()
	ctx, cancel := context.WithTimeout(ctx, d.config.TTL/3)
	defer cancel()
	held, err := d.config.Store.Leases.Renew(ctx, d.config.TTL, leases...)
	if err != nil {
		d.config.Log.Warn("leases were not all renewed; it is tried again", "sessions", len(leases), "renewed", len(held), "err", err)
		defer func() { d.expire(d.config.Now()) }() // after those that were renewed are known
	}
	still := make(map[key]uint64, len(held))
	for _, l := range held {
		still[key{l.Head.Tenant, l.Head.ID}] = l.Head.Epoch
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range leases {
		k := key{l.Head.Tenant, l.Head.ID}
		a := d.actors[k]
		switch {
		case a == nil || a.lease.Head.Epoch != l.Head.Epoch:
		case still[k] == l.Head.Epoch:
			a.extend(asked.Add(d.config.TTL))
		case err == nil: // else nobody knows, and it holds as long as it did
			a.lose()
		}
	}
}

// expire stops those whose lease has run out as far as this node can tell.
func (d *Driver) expire(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, a := range d.actors {
		if !a.held(now) {
			a.lose()
		}
	}
}

// drain lets every session go, and waits until they have.
func (d *Driver) drain() {
	d.mu.Lock()
	d.draining = true
	for _, a := range d.actors {
		a.leave()
	}
	d.mu.Unlock()
	gone := make(chan struct{})
	go func() { defer close(gone); d.group.Wait() }()
	renew := time.NewTicker(d.config.TTL / 3) // what comes to its end meanwhile is to be recorded
	defer renew.Stop()
	for left := true; left; {
		select {
		case <-gone:
			left = false
		case <-renew.C:
			d.renew(context.WithoutCancel(d.ctx))
		}
	}
	last := d.node
	last.TTL = time.Millisecond
	if _, err := d.config.Store.Leases.Advertise(context.WithoutCancel(d.ctx), last); err != nil {
		d.config.Log.Debug("this node could not say that it stops", "err", err)
	}
}

// gone forgets an actor, unless input came for it in the meantime.
func (d *Driver) gone(a *actor, unless func() bool) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if unless != nil && unless() {
		return false
	}
	k := key{a.lease.Head.Tenant, a.lease.Head.ID}
	if d.actors[k] == a {
		delete(d.actors, k)
	}
	return true
}

// Owned counts the sessions this process drives at the moment.
func (d *Driver) Owned() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.actors)
}
