package agents_test

import (
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"

	"github.com/craton-ai/craton/internal/wire/agents"
)

// TestEventsAreWrittenAsDeclared: what is written by hand is what the structs
// say, byte for byte.
func TestEventsAreWrittenAsDeclared(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := drawn{t}
		head := agents.EventHead{Type: d.text(), EventID: d.text(), Obfuscation: d.text()}
		place := agents.PlaceHead{EventHead: head, SessionID: d.text(), TurnID: d.text(), ItemID: d.text(), OutputIndex: rapid.Int().Draw(t, "index")}
		n := rapid.Int().Draw(t, "part")
		d.same(agents.TextDeltaEvent{PlaceHead: place, ContentIndex: n, Delta: d.text()})
		d.same(agents.TextDoneEvent{PlaceHead: place, ContentIndex: n, Text: d.text()})
		d.same(agents.SummaryDeltaEvent{PlaceHead: place, SummaryIndex: n, Delta: d.text()})
		d.same(agents.SummaryTextEvent{PlaceHead: place, SummaryIndex: n, Text: d.text()})
		d.same(agents.PartEvent{PlaceHead: place, ContentIndex: n, Part: d.part()})
		d.same(d.item(head))
		turn := agents.TurnEvent{EventHead: head, SessionID: d.text(), TurnID: d.text(), Turn: d.turn()}
		d.same(turn)
		d.same(agents.TurnEndEvent{TurnEvent: turn, Usage: d.usage()})
		event := agents.SessionEvent{EventHead: head, Session: d.session()}
		d.same(event)
		agent, err := json.Marshal(event.Session.Agent)
		if err != nil {
			t.Fatal(err)
		}
		event.Agent = agent
		d.same(event)
	})
}

// drawn draws what events hold.
type drawn struct{ *rapid.T }

// same compares the hand's writing with reflection's.
func (d drawn) same(event interface{ AppendJSON(dst []byte) []byte }) {
	want, err := json.Marshal(event, json.Deterministic(true))
	if err != nil {
		d.Fatal(err)
	}
	if got := event.AppendJSON([]byte("data: ")); string(got) != "data: "+string(want) {
		d.Fatalf("wrote %s, want %s", got, want)
	}
}

func (d drawn) text() string { return rapid.String().Draw(d.T, "text") }
func (d drawn) num() int64   { return rapid.Int64().Draw(d.T, "number") }

func maybe[T any](d drawn, draw func() T) *T {
	if !rapid.Bool().Draw(d.T, "there") {
		return nil
	}
	v := draw()
	return &v
}

// value draws JSON in forms that an encoder tidies up.
func (d drawn) value() jsontext.Value {
	return rapid.SampledFrom([]jsontext.Value{nil, jsontext.Value(`null`), jsontext.Value(`"x"`), jsontext.Value(`{}`),
		jsontext.Value(`{ "a" : [ 1.0e5 , -0 , true ] , "b\u0041" : "\u00e9\u2028<&>\/" }`), jsontext.Value(` "\ud83d\ude00" `)}).Draw(d.T, "value")
}

func (d drawn) part() agents.OutputText { return agents.OutputText{Type: d.text(), Text: d.text()} }

func (d drawn) item(head agents.EventHead) agents.ItemEvent {
	e := agents.ItemEvent{EventHead: head, SessionID: d.text(), TurnID: d.text(), OutputIndex: maybe(d, func() int { return int(d.num()) })}
	of := agents.ItemHead{ID: d.text(), TurnID: d.text(), Type: d.text()}
	e.Item = rapid.SampledFrom([]any{
		agents.MessageItem{ItemHead: of, Role: d.text(), Phase: maybe(d, d.text), Status: d.text(),
			Content: []any{d.part(), agents.InputContent{Type: agents.ContentText, Text: d.text()}, d.part()}},
		agents.MessageItem{ItemHead: of, Content: []any{}},
		agents.FunctionCallItem{ItemHead: of, CallID: d.text(), Name: d.text(), Arguments: d.value(), Status: d.text()},
		agents.FunctionOutputItem{ItemHead: of, CallID: d.text(), Output: d.value(), Error: maybe(d, d.text), Status: d.text()},
		agents.MCPCallItem{ItemHead: of, ServerLabel: d.text(), Name: d.text(), Arguments: d.value(), Output: d.value(), Error: d.value(), Status: d.text()},
		agents.ReasoningItem{ItemHead: of, Summary: []agents.SummaryText{{Type: d.text(), Text: d.text()}}, Status: d.text()},
		agents.WaitItem{ItemHead: of, SenderAgentID: d.text(), RecipientAgentIDs: []string{d.text()}, Status: d.text()},
	}).Draw(d.T, "item")
	return e
}

func (d drawn) usage() *agents.TokenUsage {
	return maybe(d, func() agents.TokenUsage {
		return agents.TokenUsage{InputTokens: d.num(), InputTokensDetails: agents.InputDetails{CachedTokens: d.num()},
			OutputTokens: d.num(), OutputTokenDetails: agents.OutputDetails{ReasoningTokens: d.num()}, TotalTokens: d.num()}
	})
}

func (d drawn) cache() *agents.CacheOptions {
	return maybe(d, func() agents.CacheOptions { return agents.CacheOptions{TTL: d.text()} })
}

func (d drawn) turn() agents.Turn {
	return agents.Turn{ID: d.text(), Object: d.text(), SessionID: d.text(), AgentID: d.text(), Subagent: maybe(d, d.text), Status: d.text(),
		CreatedAt: d.num(), StartedAt: maybe(d, d.num), CompletedAt: maybe(d, d.num), Usage: d.usage(), PromptCacheOptions: d.cache(),
		Error: maybe(d, func() agents.TurnError { return agents.TurnError{Code: d.text(), Message: d.text()} })}
}

func (d drawn) session() agents.Session {
	strings := rapid.SliceOfN(rapid.String(), 0, 3)
	action := rapid.Custom(func(t *rapid.T) agents.RequiredAction {
		d := drawn{t}
		return agents.RequiredAction{Type: d.text(), TurnID: d.text(), CallID: d.text(), Name: d.text(), Arguments: d.value(), RequestID: d.text(),
			EnvironmentID: d.text(), Request: maybe(d, func() agents.ActionRequest {
				return agents.ActionRequest{Type: d.text(), ServerLabel: d.text(), Name: maybe(d, d.text), Message: d.text(), Arguments: d.value()}
			})}
	})
	s := agents.Session{ID: d.text(), Object: d.text(), CreatedAt: d.num(), LastActiveAt: d.num(), Status: d.text(), Error: maybe(d, d.text),
		RequiredActions: rapid.SliceOfN(action, 0, 2).Draw(d.T, "actions"), Usage: d.usage(), VaultIDs: strings.Draw(d.T, "vaults"),
		Metadata: rapid.MapOfN(rapid.String(), rapid.String(), 0, 3).Draw(d.T, "metadata"), PromptCacheOptions: d.cache(), Review: d.text(), RoleARN: d.text(),
		SpendControl: maybe(d, func() agents.SpendControl { return agents.SpendControl{Limit: d.num(), Consumed: maybe(d, d.num)} }),
		Environment:  agents.SessionEnvironment{Type: agents.EnvironmentNone}}
	s.Agent = agents.SessionAgent{ID: d.text(), Name: maybe(d, d.text), AgentSettings: agents.AgentSettings{Model: d.text(), Tools: []jsontext.Value{jsontext.Value(`{ "a" : 1 }`)}}}
	if rapid.Bool().Draw(d.T, "hosted") {
		s.Environment = agents.SessionEnvironment{Type: d.text(), ID: d.text(), CapabilityDirectories: maybe(d, func() []string { return []string{d.text()} })}
	}
	return s
}

func BenchmarkEvents(b *testing.B) {
	head := agents.EventHead{Type: agents.EventTextDelta, EventID: "12-0-1.34", Obfuscation: "abcdefgh"}
	session, turn := "ses_xjku7aa2lwh4fcigcnmq", "turn_xjku7aa2lwh4fcigcnmq_b"
	call := agents.FunctionCallItem{ItemHead: agents.ItemHead{ID: "fc_xjku7aa2lwh4fcigcnmq_b_1", TurnID: turn, Type: "function_call"},
		CallID: "call_1", Name: "step", Arguments: jsontext.Value(`{"n":1}`), Status: "completed"}
	shown := agents.Session{ID: session, Object: agents.ObjectSession, Status: "in_progress", RequiredActions: []agents.RequiredAction{}, VaultIDs: []string{}}
	settings := jsontext.Value(`{"id":"agent_x","model":"m","tools":[{"type":"function","name":"step","parameters":{"type":"object"}}]}`)
	for name, event := range map[string]interface{ AppendJSON(dst []byte) []byte }{
		"delta":   agents.TextDeltaEvent{PlaceHead: agents.PlaceHead{EventHead: head, SessionID: session, TurnID: turn}, Delta: " word"},
		"item":    agents.ItemEvent{EventHead: head, SessionID: session, TurnID: turn, Item: call},
		"session": agents.SessionEvent{EventHead: head, Session: shown, Agent: settings},
	} {
		b.Run(name+"/by hand", func(b *testing.B) {
			b.ReportAllocs()
			var buf []byte
			for b.Loop() {
				buf = event.AppendJSON(buf[:0])
			}
		})
		b.Run(name+"/by reflection", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := json.Marshal(event); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
