package driver_test

import (
	"context"
	"fmt"
	"log/slog"
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
)

// priced is a node whose tokens cost one nano-USD each.
func (w *world) priced() (d *driver.Driver, stop func()) {
	w.t.Helper()
	price := func(u model.Usage) (int64, bool) { return u.Total(), true }
	return w.with(func(c *driver.Config) {
		c.Quote = func(context.Context, driver.Asker, string) (driver.Quote, error) {
			return driver.Quote{MaxOutput: 100_000, Worst: price, Cost: price}, nil
		}
	})
}

// with is a node with more than the usual.
func (w *world) with(change func(*driver.Config)) (d *driver.Driver, stop func()) {
	w.t.Helper()
	w.n++
	config := driver.Config{
		Store:   driver.Store{Journals: w.store, Leases: w.leases, Snapshots: w.store, Buffer: w.store, Index: w.store},
		Journal: w.journal, Models: w.models, Node: fmt.Sprintf("node-%d", w.n), Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Tools: w.tools, TTL: 2 * time.Second, Poll: 20 * time.Millisecond, Linger: 50 * time.Millisecond,
	}
	change(&config)
	d, err := driver.New(config)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); d.Run(ctx) }()
	return d, func() { cancel(); <-done }
}

// greedy says as much as it may, in time, and costs what it says. It opens as many
// subagents as it is asked for.
type greedy struct {
	under, most atomic.Int64 // tokens that calls under way may make
}

func (g *greedy) Ask(ctx context.Context, _ driver.Asker, req *model.Request) (*driver.Answer, error) {
	given := int64(100_000)
	if req.MaxTokens != nil {
		given = int64(*req.MaxTokens)
	}
	now := g.under.Add(given)
	for most := g.most.Load(); now > most && !g.most.CompareAndSwap(most, now); most = g.most.Load() {
	}
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
	}
	g.under.Add(-given)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	last := req.Messages[len(req.Messages)-1].Text()
	reply := &model.Response{Choices: []model.Choice{{Message: model.AssistantText("much"), Stop: model.StopMaxTokens}},
		Usage: model.Usage{Input: 10, Output: given}}
	if n := strings.Count(last, "sub"); n > 0 && len(req.Messages) == 1 {
		reply.Choices[0], reply.Usage.Output = model.Choice{Message: model.Message{Role: model.RoleAssistant}, Stop: model.StopEnd}, 10
		for i := range n {
			reply.Choices[0].Message.Parts = append(reply.Choices[0].Message.Parts,
				&model.ToolCall{ID: fmt.Sprint("c", i), Name: agent.CreateSubagent, Arguments: `{"message":"go"}`})
		}
	}
	return &driver.Answer{Stream: model.Replay(reply), Model: "greedy",
		Cost: func(u model.Usage) (int64, bool) { return u.Total(), true }}, nil
}

// limited begins a session that may spend so much.
func limited(t *testing.T, s *driver.Sessions, limit int64, text string) *driver.View {
	t.Helper()
	d := agent.Definition{ID: "agent_1", Model: "m", MultiAgent: agent.MultiAgent{Enabled: true, MaxConcurrent: 9}}
	v, err := s.Create(t.Context(), driver.Creation{Tenant: "t1", Created: agent.Created{Definition: d, Mode: agent.Parking, SpendLimit: &limit},
		Input: []model.Message{model.UserText(text)}})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// settled waits until nothing is under way.
func settled(t *testing.T, s *driver.Sessions, id string) *driver.View {
	t.Helper()
	for range 1000 {
		time.Sleep(100 * time.Millisecond)
		v, err := s.Get(t.Context(), "t1", id)
		if err != nil {
			t.Fatal(err)
		}
		if v.Status() == agent.Idle {
			return v
		}
	}
	t.Fatal("the session does not come to rest")
	return nil
}

// TestLimitBoundsOneAnswer: what is left of the limit is the most an answer may
// cost, and an answer that it does not pay for is not asked for.
func TestLimitBoundsOneAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &greedy{})
		d, stop := w.priced()
		defer stop()
		v := settled(t, d.Sessions(), limited(t, d.Sessions(), 5_000, "go").Session)
		if turn := v.Root().Turn; v.Spent.Cost > 5_010 || v.Spent.Cost < 4_500 || turn.Code != agent.BudgetExceeded {
			t.Errorf("%d were spent of 5000, and the turn is %s (%s)", v.Spent.Cost, turn.Status, turn.Code)
		}
		v = settled(t, d.Sessions(), limited(t, d.Sessions(), 12, "go").Session)
		if turn := v.Root().Turn; v.Spent.Cost != 0 || turn.Code != agent.BudgetExceeded {
			t.Errorf("%d were spent of 12, and the turn is %s (%s)", v.Spent.Cost, turn.Status, turn.Code)
		}
	})
}

// TestLimitHoldsSubagentsTogether: calls under way at once share what is left.
func TestLimitHoldsSubagentsTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		models := &greedy{}
		w := newWorld(t, models)
		d, stop := w.priced()
		defer stop()
		v := settled(t, d.Sessions(), limited(t, d.Sessions(), 50_000, "sub sub sub sub").Session)
		if v.Spent.Cost > 50_000+100 || v.Spent.Cost < 45_000 || models.most.Load() > 50_000 {
			t.Errorf("%d were spent of 50000, and %d were under way at once", v.Spent.Cost, models.most.Load())
		}
	})
}

// unreachable is a store that a node cannot keep its leases at.
type unreachable struct {
	*mem.Store
	gone atomic.Bool
}

func (u *unreachable) Renew(ctx context.Context, ttl time.Duration, leases ...session.Lease) ([]session.Lease, error) {
	if u.gone.Load() {
		return nil, errFailing
	}
	return u.Store.Renew(ctx, ttl, leases...)
}

func (u *unreachable) Due(ctx context.Context, n session.Node, limit int) ([]session.Lease, error) {
	if u.gone.Load() {
		return nil, errFailing
	}
	return u.Store.Due(ctx, n, limit)
}

// TestCutCallsCount: a call that is cancelled, handed over or left behind by an
// owner that is gone counts about what it used.
func TestCutCallsCount(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"cancel", "drain", "takeover"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { cutCall(t, name) })
		})
	}
}

func cutCall(t *testing.T, how string) {
	script := &drivertest.Script{Op: drivertest.Counter("n")}
	var pieces atomic.Int64
	script.Pause = func(ctx context.Context, _ driver.Asker) error {
		if n := pieces.Add(1); n == 6 { // the first answer never comes to its end
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}
	w := newWorld(t, script)
	away := &unreachable{Store: w.store}
	w.leases = away
	d, stop := w.priced()
	defer stop()
	v, err := d.Sessions().Create(t.Context(), driver.Creation{Tenant: "t1",
		Created: agent.Created{Definition: agent.Definition{ID: "agent_1", Model: "m"}, Mode: agent.Parking},
		Input:   []model.Message{model.UserText(strings.Repeat("word ", 80))}})
	if err != nil {
		t.Fatal(err)
	}
	id := v.State.Session
	time.Sleep(500 * time.Millisecond)
	switch how {
	case "cancel":
		err = d.Sessions().Send(t.Context(), driver.Input{Tenant: "t1", Session: id, Bodies: []agent.Body{&agent.Cancel{}}})
	case "drain":
		stop()
	case "takeover":
		away.gone.Store(true)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.leases = w.store
	next, done := w.priced()
	defer done()
	got := settled(t, next.Sessions(), id)
	cut := 0
	events, err := next.Sessions().Journal(t.Context(), "t1", id, 0, 0)
	for _, e := range events {
		if e.Type == "model.interrupted" && strings.Contains(string(e.Payload), `"`+how+`"`) {
			cut++
		}
	}
	if u := got.Spent.Usage; err != nil || cut != 1 || u.Input < 100 || u.Output == 0 || !u.Estimated || got.Spent.Cost < u.Total() || got.Root().Turn.Spent != got.Spent {
		t.Errorf("after %d cuts by %s the session has spent %+v, its turn %+v, %v", cut, how, got.Spent, got.Root().Turn.Spent, err)
	}
}
