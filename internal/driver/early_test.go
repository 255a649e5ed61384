package driver_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/session"
)

// held is a store that holds an append with the intent to ask a model until it
// is told what becomes of it.
type held struct {
	session.Store
	verdict chan error
}

func (h *held) Append(ctx context.Context, b session.Batch) error {
	for _, e := range b.Events {
		if e.Type != "model.called" {
			continue
		}
		if err := <-h.verdict; err != nil {
			return err
		}
	}
	return h.Store.Append(ctx, b)
}

// counting echoes, and counts who asks and whose call was ended.
type counting struct {
	echo
	mu           sync.Mutex
	asked, ended int
}

func (c *counting) Ask(ctx context.Context, who driver.Asker, req *model.Request) (*driver.Answer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.ended++
	})
	return c.echo.Ask(ctx, who, req)
}

func (c *counting) calls() (asked, ended int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked, c.ended
}

// hold is a world whose appends of intents are held.
func hold(t *testing.T, models driver.Models) (*world, *held) {
	t.Helper()
	w := newWorld(t, models)
	h := &held{Store: w.store, verdict: make(chan error)}
	w.writes(h)
	return w, h
}

// TestEarlyCall: a model is asked while its intent is being written, and heard
// once that is durable.
func TestEarlyCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		models := &counting{}
		w, h := hold(t, models)
		d, stop := w.node()
		defer stop()
		s := d.Sessions()
		id := create(t, s, agent.Definition{}, "hello").State.Session
		synctest.Wait()
		if asked, _ := models.calls(); asked != 1 {
			t.Fatalf("the model was asked %d times while its intent was written", asked)
		}
		if page, err := w.store.ReadDeltas(t.Context(), "t1", id, session.EventID{}, 0); err != nil || len(page) > 0 {
			t.Errorf("%d deltas are kept already, %v", len(page), err)
		}
		h.verdict <- nil
		settled(t, s, id)
		if asked, _ := models.calls(); asked != 1 {
			t.Errorf("the model was asked %d times", asked)
		}
		if items := done(t, s, id); len(items) != 1 || agent.PartText(items[0].Content[0]) != "you said: hello" {
			t.Errorf("the items are %+v", items)
		}
	})
}

// TestEarlyCallInVain: what a model says whose intent was not written is heard by
// nobody, and it is asked anew.
func TestEarlyCallInVain(t *testing.T) {
	t.Parallel()
	for name, verdict := range map[string]error{
		"another came first": session.Fault(session.ErrStale, "s", "Others appended."),
		"no answer":          context.DeadlineExceeded,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				models := &counting{}
				w, h := hold(t, models)
				d, stop := w.node()
				defer stop()
				s := d.Sessions()
				id := create(t, s, agent.Definition{}, "hello").State.Session
				h.verdict <- verdict
				h.verdict <- nil
				settled(t, s, id)
				synctest.Wait()
				if asked, ended := models.calls(); asked != 2 || ended != 2 {
					t.Errorf("the model was asked %d times, %d calls were ended", asked, ended)
				}
				if items := done(t, s, id); len(items) != 1 || agent.PartText(items[0].Content[0]) != "you said: hello" {
					t.Errorf("the items are %+v", items)
				}
			})
		})
	}
}

// TestEarlyCallOfAReplacedOwner ends with the ownership.
func TestEarlyCallOfAReplacedOwner(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		models := &counting{}
		w, h := hold(t, models)
		d, stop := w.node()
		defer stop()
		id := create(t, d.Sessions(), agent.Definition{}, "hello").State.Session
		h.verdict <- session.Fault(session.ErrFenced, id, "Another owner has it.")
		synctest.Wait()
		if asked, ended := models.calls(); asked != 1 || ended != 1 {
			t.Errorf("the model was asked %d times, %d calls were ended", asked, ended)
		}
	})
}

// full is a store whose disk takes no intents until it is freed.
type full struct {
	session.Store
	freed atomic.Bool
}

func (f *full) Append(ctx context.Context, b session.Batch) error {
	for _, e := range b.Events {
		if e.Type == "model.called" && !f.freed.Load() {
			return errors.New("the disk is full")
		}
	}
	return f.Store.Append(ctx, b)
}

// TestEarlyCallsOfAStoreThatTakesNone: a model is asked once, not with each try.
func TestEarlyCallsOfAStoreThatTakesNone(t *testing.T) {
	t.Parallel()
	for name, freed := range map[string]bool{"until it takes them": true, "to its end": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				models := &counting{}
				w := newWorld(t, models)
				disk := &full{Store: w.store}
				w.writes(disk)
				d, stop := w.node()
				id := create(t, d.Sessions(), agent.Definition{}, "hello").State.Session
				time.Sleep(10 * time.Second)
				disk.freed.Store(freed)
				if asked, _ := models.calls(); asked != 1 {
					t.Errorf("the model was asked %d times in ten seconds in which the store took nothing", asked)
				}
				if freed {
					settled(t, d.Sessions(), id)
				}
				begun := time.Now()
				stop()
				if took := time.Since(begun); took > time.Minute {
					t.Errorf("the driver took %s to stop", took)
				}
			})
		})
	}
}

// TestEarlyCallOfRepeatedInput: input that came before makes no call.
func TestEarlyCallOfRepeatedInput(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		models := &counting{}
		w := newWorld(t, models)
		w.linger = time.Minute
		d, stop := w.node()
		defer stop()
		s := d.Sessions()
		id := create(t, s, agent.Definition{}, "hello").State.Session
		settled(t, s, id)
		for range 4 {
			if err := say(t, s, id, "again"); err != nil {
				t.Fatal(err)
			}
			settled(t, s, id)
		}
		if asked, _ := models.calls(); asked != 2 {
			t.Errorf("the model was asked %d times for two inputs, the second of which came four times with one key", asked)
		}
	})
}

// broken is a store that breaks those who append a message to a session.
type broken struct{ session.Store }

func (f *broken) Append(ctx context.Context, b session.Batch) error {
	if b.Session.Seq > 0 && b.Events[0].Type == "input.message" {
		panic("broken")
	}
	return f.Store.Append(ctx, b)
}

// TestInputThatBreaksItsOwner is answered, if only with an error.
func TestInputThatBreaksItsOwner(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, echo{})
		w.linger = time.Minute
		w.writes(&broken{w.store})
		d, stop := w.node()
		defer stop()
		s := d.Sessions()
		id := create(t, s, agent.Definition{}, "hello").State.Session
		settled(t, s, id)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		err := s.Send(ctx, driver.Input{Tenant: "t1", Session: id, Bodies: []agent.Body{&agent.Message{Messages: []model.Message{model.UserText("again")}}}})
		if err == nil || ctx.Err() != nil {
			t.Errorf("it is answered %v", err)
		}
	})
}

// TestListedStatus: what others appended and took back leaves a session listed as
// what it is.
func TestListedStatus(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, echo{})
		w.deaf, w.linger = true, 2*time.Second
		a, stop := w.node()
		defer stop()
		id := create(t, a.Sessions(), agent.Definition{}, "hello").State.Session
		settled(t, a.Sessions(), id)
		b, err := driver.New(driver.Config{Store: driver.Store{Journals: w.store, Leases: w.store, Snapshots: w.store, Buffer: w.store, Index: w.store},
			Journal: w.journal, Models: echo{}, Node: "b", Now: time.Now, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		for _, body := range []agent.Body{&agent.Message{Messages: []model.Message{model.UserText("never mind")}}, &agent.Cancel{}} {
			if err := b.Sessions().Send(t.Context(), driver.Input{Tenant: "t1", Session: id, Bodies: []agent.Body{body}}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Hour)
		listed, err := w.store.Sessions(t.Context(), session.Query{Tenant: "t1", Status: string(agent.InProgress)})
		if err != nil || len(listed) != 0 {
			t.Errorf("an hour later %d sessions are listed as in progress, %v", len(listed), err)
		}
	})
}
