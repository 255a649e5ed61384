package edge

import (
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/wire/agents"
)

// TestEventsShowTheSessionAsItIs: what a stream keeps of a session's settings
// does not outlive them.
func TestEventsShowTheSessionAsItIs(t *testing.T) {
	t.Parallel()
	function := func(name string) []agent.Tool {
		return []agent.Tool{{Kind: agent.ToolFunction, Function: &agent.Function{Name: name}, Raw: jsontext.Value(`{"type":"function","name":"` + name + `"}`)}}
	}
	model, tools, metadata := "other", function("other"), map[string]string{"b": "2", "a": "1"}
	state, stream := agent.NewState(), &sessionStream{}
	for i, body := range []agent.Body{
		&agent.Created{Mode: agent.Parking, Contract: jsontext.Value(`{"cache_ttl":"1h"}`), Definition: agent.Definition{ID: "agent_x", Model: "first", Tools: function("first")}},
		&agent.Updated{Model: &model},
		&agent.Updated{Tools: &tools},
		&agent.Ticked{},
		&agent.Updated{Contract: jsontext.Value(`{"cache_ttl":"5m"}`), Metadata: &metadata},
		&agent.Forked{Metadata: map[string]string{}},
	} {
		e := agent.Event{Session: "ses_x", Seq: uint64(i) + 1, At: time.Unix(int64(i), 0), Body: body}
		if err := state.Apply(e); err != nil {
			t.Fatal(err)
		}
		kind, event := stream.event(&driver.Told{Signal: agent.Signal{Kind: agent.SignalStatus}, ID: "1-0-1", State: state})
		want, err := json.Marshal(agents.SessionEvent{EventHead: agents.EventHead{Type: kind, EventID: "1-0-1"}, Session: shownSession(state)}, json.Deterministic(true))
		if err != nil {
			t.Fatal(err)
		}
		if got := event.(agents.SessionEvent).AppendJSON(nil); string(got) != string(want) {
			t.Errorf("after %T\ngot  %s\nwant %s", body, got, want)
		}
	}
}
