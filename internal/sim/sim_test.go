package sim

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/driver/drivertest"
	"github.com/craton-ai/craton/internal/session"
)

// regressions are seeds that failed once. What a seed leads to changes with the
// driver and the simulation: what they found has tests of its own in package
// driver.
var regressions = []uint64{373, 1014, 1423, 37836, 38730}

// outcome is what became of a history.
type outcome struct {
	digest                 string
	wrong                  []string
	events, killed, lifted int
	forked                 int
	told                   int
}

// run plays the history of a seed.
func run(t *testing.T, seed uint64) (o outcome) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, seed)
		o = w.play(t)
	})
	return o
}

func (w *world) play(t *testing.T) outcome {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	nodes, stopNodes := context.WithCancel(context.Background())
	var lives, clients, readers sync.WaitGroup
	for i := range w.plan.nodes {
		lives.Go(func() { w.live(nodes, i) })
	}
	lives.Go(func() { w.operate(nodes) })
	observer, err := w.observer()
	if err != nil {
		t.Fatal(err)
	}
	reading, stopReading := context.WithCancel(context.Background())
	all := make([]*client, w.plan.sessions)
	listeners := make([][]*drivertest.Transcript, w.plan.sessions)
	for i := range all {
		c := &client{w: w, name: fmt.Sprint("c", i), r: w.chance.draw(fmt.Sprint("client ", i))}
		c.mode = agent.Parking
		if w.plan.returning[i] {
			c.mode = agent.Returning
		}
		all[i] = c
		listeners[i] = []*drivertest.Transcript{{}, {}, {}}
		clients.Go(func() {
			begun := make(chan struct{})
			var once sync.Once
			c.begun = func() { once.Do(func() { close(begun) }) }
			for k, transcript := range listeners[i] {
				readers.Go(func() {
					select {
					case <-begun:
						w.listen(reading, c, k, transcript, observer)
					case <-reading.Done():
					}
				})
			}
			if err := c.live(ctx); err != nil {
				w.fail("client %s: %v", c.name, err)
			}
		})
	}
	clients.Wait()
	_ = pass(ctx, 5*time.Second) // readers on other nodes look now and then
	for range 600 {
		if caughtUp(listeners) {
			break
		}
		_ = pass(ctx, 100*time.Millisecond)
	}
	stopReading()
	readers.Wait()
	stopNodes()
	lives.Wait()
	w.group.Wait()
	return w.judge(t.Context(), all, listeners, observer)
}

// caughtUp reports whether all readers were told what the first one was.
func caughtUp(listeners [][]*drivertest.Transcript) bool {
	for _, same := range listeners {
		for _, one := range same {
			if one.At() != same[0].At() {
				return false
			}
		}
	}
	return true
}

// observer is a driver that drives nothing and to which nothing happens.
func (w *world) observer() (*driver.Sessions, error) {
	p := &port{w: w, name: "observer", calls: map[string]int{}}
	config, err := w.config(p, driver.Store{Journals: w.store, Leases: w.store, Snapshots: w.store, Buffer: w.store, Index: w.store}, 0)
	if err != nil {
		return nil, err
	}
	config.Outline = 8 // sessions are short here
	d, err := driver.New(config)
	if err != nil {
		return nil, err
	}
	return d.Sessions(), nil
}

// operate lifts quarantines, as a person would.
func (w *world) operate(ctx context.Context) {
	for pass(ctx, time.Second) == nil {
		entries, err := w.store.Sessions(ctx, session.Query{Tenant: tenant, Quarantined: true})
		if err != nil {
			return
		}
		for _, e := range entries {
			w.mu.Lock()
			w.lifted++
			w.mu.Unlock()
			if err := w.store.Requeue(ctx, tenant, e.ID); err != nil {
				w.fail("requeue: %v", err)
			}
		}
	}
}

// listen reads a session: the first listener without interruption, the others
// on one node after the other.
func (w *world) listen(ctx context.Context, c *client, k int, into *drivertest.Transcript, observer *driver.Sessions) {
	name := fmt.Sprintf("reader %s %d", c.name, k)
	r := w.chance.draw(name)
	ctx = as(ctx, name)
	into.Last = driver.FromStart
	for ctx.Err() == nil {
		s, most := observer, 1<<30
		if k > 0 {
			s, most = w.anyone(r), 1+r.IntN(40)
		}
		if s == nil {
			_ = pass(ctx, between(r, 10*time.Millisecond, 100*time.Millisecond))
			continue
		}
		w.hear(ctx, s, c.id, into, most)
		_ = pass(ctx, between(r, time.Millisecond, 600*time.Millisecond))
	}
}

// hear is one connection of a reader.
func (w *world) hear(ctx context.Context, s *driver.Sessions, id string, into *drivertest.Transcript, most int) {
	tail, err := s.Tail(ctx, tenant, id, into.Last)
	if err != nil {
		return
	}
	defer tail.Close()
	for range most {
		told, err := tail.Next(ctx)
		if err != nil {
			return
		}
		if err := into.Add(told); err != nil {
			w.fail("a reader of %s: %v", id, err)
		}
	}
}

// judge looks at what is left at the end.
func (w *world) judge(ctx context.Context, all []*client, listeners [][]*drivertest.Transcript, observer *driver.Sessions) outcome {
	var ids []string
	o := outcome{killed: w.killed, lifted: w.lifted, forked: w.forked}
	for i, c := range all {
		ids = append(ids, c.id)
		record := w.oracle.Sessions[c.id]
		if record == nil {
			w.fail("session %q of client %s is gone", c.id, c.name)
			continue
		}
		o.events += record.Events
		if err := w.oracle.Settle(c.id, c.acked); err != nil {
			w.fail("%v", err)
		}
		if _, err := observer.Replay(ctx, tenant, c.id); err != nil {
			w.fail("replay: %v", err)
		}
		w.verify(ctx, c.id, observer)
		for k, one := range listeners[i] {
			o.told += one.Len()
			if err := one.Agree(listeners[i][0], record); err != nil {
				w.fail("reader %d of %s: %v", k, c.id, err)
			}
		}
		if c.fork != nil {
			if err := w.oracle.Settle(c.fork.id, c.fork.acked); err != nil {
				w.fail("fork: %v", err)
			}
			if _, err := observer.Replay(ctx, tenant, c.fork.id); err != nil {
				w.fail("replay of a fork: %v", err)
			}
		}
		if record.Status() != agent.Idle {
			w.fail("session %s ends %s", c.id, record.Status())
		}
		if turn := record.Root().Turn; c.mode == agent.Returning && (turn == nil || w.published[c.id] != turn.Status) {
			w.fail("session %s was handed over as %q", c.id, w.published[c.id])
		}
	}
	if err := w.ledger.Check(w.oracle); err != nil {
		w.fail("%v", err)
	}
	digest, err := w.digest(ctx, ids)
	if err != nil {
		w.fail("%v", err)
	}
	o.digest, o.wrong = digest, w.wrong
	return o
}

// verify checks the chain as it is stored, and what is listed of it.
func (w *world) verify(ctx context.Context, id string, observer *driver.Sessions) {
	head, err := w.store.Head(ctx, tenant, id)
	if err != nil {
		w.fail("%v", err)
		return
	}
	var events []session.Event
	for uint64(len(events)) < head.Seq {
		page, err := w.store.Read(ctx, tenant, id, uint64(len(events)), 0)
		if err != nil || len(page) == 0 {
			w.fail("read: %d events, %v", len(page), err)
			return
		}
		events = append(events, page...)
	}
	if err := session.Verify(session.Hash{}, head.Key, events); err != nil {
		w.fail("%v", err)
	}
	if err := drivertest.CheckListings(ctx, observer, tenant, id, events); err != nil {
		w.fail("listed of %s: %v", id, err)
	}
}

func fixedSeed() uint64 {
	seed, _ := strconv.ParseUint(os.Getenv("CRATON_SIM_SEED"), 10, 64)
	return seed
}

// number is a number from the environment.
func number(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// TestSimulation plays many histories. CRATON_SIM_SEEDS is how many,
// CRATON_SIM_FIRST the first of them, so that a long run can be cut in parts;
// CRATON_SIM_SEED plays one.
func TestSimulation(t *testing.T) {
	t.Parallel()
	var list []uint64
	if seed := fixedSeed(); seed != 0 {
		list = []uint64{seed}
	} else {
		list = append(list, regressions...)
		first := number("CRATON_SIM_FIRST", 1)
		for n := range number("CRATON_SIM_SEEDS", 200) {
			list = append(list, uint64(first+n))
		}
	}
	var next, events, killed, lifted, forked, told, failed atomic.Int64
	for worker := range runtime.GOMAXPROCS(0) {
		t.Run(fmt.Sprint("worker", worker), func(t *testing.T) {
			t.Parallel()
			for {
				n := next.Add(1)
				if n > int64(len(list)) || failed.Load() > 5 {
					break
				}
				seed := list[n-1]
				o := run(t, seed)
				events.Add(int64(o.events))
				killed.Add(int64(o.killed))
				lifted.Add(int64(o.lifted))
				forked.Add(int64(o.forked))
				told.Add(int64(o.told))
				if len(o.wrong) > 0 {
					failed.Add(1)
					t.Errorf("seed %d:\n%s\nrun it again: CRATON_SIM_SEED=%d go test ./internal/sim -run TestSimulation -v", seed, join(o.wrong), seed)
				}
			}
		})
	}
	t.Cleanup(func() {
		t.Logf("%d histories, %d events, %d nodes killed, %d quarantines lifted, %d forks, %d things told to readers",
			len(list), events.Load(), killed.Load(), lifted.Load(), forked.Load(), told.Load())
	})
}

func join(lines []string) string {
	text := ""
	for _, line := range lines {
		text += "\t" + line + "\n"
	}
	return text
}

// TestSeedsAreHistories plays seeds twice.
func TestSeedsAreHistories(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		if one, two := run(t, seed+1), run(t, seed+1); one.digest != two.digest {
			t.Errorf("seed %d leads to %s with %d events and to %s with %d", seed+1, one.digest, one.events, two.digest, two.events)
		}
	}
}
