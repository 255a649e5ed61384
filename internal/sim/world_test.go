package sim

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/driver/drivertest"
	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/store/mem"
	"github.com/craton-ai/craton/internal/tool"
)

const tenant = "t1"

// How long things go wrong, and how long everything may take to end well after.
const (
	trouble  = 12 * time.Second
	patience = 10 * time.Minute
)

// plan is what a seed decides once.
type plan struct {
	nodes, sessions int
	// drop is how rarely a call fails: once in so many, 0 for never.
	drop int
	// skew bounds how far the nodes' clocks are off.
	skew time.Duration
	// returning are the sessions that return instead of waiting.
	returning []bool
	// kills, freezes and drains say what happens to nodes.
	kills, freezes, drains bool
}

func newPlan(r *rand.Rand) plan {
	p := plan{
		nodes: 1 + r.IntN(3), sessions: 1 + r.IntN(3), drop: []int{0, 25, 100, 400}[r.IntN(4)],
		skew:  []time.Duration{0, time.Millisecond, 20 * time.Second}[r.IntN(3)],
		kills: r.IntN(4) > 0, freezes: r.IntN(3) == 0, drains: r.IntN(3) == 0,
	}
	for range p.sessions {
		p.returning = append(p.returning, r.IntN(4) == 0)
	}
	return p
}

// world is one history.
type world struct {
	chance *chance
	plan   plan
	store  *mem.Store
	ledger *drivertest.Ledger
	begun  time.Time
	log    *slog.Logger

	mu     sync.Mutex
	oracle *drivertest.Oracle
	ops    map[string]int
	nodes  map[int]*node
	wrong  []string
	killed int
	lifted int // quarantines
	forked int
	// published is how the turns of sessions that return were handed over.
	published map[string]agent.TurnStatus

	group sync.WaitGroup
}

// node is one run of a process.
type node struct {
	*port
	d *driver.Driver
	// stop ends the run in an orderly way; it returns when it has ended.
	stop func()
}

func newWorld(t *testing.T, seed uint64) *world {
	oracle, err := drivertest.NewOracle()
	if err != nil {
		t.Fatal(err)
	}
	chance := newChance(seed)
	w := &world{
		chance: chance, plan: newPlan(chance.draw("plan")), store: mem.New(), ledger: drivertest.NewLedger(), begun: time.Now(),
		oracle: oracle, ops: map[string]int{}, nodes: map[int]*node{}, published: map[string]agent.TurnStatus{}, log: slog.New(slog.DiscardHandler),
	}
	if testing.Verbose() && fixedSeed() != 0 {
		w.log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return w
}

// faulty reports whether things go wrong at the moment.
func (w *world) faulty() bool { return time.Since(w.begun) < trouble }

func (w *world) fail(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wrongly(fmt.Errorf(format, args...))
}

// wrongly remembers what should not have happened. w.mu is held.
func (w *world) wrongly(err error) {
	if err != nil && len(w.wrong) < 5 {
		w.wrong = append(w.wrong, fmt.Sprintf("after %s: %v", time.Since(w.begun), err))
	}
}

// append is the store's, watched.
func (w *world) append(ctx context.Context, b session.Batch) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := w.store.Append(ctx, b)
	if from := b.Session.Parent; err == nil && from.Session != "" && b.Events[0].Seq == 1 {
		w.forked++
		past, readErr := w.store.Read(ctx, tenant, from.Session, 0, int(from.Seq))
		if readErr == nil {
			readErr = w.oracle.Fork(b.Session.ID, past...)
		}
		w.wrongly(readErr)
	}
	if err == nil {
		w.wrongly(w.oracle.Read(b.Session.Epoch, b.Events...))
	}
	return err
}

// dispatched is told of each call of a tool before it takes effect.
func (w *world) dispatched(tool.Call) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wrongly(w.ledger.Check(w.oracle))
}

// op names an operation of the model's.
func (w *world) op(session string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ops[session]++
	return fmt.Sprintf("%s-%d", session, w.ops[session])
}

// config is a driver's, at a node that reaches the world through p.
func (w *world) config(p *port, st driver.Store, skew time.Duration) (driver.Config, error) {
	r := w.chance.draw(p.name + " config")
	now := func() time.Time { return time.Now().Add(skew) }
	journal, err := session.New(session.Config{Store: st.Journals, Now: now, Random: &bytes{r: w.chance.draw(p.name + " random")},
		ContentKey: func(context.Context, string) ([]byte, error) { return []byte("k"), nil }})
	if err != nil {
		return driver.Config{}, err
	}
	return driver.Config{
		Store: st, Journal: journal, Tools: tools{p}, Program: drivertest.Program, Node: p.name, Now: now, Log: w.log.With("node", p.name),
		Publish: func(_ context.Context, _ string, s *agent.State) error { return w.publish(r, s) },
		Models:  &drivertest.Script{Op: w.op, Begin: p.begin, Pause: p.pause},
		// Odd ones, so that no two timers of a node meet.
		TTL:  3*time.Second + between(r, 0, time.Millisecond),
		Poll: 300*time.Millisecond + between(r, 0, time.Millisecond), Linger: 500*time.Millisecond + between(r, 0, time.Millisecond),
	}, nil
}

// publish takes a finished turn: more than once, but always the same. Once in a
// while it fails.
func (w *world) publish(r *rand.Rand, s *agent.State) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.faulty() && oneIn(r, 4) {
		return errors.New("sim: it was not taken")
	}
	status := s.Root().Turn.Status
	if before := w.published[s.Session]; before != "" && before != status {
		w.wrongly(fmt.Errorf("session %s is handed over as %s and as %s", s.Session, before, status))
	}
	w.published[s.Session] = status
	return nil
}

// start begins a run of node i.
func (w *world) start(i, run int) (*node, error) {
	name := fmt.Sprintf("n%d.%d", i, run)
	r := w.chance.draw(name)
	p := &port{w: w, name: name, calls: map[string]int{}, fatal: map[string]int{}, died: make(chan struct{})}
	if w.plan.kills {
		at := []string{"Append before", "Append after", "Append after", "Call before", "Call after", "Ask after", "Release before", "Claim after"}
		p.fatal[at[r.IntN(len(at))]] = 1 + r.IntN(25)
	}
	var skew time.Duration
	if w.plan.skew > 0 {
		skew = between(r, -w.plan.skew, w.plan.skew)
	}
	config, err := w.config(p, p.store(), skew)
	if err != nil {
		return nil, err
	}
	d, err := driver.New(config)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); d.Run(ctx) }()
	n := &node{port: p, d: d, stop: func() { cancel(); <-done }}
	w.mu.Lock()
	w.nodes[i] = n
	w.mu.Unlock()
	return n, nil
}

// live is one node's life: runs, one after the other, until ctx ends.
func (w *world) live(ctx context.Context, i int) {
	for run := 0; ; run++ {
		n, err := w.start(i, run)
		if err != nil {
			w.fail("node %d: %v", i, err)
			return
		}
		killed := w.suffer(ctx, n)
		w.mu.Lock()
		delete(w.nodes, i)
		w.mu.Unlock()
		if !killed {
			n.stop()
		} else {
			w.mu.Lock()
			w.killed++
			w.mu.Unlock()
			w.group.Go(n.stop) // what it still tries reaches nobody
		}
		if ctx.Err() != nil || pass(ctx, between(w.chance.draw(n.name+" down"), 10*time.Millisecond, 4*time.Second)) != nil {
			return
		}
	}
}

// suffer is what happens to a run; killed is false for an orderly end.
func (w *world) suffer(ctx context.Context, n *node) (killed bool) {
	for k := 0; ; k++ {
		r := w.chance.draw(n.name + " fate")
		timer := time.NewTimer(between(r, 200*time.Millisecond, 6*time.Second))
		select {
		case <-ctx.Done():
			timer.Stop()
			return false
		case <-n.died:
			timer.Stop()
			return true
		case <-timer.C:
		}
		switch {
		case !w.faulty():
		case w.plan.kills && oneIn(r, 2):
			n.kill()
			return true
		case w.plan.drains && oneIn(r, 2):
			return false
		case w.plan.freezes && oneIn(r, 2):
			n.freeze(between(r, time.Second, 6*time.Second))
		}
	}
}

// pass lets time pass.
func pass(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// anyone is a node that is up, or nil.
func (w *world) anyone(r *rand.Rand) *driver.Sessions {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.nodes) == 0 {
		return nil
	}
	up := slices.Sorted(maps.Keys(w.nodes))
	return w.nodes[up[r.IntN(len(up))]].d.Sessions()
}

// digest names the whole history.
func (w *world) digest(ctx context.Context, ids []string) (string, error) {
	h := fnv.New64a()
	for _, id := range ids {
		head, err := w.store.Head(ctx, tenant, id)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(h, id, head.Seq, head.Epoch, head.Head)
	}
	return fmt.Sprintf("%016x", h.Sum64()), nil
}
