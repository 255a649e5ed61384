package guard_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/guard"
	"github.com/craton-ai/craton/internal/guard/breaker"
	"github.com/craton-ai/craton/internal/guard/hedge"
	"github.com/craton-ai/craton/internal/guard/retry"
	"github.com/craton-ai/craton/internal/guard/timeout"
	"github.com/craton-ai/craton/internal/model"
)

type instant struct{ events []model.Event }

func (i instant) Generate(context.Context, *model.Request) (model.Stream, error) {
	return model.Events(i.events...), nil
}

// chain is what stands before each upstream.
func chain() guard.Guard {
	return guard.Chain(
		retry.New(retry.Policy{Budget: retry.NewBudget(0.2, 10), Random: rand.Float64, Now: time.Now}),
		breaker.New(breaker.Config{Now: time.Now}), hedge.New(0),
		timeout.New(timeout.Bounds{FirstEvent: time.Minute, Idle: time.Minute, Now: time.Now}))
}

// TestTheWholeChainPassesEventsOn: nothing is lost, repeated or reordered on the way.
func TestTheWholeChainPassesEventsOn(t *testing.T) {
	t.Parallel()
	want := &model.Response{ID: "x", Model: "m", Choices: []model.Choice{{Message: model.AssistantText("hello"), Stop: model.StopEnd}}}
	s, err := guard.Wrap(instant{model.ExplodeResponse(want)}, chain()).Generate(t.Context(), &model.Request{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := model.Collect(s)
	if err != nil || got.ID != "x" || got.Choices[0].Message.Text() != "hello" {
		t.Errorf("%+v, %v", got, err)
	}
}

func BenchmarkChain(b *testing.B) {
	p := guard.Wrap(instant{model.ExplodeResponse(&model.Response{ID: "x"})}, chain())
	b.ReportAllocs()
	for b.Loop() {
		s, err := p.Generate(context.Background(), nil)
		if err != nil {
			b.Fatal(err)
		}
		for err == nil {
			_, err = s.Next()
		}
	}
}
