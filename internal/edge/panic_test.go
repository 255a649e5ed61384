package edge_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/craton-ai/craton/internal/edge/edgetest"
	"github.com/craton-ai/craton/internal/gateway"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
)

// collapsing is a stream that breaks down after its first words.
type collapsing struct{ n int }

func (c *collapsing) Next() (model.Event, error) {
	c.n++
	switch c.n {
	case 1:
		return model.Event{Kind: model.EventStart}, nil
	case 2:
		return model.Event{Kind: model.EventPartStart, Part: &model.Text{}}, nil
	case 3:
		return model.Event{Kind: model.EventDelta, Text: "one "}, nil
	}
	panic(edgetest.Internals)
}

func (c *collapsing) Close() error { return nil }

// TestBreakdown lets handlers break down before and after the first byte, again
// and again with a key that may have one request in flight.
func TestBreakdown(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{Upstreams: []gateway.Upstream{
		edgetest.Upstream("early", "m", func(context.Context, *model.Request) (model.Stream, error) { panic(edgetest.Internals) }),
		edgetest.Upstream("late", "m", func(context.Context, *model.Request) (model.Stream, error) { return &collapsing{}, nil }),
	}})
	w.AddKey(t, "single", identity.KeySpec{Limits: identity.Limits{Concurrent: 1}, Budgets: identity.Budgets{DailyNanoUSD: 1e9}})
	body := func(upstream string) string {
		return `{"model":"` + upstream + `/m","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"Hello"}]}`
	}
	for range 3 {
		w.Run(t, []edgetest.Scenario{
			{Name: "early", Method: http.MethodPost, Path: "/v1/chat/completions", As: "single", Body: body("early"), Status: http.StatusInternalServerError,
				Want: []string{"server_error"}, Not: []string{edgetest.Internals, "goroutine"}},
			{Name: "late", Method: http.MethodPost, Path: "/v1/chat/completions", As: "single", Body: body("late"),
				Want: []string{"one "}, Not: []string{edgetest.Internals, "[DONE]"},
				Then: func(t *testing.T, a *edgetest.Answer) {
					if a.Err == nil {
						t.Error("the stream seems to have ended properly")
					}
				}},
		})
	}
	w.Run(t, []edgetest.Scenario{{Name: "well", Method: http.MethodPost, Path: "/v1/chat/completions", As: "single", Body: `{"model":"script/script-chat","messages":[{"role":"user","content":"Hello"}]}`}})
}
