package driver_test

import (
	"context"
	"crypto/rand"
	"sync"
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
	journal, err := session.New(session.Config{Store: h, Now: time.Now, Random: rand.Reader,
		ContentKey: func(context.Context, string) ([]byte, error) { return []byte("k"), nil }})
	if err != nil {
		t.Fatal(err)
	}
	w.journal = journal
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
