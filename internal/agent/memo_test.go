package agent_test

import (
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/model"
)

// request is what the state would ask its model, written down.
func request(t *rapid.T, s *agent.State) (*model.Request, string) {
	req, err := s.Request(s.Root())
	if err != nil {
		t.Fatal(err)
	}
	return req, written(t, req.Messages)
}

func written(t *rapid.T, messages []model.Message) string {
	text := ""
	for _, m := range messages {
		parts, err := agent.EncodeParts(m.Parts)
		if err != nil {
			t.Fatal(err)
		}
		text += string(m.Role) + string(parts) + "\n"
	}
	return text
}

// forgetful folds the event into a copy that remembers nothing.
func forgetful(t *rapid.T, s *agent.State, e agent.Event) *agent.State {
	body, err := s.Save()
	if err != nil {
		t.Fatal(err)
	}
	again, err := agent.Load(body)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Apply(e); err != nil {
		t.Fatal(err)
	}
	return again
}

// TestWhatIsRememberedFollowsTheState: what is kept of a context to save looking
// through it is what looking would find, also after a summary; and no request
// changes once it was made.
func TestWhatIsRememberedFollowsTheState(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		state, now, seq := agent.NewState(), time.Unix(1000, 0).UTC(), uint64(0)
		made := map[*model.Request]string{}
		record := func(body agent.Body) {
			seq, now = seq+1, now.Add(time.Second)
			e := agent.Event{Session: "ses_test", Seq: seq, At: now, Body: body}
			fresh := forgetful(t, state, e)
			if err := state.Apply(e); err != nil {
				t.Fatal(err)
			}
			if got, want := save(t, state), save(t, fresh); got != want {
				t.Fatalf("after %T the state is\n%s\nwithout memory\n%s", body, got, want)
			}
			if got, want := state.Effects(), fresh.Effects(); !reflect.DeepEqual(got, want) {
				t.Fatalf("after %T it does %+v, without memory %+v", body, got, want)
			}
			if state.Root().Turn == nil {
				return
			}
			req, got := request(t, state)
			if _, want := request(t, fresh); got != want {
				t.Fatalf("after %T the model is told\n%s\nwithout memory\n%s", body, got, want)
			}
			made[req] = got
		}
		definition := agent.Definition{ID: "a", Model: "m", TimeAware: rapid.Bool().Draw(t, "time"),
			Tools: []agent.Tool{{Kind: agent.ToolFunction, Function: &agent.Function{Name: "look"}}}}
		if rapid.Bool().Draw(t, "instructed") {
			instructions := "Be brief."
			definition.Instructions = &instructions
		}
		record(&agent.Created{Mode: agent.Parking, Definition: definition})
		for range rapid.IntRange(1, 4).Draw(t, "turns") {
			converse(t, state, record)
		}
		for req, was := range made {
			if got := written(t, req.Messages); got != was {
				t.Fatalf("a request that was\n%s\nis now\n%s", was, got)
			}
		}
	})
}

// converse lets the session take a turn of some calls, and summarises it.
func converse(t *rapid.T, s *agent.State, record func(agent.Body)) {
	record(&agent.Message{Messages: []model.Message{model.UserText("go")}})
	if name := rapid.SampledFrom([]string{"", "m", "n"}).Draw(t, "model"); name != "" {
		record(&agent.Updated{Model: &name})
	}
	record(s.Effects()[0].Record)
	turn := s.Root().Turn
	ids := rapid.SampledFrom([]string{"", "a", "b", "c"})
	for range rapid.IntRange(0, 3).Draw(t, "steps") {
		record(&agent.ModelCalled{Turn: turn.ID, Base: turn.Outputs})
		var said []model.Part
		for _, id := range rapid.SliceOfN(ids, 0, 2).Draw(t, "calls") {
			said = append(said, &model.ToolCall{ID: id, Name: "look"})
		}
		if rapid.Bool().Draw(t, "mute") {
			said = append(said, &model.Text{})
		}
		record(&agent.ModelAnswered{Call: s.Seq, Turn: turn.ID, Base: turn.Outputs, Message: model.Message{Role: model.RoleAssistant, Parts: said}})
		for len(turn.Calls) > 0 {
			record(&agent.Result{Turn: turn.ID, Call: firstOpen(turn).ID, Success: true, Output: []model.Part{&model.Text{Text: "x"}}})
		}
	}
	if n := len(s.Root().Context); rapid.Bool().Draw(t, "compact") {
		record(&agent.Compacting{Entries: n})
		record(&agent.Compacted{Call: s.Seq, Entries: n, Summary: agent.Summary("much")})
	}
	record(&agent.TurnEnded{Turn: turn.ID, Status: agent.TurnCompleted})
}

func firstOpen(turn *agent.Turn) *agent.Call {
	for _, call := range turn.Calls {
		if call.State == agent.CallOpen {
			return call
		}
	}
	return nil
}

func save(t *rapid.T, s *agent.State) string {
	body, err := s.Save()
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
