package driver_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/driver/drivertest"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/store/sqlite"
)

// countedStore counts the events that are read.
type countedStore struct {
	session.Store
	events atomic.Int64
}

func (c *countedStore) Read(ctx context.Context, tenant, id string, after uint64, limit int) ([]session.Event, error) {
	events, err := c.Store.Read(ctx, tenant, id, after, limit)
	c.events.Add(int64(len(events)))
	return events, err
}

// talk has turns in a session until it has so many events.
func talk(t *testing.T, d *driver.Driver, id string, least uint64) {
	t.Helper()
	for n := 0; ; n++ {
		rest()
		v, err := d.Sessions().Get(t.Context(), "t1", id)
		if err != nil {
			t.Fatal(err)
		}
		if v.Head.Seq >= least {
			return
		}
		if err := say(t, d.Sessions(), id, fmt.Sprint("question ", n)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPagesCostWhatTheyShow counts the events that are read for pages of a long
// session, from its start, its middle and its end.
func TestPagesCostWhatTheyShow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const events, every, page = 1600, 64, 5
		w := newWorld(t, forgetful{})
		w.outline = every
		counted := &countedStore{Store: w.store}
		w.over(counted)
		d, stop := w.node()
		defer stop()
		s := d.Sessions()
		id := create(t, s, agent.Definition{}, "hello").State.Session
		talk(t, d, id, events)
		all := func(*agent.Item) bool { return true }
		history := func() *driver.History {
			h, err := s.History(t.Context(), "t1", id)
			if err != nil {
				t.Fatal(err)
			}
			return h
		}
		items, _, err := history().Items(t.Context(), driver.ItemQuery{Page: driver.Page{Limit: events}, Wanted: all})
		if err != nil || len(items) < 100 {
			t.Fatalf("%d items, %v", len(items), err)
		}
		middle, turn := items[len(items)/2].ID, items[len(items)/2].Turn
		for name, read := range map[string]func(*driver.History, driver.Page) error{
			"items": func(h *driver.History, p driver.Page) error {
				if p.After != "" {
					p.After = middle
				}
				_, _, err := h.Items(t.Context(), driver.ItemQuery{Page: p, Wanted: all})
				return err
			},
			"items of a turn": func(h *driver.History, p driver.Page) error {
				p.After = ""
				_, _, err := h.Items(t.Context(), driver.ItemQuery{Page: p, Turn: turn, Wanted: all})
				return err
			},
			"turns":  func(h *driver.History, p driver.Page) error { _, _, err := h.Turns(t.Context(), "", p); return err },
			"turn":   func(h *driver.History, _ driver.Page) error { _, err := h.Turn(t.Context(), "", turn); return err },
			"traces": func(h *driver.History, p driver.Page) error { _, _, err := h.Traces(t.Context(), p); return err },
		} {
			for _, p := range []driver.Page{{Limit: page}, {Limit: page, Oldest: true}, {Limit: page, After: turn}, {Limit: page, After: turn, Oldest: true}} {
				before := counted.events.Load()
				if err := read(history(), p); err != nil {
					t.Fatalf("%s, %+v: %v", name, p, err)
				}
				if n := counted.events.Load() - before; n > events/3 {
					t.Errorf("%s, %+v: %d events were read of %d", name, p, n, events)
				}
			}
		}
	})
}

// TestListingsOfForks lists sessions whose past is another's, at every point of
// which one is forked.
func TestListingsOfForks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &drivertest.Script{Op: drivertest.Counter("p")})
		w.tools, w.outline = drivertest.NewLedger(), 8
		d, stop := w.node()
		defer stop()
		s := d.Sessions()
		v, err := s.Create(t.Context(), driver.Creation{Tenant: "t1", Created: agent.Created{Definition: drivertest.Definition(), Mode: agent.Parking},
			Input: []model.Message{model.UserText(drivertest.PlanPrefix + "read several sub wait keyed; go")}})
		if err != nil {
			t.Fatal(err)
		}
		rest()
		if v, err = s.Get(t.Context(), "t1", v.State.Session); err != nil || v.Head.Seq < 15 {
			t.Fatalf("%+v, %v", v, err)
		}
		check := func(head session.Session) {
			events, err := w.journal.History(t.Context(), head)
			if err == nil {
				err = drivertest.CheckListings(t.Context(), s, "t1", head.ID, events)
			}
			if err != nil {
				t.Errorf("forked after event %d: %v", head.Parent.Seq, err)
			}
		}
		check(v.Head)
		for seq := uint64(3); seq <= v.Head.Seq; seq += 2 {
			fork, err := s.Fork(t.Context(), "t1", v.State.Session, seq, agent.Forked{})
			if err != nil {
				t.Fatal(err)
			}
			rest()
			if err := say(t, s, fork.State.Session, fmt.Sprint(drivertest.PlanPrefix, "look; ", seq)); err != nil {
				t.Fatal(err)
			}
			rest()
			now, err := s.Get(t.Context(), "t1", fork.State.Session)
			if err != nil {
				t.Fatal(err)
			}
			check(now.Head)
		}
	})
}

// BenchmarkListing reads pages of a session of 10,000 events on SQLite, and
// folds the whole of it.
func BenchmarkListing(b *testing.B) {
	store, err := sqlite.Open(b.Context(), b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	w := &world{t: b, models: forgetful{}, leases: store, index: store, buffer: store, snapshots: store}
	w.over(store)
	d, stop := w.node()
	defer stop()
	s := d.Sessions()
	id := create(b, s, agent.Definition{}, "hello").State.Session
	tail, err := s.Tail(b.Context(), "t1", id, driver.FromStart)
	if err != nil {
		b.Fatal(err)
	}
	defer tail.Close()
	for n, seq := 0, uint64(0); seq < 10_000; {
		told, err := tail.Next(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if seq = told.State.Seq; told.Kind == agent.SignalTurnEnded {
			if err := say(b, s, id, fmt.Sprint("question ", n)); err != nil {
				b.Fatal(err)
			}
			n++
		}
	}
	page := func(list func(*driver.History) error) func() error {
		return func() error {
			h, err := s.History(b.Context(), "t1", id)
			if err != nil {
				return err
			}
			return list(h)
		}
	}
	newest := driver.Page{Limit: 20}
	for _, one := range []struct {
		name string
		read func() error
	}{
		{"whole", func() error {
			return s.Walk(b.Context(), "t1", id, func(agent.Signal, *agent.State) error { return nil })
		}},
		{"items", page(func(h *driver.History) error {
			_, _, err := h.Items(b.Context(), driver.ItemQuery{Page: newest, Wanted: func(*agent.Item) bool { return true }})
			return err
		})},
		{"turns", page(func(h *driver.History) error { _, _, err := h.Turns(b.Context(), "", newest); return err })},
		{"traces", page(func(h *driver.History) error { _, _, err := h.Traces(b.Context(), newest); return err })},
	} {
		b.Run(one.name, func(b *testing.B) {
			for b.Loop() {
				if err := one.read(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
