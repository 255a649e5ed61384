package gateway_test

import (
	"context"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/gateway"
	"github.com/craton-ai/craton/internal/guard"
	"github.com/craton-ai/craton/internal/guard/retry"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
)

// flaky is an upstream that fails so many times, in either lane, and then answers.
type flaky struct {
	failures       int64
	relays, called atomic.Int64
}

func (f *flaky) down() bool { return f.relays.Load()+f.called.Load() <= f.failures }

func (f *flaky) Generate(context.Context, *model.Request) (model.Stream, error) {
	if f.called.Add(1); f.down() {
		return nil, model.Errorf(model.UpstreamDown, "", "The upstream is down.")
	}
	return model.Replay(&model.Response{Model: "m", Usage: model.Usage{Input: 3, Output: 4}, Choices: []model.Choice{{Stop: model.StopEnd}}}), nil
}

func (f *flaky) Embed(context.Context, *model.EmbedRequest) (*model.EmbedResponse, error) {
	if f.called.Add(1); f.down() {
		return nil, model.Errorf(model.UpstreamDown, "", "The upstream is down.")
	}
	return &model.EmbedResponse{Model: "m", Usage: model.Usage{Input: 3}}, nil
}

func (f *flaky) Relay(context.Context, *model.Exchange) (*model.Relayed, error) {
	status := 200
	if f.relays.Add(1); f.down() {
		status = 503
	}
	return &model.Relayed{Status: status, Body: io.NopCloser(strings.NewReader("{}"))}, nil
}

func (f *flaky) upstream(name string) gateway.Upstream {
	again := retry.New(retry.Policy{Base: time.Nanosecond})
	return gateway.Upstream{Name: name, Provider: guard.Wrap(f, again), Once: f, Dialects: []model.Dialect{model.DialectOpenAIChat},
		Cards: []model.Card{{ID: "m", Upstream: name, Capabilities: []model.Capability{model.CanChat, model.CanEmbed}}}}
}

// TestLanesShareRetries sends a request whose fast lane gives way: what was
// tried there counts, and is not tried as often again.
func TestLanesShareRetries(t *testing.T) {
	t.Parallel()
	names := gateway.Names{Fallbacks: map[string][]string{"chained/m": {"good/m"}}}
	for name, c := range map[string]struct {
		model, served            string
		failures, relays, called int64
		status, attempts         int
	}{
		"answers at once":           {"alone/m", "alone", 0, 1, 0, 200, 1},
		"answers at the second try": {"alone/m", "alone", 1, 2, 0, 200, 2},
		"recovers in between":       {"alone/m", "alone", 3, 3, 1, 200, 4},
		"stays down":                {"alone/m", "alone", 100, 3, 1, 502, 4},
		"another one answers":       {"chained/m", "good", 100, 3, 0, 200, 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &flaky{failures: c.failures}
			b := newBench(t, names, nil, f.upstream("alone"), f.upstream("chained"), saying("good"))
			asked := call()
			lane, ok := b.Lane(asked, c.model)
			if !ok {
				t.Fatal("the fast lane is closed")
			}
			passed, again, err := lane.Relay(t.Context(), &model.Exchange{}, model.Usage{Output: 5})
			if passed != nil {
				passed.Body.Close()
				passed.Done(&model.Usage{Input: 3, Output: 4}, nil)
			}
			if again {
				var answer *gateway.Answer
				if answer, err = b.Generate(t.Context(), asked, request(c.model)); err == nil {
					_, err = model.Collect(answer.Stream)
				}
			}
			if (err == nil) != (c.status == 200) || f.relays.Load() != c.relays || f.called.Load() != c.called {
				t.Errorf("%d relays, %d calls, %v", f.relays.Load(), f.called.Load(), err)
			}
			list := b.records(t)
			if len(list) != 1 || list[0].Attempts != c.attempts || list[0].Upstream != c.served || list[0].Status != c.status {
				t.Errorf("metered as %+v", list)
			}
		})
	}
}

// TestEmbeddingAttempts counts calls of the upstream, not candidates.
func TestEmbeddingAttempts(t *testing.T) {
	t.Parallel()
	for failures, attempts := range map[int64]int{0: 1, 2: 3, 100: 3} {
		f := &flaky{failures: failures}
		b := newBench(t, gateway.Names{}, nil, f.upstream("u"))
		_, _, err := b.Embed(t.Context(), call(), &model.EmbedRequest{Model: "u/m", Input: []string{"text"}})
		if (err == nil) != (failures < 3) {
			t.Error(err)
		}
		if list := b.records(t); len(list) != 1 || list[0].Attempts != attempts {
			t.Errorf("after %d failures metered as %+v", failures, list)
		}
	}
}

// TestBudgetsHoldFallbacks reserves what the dearest candidate may cost, and
// calls nobody whose price is not known.
func TestBudgetsHoldFallbacks(t *testing.T) {
	t.Parallel()
	price := func(c *model.Card, u model.Usage) (int64, bool) {
		rate, known := map[string]int64{"cheap": 1, "dear": 1000}[c.Upstream]
		return rate * u.Total(), known
	}
	names := gateway.Names{Fallbacks: map[string][]string{"cheap/m": {"dear/m"}, "unknown/m": {"cheap/m"}}}
	for name, c := range map[string]struct {
		model  string
		budget int64
		kind   model.Kind
		served string
	}{
		"both fit":                     {"cheap/m", 1_000_000, 0, "cheap"},
		"the fallback does not":        {"cheap/m", 1_000, model.BudgetExceeded, ""},
		"a price is missing":           {"priceless/m", 1_000_000, model.Forbidden, ""},
		"another has a price":          {"unknown/m", 1_000_000, 0, "cheap"},
		"no budget, no price":          {"priceless/m", 0, 0, "priceless"},
		"no budget, the first of both": {"unknown/m", 0, 0, "unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			upstreams := []gateway.Upstream{saying("cheap"), saying("dear"), saying("unknown"), saying("priceless")}
			b := newPriced(t, price, names, nil, upstreams...)
			asked := call()
			asked.Key.Budgets = identity.Budgets{DailyNanoUSD: c.budget}
			req := request(c.model)
			most := 100
			req.MaxTokens = &most
			answer, err := b.Generate(t.Context(), asked, req)
			if err != nil {
				if e := model.AsError(err); c.served != "" || e.Kind != c.kind || e.Hint == "" {
					t.Errorf("got %v", err)
				}
				return
			}
			answer.Stream.Close()
			if answer.Upstream != c.served {
				t.Errorf("%s served it, want %q", answer.Upstream, c.served)
			}
		})
	}
}
