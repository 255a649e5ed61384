package agent_test

import (
	"testing"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"

	"github.com/craton-ai/craton/internal/agent"
)

// TestDeltasAreWrittenAsDeclared: what is written by hand is what the struct
// says.
func TestDeltasAreWrittenAsDeclared(t *testing.T) {
	t.Parallel()
	draw := rapid.Custom(func(t *rapid.T) agent.Delta {
		text, n := rapid.String(), rapid.Int()
		return agent.Delta{Kind: agent.DeltaKind(text.Draw(t, "kind")), Item: n.Draw(t, "item"), Content: n.Draw(t, "content"),
			Type: agent.ItemType(text.Draw(t, "type")), Summary: rapid.Bool().Draw(t, "summary"), Refusal: rapid.Bool().Draw(t, "refusal"),
			Text: text.Draw(t, "text"), Call: text.Draw(t, "call"), Name: text.Draw(t, "name")}
	})
	rapid.Check(t, func(t *rapid.T) {
		d := draw.Draw(t, "delta")
		want, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := d.Encode(); err != nil || string(got) != string(want) {
			t.Fatalf("wrote %s, %v, want %s", got, err, want)
		}
	})
	if _, err := (&agent.Delta{Kind: agent.DeltaText, Text: "\xff"}).Encode(); err == nil {
		t.Error("broken UTF-8 was written")
	}
}
