package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/edge/edgetest"
	"github.com/craton-ai/craton/internal/gateway"
	"github.com/craton-ai/craton/internal/guard"
	"github.com/craton-ai/craton/internal/guard/breaker"
	"github.com/craton-ai/craton/internal/guard/budget"
	"github.com/craton-ai/craton/internal/guard/meter"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/route"
	"github.com/craton-ai/craton/internal/store/mem"
	"github.com/craton-ai/craton/internal/usage"
)

// bench is a gateway over memory, whose tokens cost 10 nano-USD each.
type bench struct {
	*gateway.Gateway
	store *mem.Store
	meter *meter.Meter
	ids   atomic.Int64
}

func newBench(t *testing.T, names gateway.Names, breakers *breaker.Set, upstreams ...gateway.Upstream) *bench {
	t.Helper()
	return newPriced(t, func(_ *model.Card, u model.Usage) (int64, bool) { return 10 * u.Total(), true }, names, breakers, upstreams...)
}

func newPriced(t *testing.T, price func(*model.Card, model.Usage) (int64, bool), names gateway.Names, breakers *breaker.Set, upstreams ...gateway.Upstream) *bench {
	t.Helper()
	b := &bench{store: mem.New()}
	now := func() time.Time { return time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC) }
	newID := func() string { return fmt.Sprintf("%08d", b.ids.Add(1)) }
	b.meter = meter.New(meter.Config{Store: b.store, Cost: price, Now: now, NewID: newID})
	budgets := budget.New(budget.Config{Store: b.store, Now: now, NewID: newID})
	t.Cleanup(func() {
		if err := errors.Join(b.meter.Close(context.Background()), budgets.Close(context.Background())); err != nil {
			t.Error(err)
		}
	})
	var err error
	b.Gateway, err = gateway.New(t.Context(), gateway.Options{Upstreams: upstreams, Names: names, Log: slog.New(slog.DiscardHandler),
		Complete: func(c model.Card) model.Card { return c },
		Guards:   gateway.Guards{Meter: b.meter, Budgets: budgets, Breakers: breakers, Worst: price}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func call() *gateway.Call {
	return &gateway.Call{Principal: identity.Principal{Tenant: identity.Tenant{ID: "t", Name: "blue"}}, Key: identity.Key{ID: "k"},
		Dialect: model.DialectOpenAIChat, Operation: "chat", RequestID: "r"}
}

func (b *bench) records(t *testing.T) []usage.Record {
	t.Helper()
	if err := b.meter.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	list, err := b.store.Records(t.Context(), usage.Filter{Tenant: "t"}, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// saying is an upstream that says who it is, and what that cost.
func saying(name string) gateway.Upstream {
	return edgetest.Upstream(name, "m", func(_ context.Context, req *model.Request) (model.Stream, error) {
		return model.Replay(&model.Response{Model: req.Model, Usage: model.Usage{Input: 3, Output: 4},
			Choices: []model.Choice{{Stop: model.StopEnd, Message: model.Message{Role: model.RoleAssistant, Parts: []model.Part{&model.Text{Text: "I am " + name}}}}}}), nil
	})
}

func request(name string) *model.Request {
	return &model.Request{Model: name, Messages: []model.Message{model.UserText("Who are you?")}}
}

// TestFallbacks asks a chain whose first members fail: the first that answers
// is metered, once, with every attempt.
func TestFallbacks(t *testing.T) {
	t.Parallel()
	names := gateway.Names{Fallbacks: map[string][]string{"down/m": {"denied/m", "good/m"}, "bad/m": {"good/m"}, "breaks/m": {"good/m"}}}
	upstreams := []gateway.Upstream{edgetest.Failing("down", model.UpstreamDown), edgetest.Failing("denied", model.UpstreamDenied),
		edgetest.Failing("bad", model.Invalid), edgetest.Breaking("breaks", model.UpstreamDown), saying("good")}
	for _, c := range []struct {
		model, upstream  string
		status, attempts int
	}{{"down/m", "good", 200, 3}, {"good/m", "good", 200, 1}, {"bad/m", "bad", 400, 1}, {"breaks/m", "breaks", 502, 1}} {
		b := newBench(t, names, nil, upstreams...)
		answer, err := b.Generate(t.Context(), call(), request(c.model))
		if err == nil {
			var r *model.Response
			if r, err = model.Collect(answer.Stream); err == nil && r.Choices[0].Message.Text() != "I am "+c.upstream {
				t.Errorf("%s: answered %q", c.model, r.Choices[0].Message.Text())
			}
		}
		if (err == nil) != (c.status == 200) {
			t.Errorf("%s: %v", c.model, err)
		}
		list := b.records(t)
		if len(list) != 1 || list[0].Upstream != c.upstream || list[0].Status != c.status || list[0].Attempts != c.attempts {
			t.Errorf("%s: metered as %+v", c.model, list)
		}
	}
}

// TestBrokenCircuits routes around an upstream that keeps failing.
func TestBrokenCircuits(t *testing.T) {
	t.Parallel()
	set := breaker.NewSet(breaker.Config{Now: time.Now})
	down := edgetest.Failing("down", model.UpstreamDown)
	calls, failing := 0, down.Provider
	counted := &modelFunc{func(ctx context.Context, req *model.Request) (model.Stream, error) {
		calls++
		return failing.Generate(ctx, req)
	}}
	down.Provider, down.Cards = guard.Wrap(counted, set.Of("down")), []model.Card{{ID: "m", Capabilities: []model.Capability{model.CanChat}}}
	b := newBench(t, gateway.Names{Fallbacks: map[string][]string{"down/m": {"good/m"}}}, set, down, saying("good"))
	for range 100 {
		answer, err := b.Generate(t.Context(), call(), request("down/m"))
		if err != nil {
			t.Fatal(err)
		}
		answer.Stream.Close()
	}
	if calls == 0 || calls > 50 {
		t.Errorf("an upstream that fails was asked %d times in 100 requests", calls)
	}
}

type modelFunc struct {
	generate func(context.Context, *model.Request) (model.Stream, error)
}

func (f *modelFunc) Generate(ctx context.Context, req *model.Request) (model.Stream, error) {
	return f.generate(ctx, req)
}

// listing lists models, or fails to.
type listing struct {
	modelFunc
	cards []model.Card
	err   error
}

func (l *listing) Models(context.Context) ([]model.Card, error) { return l.cards, l.err }

func ids(t *testing.T, b *bench, tenant identity.Tenant) string {
	t.Helper()
	cards, err := b.Models(t.Context(), identity.Principal{Tenant: tenant})
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, c := range cards {
		list = append(list, c.ID)
	}
	return strings.Join(list, " ")
}

// TestRefreshing keeps what an upstream listed while it cannot be asked, and
// swaps upstreams and names as a whole.
func TestRefreshing(t *testing.T) {
	t.Parallel()
	l := &listing{cards: []model.Card{{ID: "one"}}}
	u := gateway.Upstream{Name: "u", Provider: l}
	b := newBench(t, gateway.Names{}, nil, u)
	blue := identity.Tenant{ID: "t", Name: "blue"}
	if got := ids(t, b, blue); got != "u/one" {
		t.Errorf("listed %q", got)
	}
	l.err = errors.New("unreachable")
	b.Refresh(t.Context())
	if got := ids(t, b, blue); got != "u/one" {
		t.Errorf("after a failure %q is listed", got)
	}
	l.err, l.cards = nil, []model.Card{{ID: "two"}}
	b.Refresh(t.Context())
	if got := ids(t, b, blue); got != "u/two" {
		t.Errorf("after a refresh %q is listed", got)
	}
	b.Configure(t.Context(), []gateway.Upstream{saying("v"), u}, gateway.Names{Default: "u/two", Aliases: map[string][]route.Target{"quick": {{Model: "v/m"}}}})
	if got := ids(t, b, blue); got != "u/two v/m quick" {
		t.Errorf("after a change %q is listed", got)
	}
	card, _, err := b.Explain(t.Context(), identity.Principal{Tenant: blue}, "quick")
	if err != nil || card.ID != "v/m" {
		t.Errorf("the alias means %+v, %v", card, err)
	}
}

// TestReconfiguringWhileUnreachable keeps what an upstream listed when the
// configuration is read again while it cannot be asked. The catalogue is asked
// anew: its prices may be what changed.
func TestReconfiguringWhileUnreachable(t *testing.T) {
	t.Parallel()
	l := &listing{cards: []model.Card{{ID: "one"}}}
	name := "old"
	g, err := gateway.New(t.Context(), gateway.Options{Upstreams: []gateway.Upstream{{Name: "u", Provider: l}}, Log: slog.New(slog.DiscardHandler),
		Complete: func(c model.Card) model.Card {
			if c.Name == "" {
				c.Name = name
			}
			return c
		},
		Guards: gateway.Guards{Meter: newBench(t, gateway.Names{}, nil).meter}})
	if err != nil {
		t.Fatal(err)
	}
	l.err, name = errors.New("unreachable"), "new"
	for range 2 {
		g.Configure(t.Context(), []gateway.Upstream{{Name: "other", Provider: l}, {Name: "u", Provider: l}}, gateway.Names{})
		cards, err := g.Models(t.Context(), identity.Principal{Tenant: identity.Tenant{ID: "t"}})
		if err != nil || len(cards) != 1 || cards[0].ID != "u/one" || cards[0].Name != "new" {
			t.Errorf("after a reload %+v are listed, %v", cards, err)
		}
	}
}

// TestAliasesAreListed lists the operator's names beside the models they mean,
// for those who may use these.
func TestAliasesAreListed(t *testing.T) {
	t.Parallel()
	blue := saying("blue")
	blue.Tenants = []string{"blue"}
	aliases := map[string][]route.Target{"quick": {{Model: "everyone/m"}}, "theirs": {{Model: "blue/m"}}, "chain": {{Model: "quick"}},
		"none": {{Model: "nobody/m"}}, "everyone/m": {{Model: "everyone/m"}}}
	b := newBench(t, gateway.Names{Default: "quick", Aliases: aliases}, nil, saying("everyone"), blue)
	for want, tenant := range map[string]identity.Tenant{
		"quick everyone/m chain": {ID: "g", Name: "green"}, "quick everyone/m blue/m chain theirs": {ID: "b", Name: "blue"},
	} {
		if got := ids(t, b, tenant); got != want {
			t.Errorf("%s sees %q, want %q", tenant.ID, got, want)
		}
	}
	cards, err := b.Models(t.Context(), identity.Principal{Tenant: identity.Tenant{ID: "g", Name: "green"}})
	if err != nil || cards[0].AliasOf != "everyone/m" || cards[0].Upstream != "everyone" || cards[1].AliasOf != "" {
		t.Errorf("%+v, %v", cards, err)
	}
}

// TestViews shows each tenant the upstreams that are for it.
func TestViews(t *testing.T) {
	t.Parallel()
	everyone, root, blue := saying("everyone"), saying("root"), saying("blue")
	root.RootOnly, blue.Tenants = true, []string{"blue"}
	b := newBench(t, gateway.Names{}, nil, everyone, root, blue)
	for want, tenant := range map[string]identity.Tenant{
		"everyone/m root/m": {ID: "r", Root: true}, "everyone/m blue/m": {ID: "b", Name: "blue"}, "everyone/m": {ID: "g", Name: "green"},
	} {
		got := strings.Fields(ids(t, b, tenant))
		slices.Sort(got)
		wanted := strings.Fields(want)
		slices.Sort(wanted)
		if !slices.Equal(got, wanted) {
			t.Errorf("%s sees %q, want %q", tenant.ID, got, wanted)
		}
	}
	c := call()
	_, err := b.Generate(t.Context(), c, request("root/m"))
	if e := model.AsError(err); e == nil || e.Kind != model.ModelNotFound || strings.Contains(e.Public()+fmt.Sprint(e.Candidates), "root/m,") {
		t.Errorf("another tenant's model: %v", err)
	}
}

// TestBudgetsAreSettled spends a budget to its end: each call reserves its
// worst case and pays what it used.
func TestBudgetsAreSettled(t *testing.T) {
	t.Parallel()
	b := newBench(t, gateway.Names{}, nil, saying("good"), edgetest.Failing("down", model.UpstreamDown))
	most := 100
	ask := func(name string) error {
		c := call()
		c.Key.Budgets.DailyNanoUSD = 10_000
		req := request(name)
		req.MaxTokens = &most
		answer, err := b.Generate(t.Context(), c, req)
		if err != nil {
			return err
		}
		_, err = model.Collect(answer.Stream)
		return err
	}
	for range 50 {
		if err := ask("down/m"); model.AsError(err).Kind != model.UpstreamDown {
			t.Fatalf("a failure costs nothing: %v", err)
		}
	}
	answered := 0
	var err error
	for ; err == nil && answered < 1000; answered++ {
		err = ask("good/m")
	}
	// 70 nano-USD each; the last ones must leave room for a worst case of about 1060.
	if model.AsError(err).Kind != model.BudgetExceeded || answered < 100 || answered > 143 {
		t.Errorf("after %d answers: %v", answered, err)
	}
	var spent int64
	for _, r := range b.records(t) {
		spent += r.CostNanoUSD
	}
	if spent > 10_000 {
		t.Errorf("%d nano-USD of 10000 were spent", spent)
	}
}

// TestStrictRefusesBeforeTheAnswer closes the stream of what it refuses.
func TestStrictRefusesBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	lossy := &lossyStream{Stream: model.Events(model.Event{Kind: model.EventStart}), losses: []model.Loss{{Path: "seed", What: "the seed"}}}
	b := newBench(t, gateway.Names{}, nil, edgetest.Upstream("u", "m", func(context.Context, *model.Request) (model.Stream, error) { return lossy, nil }))
	c := call()
	c.Strict = true
	_, err := b.Generate(t.Context(), c, request("u/m"))
	if e := model.AsError(err); e == nil || e.Kind != model.Unsupported || !strings.Contains(e.Public(), "the seed") || !lossy.closed {
		t.Errorf("strict: %v, closed %t", err, lossy.closed)
	}
	answer, err := b.Generate(t.Context(), call(), request("u/m"))
	if err != nil || len(answer.Losses) != 1 {
		t.Fatalf("not strict: %+v, %v", answer, err)
	}
	if _, err := answer.Stream.Next(); err != nil && !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	answer.Stream.Close()
}

type lossyStream struct {
	model.Stream
	losses []model.Loss
	closed bool
}

func (s *lossyStream) Losses() []model.Loss { return s.losses }
func (s *lossyStream) Close() error         { s.closed = true; return nil }

// TestAbilities refuses what a model cannot do before anything is asked.
func TestAbilities(t *testing.T) {
	t.Parallel()
	b := newBench(t, gateway.Names{}, nil, saying("u"))
	_, _, err := b.Embed(t.Context(), call(), &model.EmbedRequest{Model: "u/m", Input: []string{"x"}})
	if model.AsError(err).Kind != model.Unsupported {
		t.Errorf("embedding: %v", err)
	}
	if _, err := b.CountTokens(t.Context(), call(), request("u/m")); model.AsError(err).Kind != model.Unsupported {
		t.Errorf("counting: %v", err)
	}
	req := request("u/m")
	req.Messages[0].Parts = append(req.Messages[0].Parts, &model.Image{})
	if _, err := b.Generate(t.Context(), call(), req); err == nil || model.AsError(err).Kind != model.Unsupported {
		t.Errorf("a picture: %v", err)
	}
	if list := b.records(t); len(list) != 0 {
		t.Errorf("refusals were metered: %+v", list)
	}
	if _, err := gateway.New(t.Context(), gateway.Options{}); err == nil {
		t.Error("a gateway was made of nothing")
	}
}
