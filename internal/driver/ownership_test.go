package driver_test

import (
	"context"
	"crypto/rand"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/driver/drivertest"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/store/mem"
	"github.com/craton-ai/craton/internal/tool"
)

// failing is a store whose next appends fail.
type failing struct {
	*mem.Store
	before, after atomic.Int32 // how many fail before and after their effect
	gate          chan struct{}
}

var errFailing = errors.New("the store is away")

func (f *failing) Append(ctx context.Context, b session.Batch) error {
	if f.gate != nil && len(b.Deltas) > 0 {
		<-f.gate
	}
	if f.before.Add(-1) >= 0 {
		return errFailing
	}
	err := f.Store.Append(ctx, b)
	if f.after.Add(-1) >= 0 {
		return errFailing
	}
	return err
}

// AppendDeltas waits for the gate, if there is one, as an outcome with deltas
// does.
func (f *failing) AppendDeltas(ctx context.Context, d session.Deltas) error {
	if f.gate != nil {
		<-f.gate
	}
	return f.Store.AppendDeltas(ctx, d)
}

func newFailing(w *world) *failing {
	f := &failing{Store: w.store}
	w.buffer = f
	w.over(f)
	return f
}

// over lets the world's journals go through a store around its own.
func (w *world) over(journals session.Store) {
	journal, err := session.New(session.Config{Store: journals, Now: time.Now, Random: rand.Reader,
		ContentKey: func(context.Context, string) ([]byte, error) { return []byte("k"), nil }})
	if err != nil {
		w.t.Fatal(err)
	}
	w.journal, w.journals = journal, journals
}

// rest lets time pass until nobody owns a session any more.
func rest() {
	time.Sleep(5 * time.Second)
	synctest.Wait()
}

func say(t testing.TB, s *driver.Sessions, id, text string) error {
	t.Helper()
	return s.Send(t.Context(), driver.Input{Tenant: "t1", Session: id, Key: text,
		Bodies: []agent.Body{&agent.Message{Messages: []model.Message{model.UserText(text)}}}})
}

// TestIdleSessionsRest: input that leads to nothing must not leave the session
// due, to be claimed again for ever.
func TestIdleSessionsRest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, echo{})
		d, stop := w.node()
		defer stop()
		v := create(t, d.Sessions(), agent.Definition{}, "hello")
		rest()
		for range 2 { // to the owner, and to the journal
			if err := d.Sessions().Send(t.Context(), driver.Input{Tenant: "t1", Session: v.State.Session,
				Bodies: []agent.Body{&agent.Updated{Metadata: &map[string]string{"a": "b"}}}}); err != nil {
				t.Fatal(err)
			}
			rest()
		}
		before, err := w.store.Describe(t.Context(), "t1", v.State.Session)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		after, err := w.store.Describe(t.Context(), "t1", v.State.Session)
		if err != nil {
			t.Fatal(err)
		}
		if after.Epoch != before.Epoch || !after.Wake.IsZero() {
			t.Errorf("the session was claimed %d times in an idle hour; its timer is %s", after.Epoch-before.Epoch, after.Wake)
		}
	})
}

// TestReaderFollows: a reader on one node is told what another node does, also
// when it was there when the first let the session go.
func TestReaderFollows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, echo{})
		first, stop := w.node()
		v := create(t, first.Sessions(), agent.Definition{}, "hello")
		tail, err := first.Sessions().Tail(t.Context(), "t1", v.State.Session, driver.FromStart)
		if err != nil {
			t.Fatal(err)
		}
		defer tail.Close()
		until(t, tail, agent.Idle)
		rest()
		stop()
		second, stop := w.node()
		defer stop()
		if err := say(t, second.Sessions(), v.State.Session, "again"); err != nil {
			t.Fatal(err)
		}
		until(t, tail, agent.Idle)
	})
}

// TestReaderAheadOfTheBuffer resumes on another node a moment before the store
// has what the reader was told: it waits, and is told the rest.
func TestReaderAheadOfTheBuffer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, echo{})
		f := newFailing(w)
		f.gate = make(chan struct{})
		d, stop := w.node()
		defer stop()
		v := create(t, d.Sessions(), agent.Definition{}, "hello")
		live, err := d.Sessions().Tail(t.Context(), "t1", v.State.Session, driver.FromStart)
		if err != nil {
			t.Fatal(err)
		}
		defer live.Close()
		var told driver.Told
		for told.Kind != agent.SignalPartAdded {
			if told, err = live.Next(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		other, stopOther := w.node()
		defer stopOther()
		tail, err := other.Sessions().Tail(t.Context(), "t1", v.State.Session, told.ID)
		if err != nil {
			t.Fatal(err)
		}
		defer tail.Close()
		go func() {
			time.Sleep(time.Second)
			close(f.gate)
		}()
		text := ""
		for told.Kind != agent.SignalTurnEnded {
			if told, err = tail.Next(t.Context()); err != nil {
				t.Fatal(err)
			}
			if told.Kind == agent.SignalDelta {
				text += told.Text
			}
		}
		if text != "you said: hello" {
			t.Errorf("the reader was told %q", text)
		}
	})
}

// TestInputIsAnswered: whoever sends input learns what became of it, also where
// the owner's append fails, and may send it again.
func TestInputIsAnswered(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(*failing){
		"before": func(f *failing) { f.before.Store(1) }, "after": func(f *failing) { f.after.Store(1) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, echo{})
				f := newFailing(w)
				d, stop := w.node()
				defer stop()
				v := create(t, d.Sessions(), agent.Definition{}, "hello")
				time.Sleep(60 * time.Millisecond) // done, and not let go
				fail(f)
				if err := say(t, d.Sessions(), v.State.Session, "again"); !errors.Is(err, errFailing) {
					t.Errorf("input that was not taken is answered %v", err)
				}
				if err := say(t, d.Sessions(), v.State.Session, "again"); err != nil {
					t.Error(err)
				}
				rest()
				now, err := d.Sessions().Get(t.Context(), "t1", v.State.Session)
				if err != nil {
					t.Fatal(err)
				}
				if n := len(now.Root().Context); n != 4 {
					t.Errorf("the conversation has %d messages, want 4", n)
				}
			})
		})
	}
}

// breaking is a tool after whose calls the store fails once.
type breaking struct {
	*drivertest.Ledger
	store *failing
	calls atomic.Int32
}

func (b *breaking) Open(context.Context, string, tool.Server) (tool.Source, error) { return b, nil }

func (b *breaking) Call(ctx context.Context, call tool.Call) (tool.Result, error) {
	b.calls.Add(1)
	b.store.before.Store(1)
	return b.Ledger.Call(ctx, call)
}

// TestLeavingWithAnOutcome: an owner that is told to leave while what a tool did
// is not on record yet records it, and does not call the tool again.
func TestLeavingWithAnOutcome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &drivertest.Script{Op: drivertest.Counter("n")})
		tools := &breaking{Ledger: drivertest.NewLedger(), store: newFailing(w)}
		w.tools = tools
		d, stop := w.node()
		s := d.Sessions()
		v, err := s.Create(t.Context(), driver.Creation{Tenant: "t1", Created: agent.Created{Definition: drivertest.Definition(), Mode: agent.Parking},
			Input: []model.Message{model.UserText(drivertest.PlanPrefix + "unsafe")}})
		if err != nil {
			t.Fatal(err)
		}
		for tools.calls.Load() == 0 {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(50 * time.Millisecond) // the store is tried again after 200
		stop()
		if n := tools.calls.Load(); n != 1 {
			t.Errorf("the tool was called %d times", n)
		}
		d, stop = w.node()
		defer stop()
		if v = settled(t, d.Sessions(), v.State.Session); v.Root().Turn.Status != agent.TurnCompleted {
			t.Errorf("the turn is %s", v.Root().Turn.Status)
		}
		if n := tools.calls.Load(); n != 1 {
			t.Errorf("the tool was called %d times in the end", n)
		}
	})
}
