package driver_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/driver/drivertest"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/store/mem"
)

// parked is a session that waits for a function's result and for a yes.
type parked struct {
	*testing.T
	w        *world
	s        *driver.Sessions
	id, turn string
	function string // the call
}

func park(t *testing.T, w *world, s *driver.Sessions) parked {
	t.Helper()
	v, err := s.Create(t.Context(), driver.Creation{Tenant: "t1", Created: agent.Created{Definition: drivertest.Definition(), Mode: agent.Parking},
		Input: []model.Message{model.UserText("plan look guarded; x")}})
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	p := parked{T: t, w: w, s: s, id: v.State.Session}
	actions := p.get().Actions()
	if len(actions) != 1 {
		t.Fatalf("%d actions", len(actions))
	}
	p.turn, p.function = actions[0].Turn.ID, actions[0].Call.ID
	return p
}

func (p parked) get() *driver.View {
	p.Helper()
	v, err := p.s.Get(p.Context(), "t1", p.id)
	if err != nil {
		p.Fatal(err)
	}
	return v
}

func (p parked) send(tenant, key string, bodies ...agent.Body) error {
	return p.s.Send(p.Context(), driver.Input{Tenant: tenant, Session: p.id, Key: key, Body: []byte(key), Bodies: bodies})
}

func (p parked) result(call string, text string) error {
	return p.send("t1", "", &agent.Result{Turn: p.turn, Call: call, Success: true, Output: []model.Part{&model.Text{Text: text}}})
}

func (p parked) decide(request, decision string) error {
	return p.send("t1", "", &agent.Decision{Request: request, Decision: decision, By: "key_1"})
}

// refused checks that an answer is the one no that is meant, and that it left
// nothing behind.
func (p parked) refused(name string, kind model.Kind, words string, answer func() error) {
	p.Helper()
	before := p.get().Head
	err := answer()
	var e *model.Error
	if !errors.As(err, &e) || e.Kind != kind || !strings.Contains(e.Message, words) {
		p.Errorf("%s is answered %v, want %v and %q", name, err, kind, words)
	}
	synctest.Wait()
	if after := p.get().Head; after.Seq != before.Seq || after.Head != before.Head {
		p.Errorf("%s left something behind: %d events, %d before", name, after.Seq, before.Seq)
	}
}

// atBoth plays a test with the session at its owner, who appends input itself,
// and with a session that nobody owns.
func atBoth(t *testing.T, play func(t *testing.T, w *world, s *driver.Sessions)) {
	for name, linger := range map[string]time.Duration{"owned": time.Hour, "released": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, &drivertest.Script{Op: drivertest.Counter("n")})
				w.tools, w.linger = drivertest.NewLedger(), linger
				d, stop := w.node()
				defer stop()
				play(t, w, d.Sessions())
			})
		})
	}
}

// TestRefusals: bad input has its own clear answer, and the session goes on.
func TestRefusals(t *testing.T) {
	t.Parallel()
	atBoth(t, func(t *testing.T, w *world, s *driver.Sessions) {
		p := park(t, w, s)
		p.refused("a foreign tenant", model.NotFound, p.id, func() error { return p.send("t2", "", &agent.Cancel{}) })
		p.refused("an unknown call", model.Invalid, driver.UnknownCall+"nope", func() error { return p.result("nope", "x") })
		p.refused("a result of another turn", model.Invalid, driver.UnknownCall, func() error {
			return p.send("t1", "", &agent.Result{Turn: "turn_x_1", Call: p.function, Success: true})
		})
		p.refused("an unknown request", model.Invalid, "no pending approval", func() error { return p.decide("mcpr_x", "approve") })
		p.refused("what cannot be written", model.Invalid, "cannot be written", func() error {
			return p.send("t1", "", &agent.Result{Turn: p.turn, Call: p.function, Success: true, Raw: jsontext.Value(`{"a":`)})
		})
		p.refused("a key that is too long", model.Invalid, "idempotency key", func() error {
			return p.send("t1", strings.Repeat("k", 600), &agent.Cancel{})
		})
		p.refused("a key that is no text", model.Invalid, "idempotency key", func() error { return p.send("t1", "a\x00", &agent.Cancel{}) })
		p.refused("metadata that no store takes", model.Invalid, "Metadata", func() error {
			return p.send("t1", "", &agent.Updated{Metadata: &map[string]string{"a": "\x00"}})
		})
		p.refused("an oversized message", model.Invalid, "limit is", func() error {
			return p.send("t1", "large", &agent.Message{Messages: []model.Message{model.UserText(strings.Repeat("x", session.MaxPayload))}})
		})
		if err := p.result(p.function, "seen"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		p.refused("another result", model.Conflict, "another result", func() error { return p.result(p.function, "other") })
		if err := p.result(p.function, "seen"); err != nil {
			t.Errorf("the same result again is answered %v", err)
		}
		request := p.get().Actions()[0].Call.Request
		if err := p.decide(request, "approve"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		p.refused("a second decision", model.Conflict, "not pending any more", func() error { return p.decide(request, "deny") })
		if status := p.get().Status(); status != agent.Idle {
			t.Errorf("the session ends %s", status)
		}
		if err := say(t, s, p.id, "one more"); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		p.refused("a key with another request", model.Conflict, "key was used", func() error {
			return s.Send(t.Context(), driver.Input{Tenant: "t1", Session: p.id, Key: "one more", Body: []byte("other"), Bodies: []agent.Body{&agent.Cancel{}}})
		})
	})
}

// TestUnknownIsForeign: a session of another tenant is answered as one that
// does not exist, in every word.
func TestUnknownIsForeign(t *testing.T) {
	t.Parallel()
	atBoth(t, func(t *testing.T, w *world, s *driver.Sessions) {
		p := park(t, w, s)
		other := "ses_" + strings.Repeat("a", len(p.id)-4)
		for name, ask := range map[string]func(id string) error{
			"get":  func(id string) error { _, err := s.Get(t.Context(), "t2", id); return err },
			"tail": func(id string) error { _, err := s.Tail(t.Context(), "t2", id, ""); return err },
			"send": func(id string) error {
				return s.Send(t.Context(), driver.Input{Tenant: "t2", Session: id, Key: "k", Bodies: []agent.Body{&agent.Cancel{}}})
			},
			"delete": func(id string) error { return s.Delete(t.Context(), "t2", id) },
			"fork":   func(id string) error { _, err := s.Fork(t.Context(), "t2", id, 0, agent.Forked{}); return err },
			"replay": func(id string) error { _, err := s.Replay(t.Context(), "t2", id); return err },
		} {
			foreign, unknown := ask(p.id), ask(other)
			if !errors.Is(foreign, session.ErrNotFound) || strings.ReplaceAll(foreign.Error(), p.id, other) != unknown.Error() {
				t.Errorf("%s of a foreign session is %v, of an unknown one %v", name, foreign, unknown)
			}
		}
	})
}

// TestDecisionAfterExpiry: a yes that comes too late is refused, and the agent
// is told that nobody approved in time.
func TestDecisionAfterExpiry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &drivertest.Script{Op: drivertest.Counter("n")})
		ledger := drivertest.NewLedger()
		w.tools = ledger
		d, stop := w.node()
		p := park(t, w, d.Sessions())
		if err := p.result(p.function, "seen"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		request := p.get().Actions()[0].Call.Request
		stop()
		time.Sleep(agent.ApprovalTTL)
		p.refused("a late decision", model.Conflict, "has expired", func() error { return p.decide(request, "approve") })
		d, stop = w.node()
		defer stop()
		rest()
		v, err := d.Sessions().Get(t.Context(), "t1", p.id)
		if err != nil {
			t.Fatal(err)
		}
		if _, calls := ledger.Count(); v.Status() != agent.Idle || calls != 0 {
			t.Errorf("the session ends %s after %d calls", v.Status(), calls)
		}
	})
}

// TestNewerJournal: what a newer program wrote is left alone, and said to be so.
func TestNewerJournal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, echo{})
		d, stop := w.node()
		defer stop()
		s := d.Sessions()
		id := create(t, s, agent.Definition{}, "hello").State.Session
		rest()
		head, err := w.store.Head(t.Context(), "t1", id)
		if err != nil {
			t.Fatal(err)
		}
		codec, err := agent.NewCodec()
		if err != nil {
			t.Fatal(err)
		}
		newest := codec.Newest()
		if _, err = w.journal.Apply(t.Context(), head, session.Change{Wake: &session.AtOnce,
			Drafts: []session.Draft{{Type: "input.thought", Version: newest + 1, Payload: []byte("{}")}}}); err != nil {
			t.Fatal(err)
		}
		rest()
		for name, err := range map[string]error{"get": second(s.Get(t.Context(), "t1", id)), "send": say(t, s, id, "x")} {
			if !errors.Is(err, session.ErrNewer) {
				t.Errorf("%s is answered %v", name, err)
			}
		}
		entry, err := w.store.Describe(t.Context(), "t1", id)
		if err != nil || entry.Seq != head.Seq+1 || entry.Quarantine != "" || entry.Node != "" {
			t.Errorf("the session was touched: %+v, %v", entry, err)
		}
	})
}

// TestUnknownEventOfAKnownVersion: a session that this node may claim and cannot
// read is claimed once and set aside, with the reason; upgraded, it goes on.
func TestUnknownEventOfAKnownVersion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, echo{})
		d, stop := w.node()
		defer stop()
		id := create(t, d.Sessions(), agent.Definition{}, "hello").State.Session
		rest()
		head, err := w.store.Head(t.Context(), "t1", id)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = w.journal.Apply(t.Context(), head, session.Change{Wake: &session.AtOnce,
			Drafts: []session.Draft{{Type: "input.thought", Version: 1, Payload: []byte("{}")}}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		entry, err := w.store.Describe(t.Context(), "t1", id)
		if err != nil || entry.Epoch > head.Epoch+1 || entry.Node != "" {
			t.Errorf("in a minute the session was claimed %d times, %v", entry.Epoch-head.Epoch, err)
		}
		for _, words := range []string{"input.thought, version 1", "Upgrade the server"} {
			if !strings.Contains(entry.Quarantine, words) {
				t.Errorf("it is set aside for %q, which does not say %q", entry.Quarantine, words)
			}
		}
	})
}

// unasked is a store that tells nobody which nodes there are.
type unasked struct{ *mem.Store }

func (unasked) Advertise(context.Context, session.Node) (map[string]int, error) {
	return nil, errors.New("the store is away")
}

// TestNothingNewBeforeOthersAreKnown: a node that could not ask what the others
// read writes what all of them do.
func TestNothingNewBeforeOthersAreKnown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, echo{})
		w.leases = unasked{w.store}
		d, stop := w.node()
		defer stop()
		id := create(t, d.Sessions(), agent.Definition{}, "hello").State.Session
		rest()
		entry, err := w.store.Describe(t.Context(), "t1", id)
		if err != nil || entry.Version != agent.Version || entry.Status != string(agent.Idle) {
			t.Errorf("the session is %s at version %d, %v", entry.Status, entry.Version, err)
		}
	})
}

func second[T any](_ T, err error) error { return err }

// TestFullMailbox: input that nobody takes up is bounded.
func TestFullMailbox(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		models := &slow{begun: make(chan struct{}, 8)}
		w := newWorld(t, models)
		d, stop := w.node()
		defer stop()
		s := d.Sessions()
		id := create(t, s, agent.Definition{}, "hello").State.Session
		<-models.begun
		body := []agent.Body{&agent.Message{Messages: []model.Message{model.UserText("more")}}}
		var err error
		n := 0
		for ; err == nil && n < 1000; n++ {
			err = s.Send(t.Context(), driver.Input{Tenant: "t1", Session: id, Bodies: body})
		}
		if n != driver.MaxQueued+1 || model.AsError(err).Kind != model.Overloaded {
			t.Errorf("message %d is answered %v", n, err)
		}
		models.answer.Store(true)
		if err := s.Send(context.WithoutCancel(t.Context()), driver.Input{Tenant: "t1", Session: id, Bodies: []agent.Body{&agent.Cancel{}}}); err != nil {
			t.Fatal(err)
		}
		rest()
		if err := say(t, s, id, "again"); err != nil {
			t.Error(err)
		}
		rest()
	})
}
