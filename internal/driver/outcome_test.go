package driver_test

import (
	"context"
	"errors"
	"strings"
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

// says answers always the same.
type says struct{ model.Message }

func (s says) Ask(context.Context, driver.Asker, *model.Request) (*driver.Answer, error) {
	return answer(s.Message), nil
}

// done are the items that the session's readers were told are done.
func done(t *testing.T, s *driver.Sessions, id string) (items []*agent.Item) {
	t.Helper()
	codec, err := agent.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	events, err := s.Journal(t.Context(), "t1", id, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	p := agent.NewProjector(agent.NewState())
	for _, e := range events {
		read, err := codec.Read(e)
		if err != nil {
			t.Fatal(err)
		}
		told, err := p.Next(read)
		if err != nil {
			t.Fatal(err)
		}
		for _, signal := range told {
			if signal.Kind == agent.SignalItemDone {
				items = append(items, signal.Item)
			}
		}
	}
	return items
}

// TestEmptyAnswer: an answer without a word is an empty message, of which the
// model is told nothing.
func TestEmptyAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, says{model.Message{Role: model.RoleAssistant}})
		d, stop := w.node()
		defer stop()
		s := d.Sessions()
		id := create(t, s, agent.Definition{}, "hello").State.Session
		v := settled(t, s, id)
		items := done(t, s, id)
		if len(items) != 1 || items[0].Type != agent.ItemMessage || items[0].Status != agent.ItemCompleted || len(items[0].Content) != 1 {
			t.Fatalf("the items are %+v", items)
		}
		if req, err := v.Request(v.Root()); err != nil || len(req.Messages) != 1 {
			t.Errorf("the model is told %+v, %v", req, err)
		}
	})
}

// huge is a tool whose result no journal takes.
type huge struct{ *drivertest.Ledger }

func (h huge) Open(context.Context, string, tool.Server) (tool.Source, error) { return h, nil }

func (h huge) Call(context.Context, tool.Call) (tool.Result, error) {
	return tool.Result{Content: []model.Part{&model.Text{Text: strings.Repeat("x", session.MaxPayload)}}}, nil
}

// TestTooLargeOutcome: what no journal takes fails its call, and not its owner.
func TestTooLargeOutcome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &drivertest.Script{Op: drivertest.Counter("n")})
		w.tools = huge{drivertest.NewLedger()}
		d, stop := w.node()
		defer stop()
		s := d.Sessions()
		v, err := s.Create(t.Context(), driver.Creation{Tenant: "t1", Created: agent.Created{Definition: drivertest.Definition(), Mode: agent.Parking},
			Input: []model.Message{model.UserText(drivertest.PlanPrefix + "read")}})
		if err != nil {
			t.Fatal(err)
		}
		v = settled(t, s, v.State.Session)
		if v.Root().Turn.Status != agent.TurnCompleted {
			t.Fatalf("the turn is %s", v.Root().Turn.Status)
		}
		var call *agent.Item
		for _, item := range done(t, s, v.State.Session) {
			if item.Type == agent.ItemServerCall {
				call = item
			}
		}
		if call == nil || call.Status != agent.ItemFailed || !strings.Contains(agent.PartText(call.Content[0]), "67108864") {
			t.Errorf("the call is %+v", call)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, says{model.AssistantText(strings.Repeat("x", session.MaxPayload))})
		d, stop := w.node()
		defer stop()
		v := settled(t, d.Sessions(), create(t, d.Sessions(), agent.Definition{}, "hello").State.Session)
		if turn := v.Root().Turn; turn.Status != agent.TurnFailed || !strings.Contains(turn.Message, "67108864") {
			t.Errorf("the turn is %s: %.80s", turn.Status, turn.Message)
		}
	})
}

// TestCancelWithNothingToCancel is remembered under its key: sent again, it does
// not end what began meanwhile.
func TestCancelWithNothingToCancel(t *testing.T) {
	t.Parallel()
	for name, linger := range map[string]time.Duration{"owned": time.Hour, "released": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				models := &slow{begun: make(chan struct{}, 9)}
				models.answer.Store(true)
				w := newWorld(t, models)
				w.linger = linger
				d, stop := w.node()
				defer stop()
				s := d.Sessions()
				id := create(t, s, agent.Definition{}, "hello").State.Session
				settled(t, s, id)
				rest()
				cancel := driver.Input{Tenant: "t1", Session: id, Key: "c", Body: []byte("c"), Bodies: []agent.Body{&agent.Cancel{}}}
				for range 2 {
					if err := s.Send(t.Context(), cancel); err != nil {
						t.Fatal(err)
					}
					models.answer.Store(false)
					if err := say(t, s, id, "go on"); err != nil {
						t.Fatal(err)
					}
					time.Sleep(time.Second)
				}
				if v, err := s.Get(t.Context(), "t1", id); err != nil || v.Status() != agent.InProgress {
					t.Errorf("the session is %s, %v", v.Status(), err)
				}
			})
		})
	}
}

// TestRequeueOfNothing: only a session that was set aside is queued again.
func TestRequeueOfNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, echo{})
	d, stop := w.node()
	defer stop()
	id := create(t, d.Sessions(), agent.Definition{}, "hello").State.Session
	var e *model.Error
	if err := d.Sessions().Requeue(t.Context(), "t1", id); !errors.As(err, &e) || e.Kind != model.Conflict {
		t.Errorf("it is answered %v", err)
	}
}

// swallowing is a store that swallows what it is asked about leases.
type swallowing struct {
	*mem.Store
	on   atomic.Bool
	last atomic.Int64 // when a lease was granted or renewed last
}

func (s *swallowing) Renew(ctx context.Context, ttl time.Duration, leases ...session.Lease) ([]session.Lease, error) {
	if s.on.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	s.last.Store(time.Now().UnixNano())
	return s.Store.Renew(ctx, ttl, leases...)
}

func (s *swallowing) Due(ctx context.Context, n session.Node, limit int) ([]session.Lease, error) {
	if s.on.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return s.Store.Due(ctx, n, limit)
}

// lasting is a model whose calls outlive leases by far, and tells when one was
// cut off.
type lasting struct{ cut atomic.Int64 }

func (l *lasting) Ask(ctx context.Context, _ driver.Asker, _ *model.Request) (*driver.Answer, error) {
	<-ctx.Done()
	l.cut.Store(time.Now().UnixNano())
	return nil, ctx.Err()
}

// TestNoEffectOutlivesItsLease: an effect longer than a lease goes on while the
// lease is renewed, and is cut off when it ends, though the store is silent.
func TestNoEffectOutlivesItsLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		models := &lasting{}
		w := newWorld(t, models)
		leases := &swallowing{Store: w.store}
		w.leases = leases
		d, stop := w.node()
		defer stop()
		create(t, d.Sessions(), agent.Definition{}, "hello")
		time.Sleep(time.Minute)
		if models.cut.Load() != 0 {
			t.Fatal("it was cut off while its lease was renewed")
		}
		leases.on.Store(true)
		time.Sleep(time.Minute)
		if held := time.Duration(models.cut.Load() - leases.last.Load()); held > 2*time.Second || held <= time.Second {
			t.Errorf("it was cut off %s after its lease of 2s was renewed last", held)
		}
	})
}
