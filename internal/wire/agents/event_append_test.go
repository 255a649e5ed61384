package agents_test

import (
	"testing"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"

	"github.com/craton-ai/craton/internal/wire/agents"
)

// TestDeltasAreWrittenAsDeclared: what is written by hand is what the struct
// says.
func TestDeltasAreWrittenAsDeclared(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String()
		place := agents.PlaceHead{EventHead: agents.EventHead{Type: agents.EventTextDelta, EventID: text.Draw(t, "id"), Obfuscation: text.Draw(t, "pad")},
			SessionID: text.Draw(t, "session"), TurnID: text.Draw(t, "turn"), ItemID: text.Draw(t, "item"), OutputIndex: rapid.Int().Draw(t, "index")}
		n, delta := rapid.Int().Draw(t, "part"), text.Draw(t, "delta")
		same(t, agents.TextDeltaEvent{PlaceHead: place, ContentIndex: n, Delta: delta})
		same(t, agents.SummaryDeltaEvent{PlaceHead: place, SummaryIndex: n, Delta: delta})
	})
}

func same(t *rapid.T, event interface{ AppendJSON(dst []byte) []byte }) {
	want, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	if got := event.AppendJSON(nil); string(got) != string(want) {
		t.Fatalf("wrote %s, want %s", got, want)
	}
}

func BenchmarkTextDelta(b *testing.B) {
	event := agents.TextDeltaEvent{PlaceHead: agents.PlaceHead{
		EventHead: agents.EventHead{Type: agents.EventTextDelta, EventID: "12-0-1.34", Obfuscation: "abcdefgh"},
		SessionID: "ses_xjku7aa2lwh4fcigcnmq", TurnID: "turn_xjku7aa2lwh4fcigcnmq", ItemID: "msg_xjku7aa2lwh4fcigcnmq"}, Delta: " word"}
	b.Run("by hand", func(b *testing.B) {
		b.ReportAllocs()
		var buf []byte
		for b.Loop() {
			buf = event.AppendJSON(buf[:0])
		}
	})
	b.Run("by reflection", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := json.Marshal(event); err != nil {
				b.Fatal(err)
			}
		}
	})
}
