package edge_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/edge"
	"github.com/craton-ai/craton/internal/edge/edgetest"
	"github.com/craton-ai/craton/internal/gateway"
	"github.com/craton-ai/craton/internal/model"
)

// gated refuses every request, once it is opened.
type gated struct{ open chan struct{} }

func (g *gated) Generate(ctx context.Context, _ *model.Request) (model.Stream, error) {
	select {
	case <-g.open:
		return nil, model.Errorf(model.ContextLength, "input", "the gate is open")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// TestSocketRoom bounds the bytes of the requests that wait on a connection, in
// whatever lanes they do, and takes more once those are answered.
func TestSocketRoom(t *testing.T) {
	t.Parallel()
	g := &gated{make(chan struct{})}
	w := edgetest.New(t, edgetest.Options{Drive: true, Edge: func(o *edge.Options) { o.MaxBodyBytes = 1000 },
		Upstreams: []gateway.Upstream{{Name: "gated", Provider: g, Cards: []model.Card{{ID: "m"}}}}})
	c := dial(t, w, "")
	create := func(lane string) string {
		return fmt.Sprintf(`{"type":"response.create","model":"gated/m","store":false,"input":"%s","stream_id":"%s"}`, strings.Repeat("x", 800), lane)
	}
	c.send(create("a"))
	c.send(create("b"))
	c.fails(create("c"), "too large together")
	c.fails(create("a"), "too large together")
	close(g.open)
	for range 2 {
		if event := c.read(); !strings.Contains(event, "the gate is open") {
			t.Fatal(event)
		}
	}
	c.fails(create("c"), "the gate is open")
}

type broken struct{}

func (broken) Generate(context.Context, *model.Request) (model.Stream, error) { panic("a nil map") }

// TestSocketBreakdown: a response that breaks down is answered with an error
// that tells nothing of it, and the lane goes on.
func TestSocketBreakdown(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{Drive: true, Upstreams: []gateway.Upstream{{Name: "broken", Provider: broken{}, Cards: []model.Card{{ID: "m"}}}}})
	c := dial(t, w, "")
	c.send(`{"type":"response.create","model":"broken/m","store":false,"input":"x"}`)
	if event := c.read(); !strings.Contains(event, `"type":"error"`) || !strings.Contains(event, `"status":500`) || strings.Contains(event, "nil map") {
		t.Error(event)
	}
	c.say("Hello", `,"store":false`)
}
