package agent_test

import (
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/model"
)

// stepBodies are the events of which sessions are made: most of an append is
// writing them.
func stepBodies() map[string]agent.Body {
	text := []model.Part{&model.Text{Text: "It is 21 degrees, and the wind comes from the north."}}
	call := &model.ToolCall{ID: "call_xjku7aa2", Name: "craton__now", Arguments: `{"zone":"Europe/Berlin"}`}
	return map[string]agent.Body{
		"answer": &agent.ModelAnswered{Call: 12, Turn: "turn_xjku7aa2lwh4fcigcnmq_a", Base: 2, Stop: model.StopToolUse, Model: "gpt-5", Window: 400_000,
			Message: model.Message{Role: model.RoleAssistant, Parts: []model.Part{call}}, Usage: model.Usage{Input: 1200, CacheRead: 1000, Output: 30}, Cost: 1234},
		"asked":  &agent.ModelCalled{Turn: "turn_xjku7aa2lwh4fcigcnmq_a", Base: 2, Input: 1300},
		"call":   &agent.ToolCalled{Call: "call_xjku7aa2", Key: "ses_xjku7aa2lwh4fcigcnmq/call_xjku7aa2", Attempt: 1, Timeout: time.Minute},
		"return": &agent.ToolReturned{Intent: 13, Call: "call_xjku7aa2", Content: text, Took: time.Millisecond},
		"result": &agent.Result{Turn: "turn_xjku7aa2lwh4fcigcnmq_a", Call: "call_xjku7aa2", Success: true, Output: text, Raw: jsontext.Value(`"It is 21 degrees."`)},
	}
}

func BenchmarkRecord(b *testing.B) {
	codec, err := agent.NewCodec()
	if err != nil {
		b.Fatal(err)
	}
	for name, body := range stepBodies() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := codec.Record(body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
