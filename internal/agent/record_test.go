package agent_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
)

// twins are one session folded twice: from bodies as they are recorded, and
// from what was stored of them.
type twins struct {
	t             *rapid.T
	codec         *agent.Codec
	fresh, stored *agent.State
	seq           uint64
	now           time.Time
}

func (w *twins) record(body agent.Body) {
	w.seq++
	draft, read, err := w.codec.Record(body)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.fresh.Apply(agent.Event{Session: "ses_test", Seq: w.seq, At: w.now, Body: read}); err != nil {
		w.t.Fatal(err)
	}
	event, err := w.codec.Read(sessionEvent(w.seq, w.now, draft))
	if err != nil {
		w.t.Fatal(err)
	}
	if !reflect.DeepEqual(read, event.Body) {
		w.t.Fatalf("%T is told of as\n%+v\nand read as\n%+v", body, read, event.Body)
	}
	if err := w.stored.Apply(event); err != nil {
		w.t.Fatal(err)
	}
	a, errA := w.fresh.Save()
	b, errB := w.stored.Save()
	if errA != nil || errB != nil || string(a) != string(b) {
		w.t.Fatalf("after %T the state is\n%s, %v\nbut folded from the journal\n%s, %v", body, a, errA, b, errB)
	}
}

// settle records what is decided until nothing is.
func (w *twins) settle() {
	for range 100 {
		next := w.fresh.Effects()
		if len(next) == 0 || next[0].Record == nil {
			return
		}
		w.record(next[0].Record)
	}
	w.t.Fatal("the session does not come to rest")
}

func (w *twins) word() string { return rapid.StringN(0, 5, 20).Draw(w.t, "word") }

// parts draws what a model or a tool says.
func (w *twins) parts(calls bool) []model.Part {
	kinds := []string{"text", "cited", "refusal", "reasoning"}
	if calls {
		kinds = append(kinds, "function", "server", "unknown", "extra")
	}
	var parts []model.Part
	for _, kind := range rapid.SliceOfN(rapid.SampledFrom(kinds), 0, 3).Draw(w.t, "kinds") {
		switch kind {
		case "text":
			parts = append(parts, &model.Text{Text: w.word(), Phase: w.word()})
		case "cited":
			parts = append(parts, &model.Text{Text: w.word(), Citations: []model.Citation{}})
		case "refusal":
			parts = append(parts, &model.Refusal{Text: w.word()})
		case "reasoning":
			parts = append(parts, &model.Reasoning{Text: w.word(), Redacted: []byte{}})
		case "extra":
			parts = append(parts, &model.ToolCall{ID: w.word(), Name: "look", Extra: &model.Opaque{Dialect: "x", Raw: []byte(`{ "a" : 1 }`)}})
		default:
			name := map[string]string{"function": "look", "server": "box__push", "unknown": "nothing"}[kind]
			parts = append(parts, &model.ToolCall{ID: w.word(), Name: name, Arguments: w.word()})
		}
	}
	return parts
}

// outcome draws what becomes of an intent.
func (w *twins) outcome(run *agent.Run) agent.Body {
	switch run.Kind {
	case agent.RunModel:
		return &agent.ModelAnswered{Call: run.Seq, Thread: run.Thread, Turn: run.Turn, Base: run.Base, Model: w.word(),
			Message: model.Message{Role: model.RoleAssistant, Parts: w.parts(true)}, Stop: model.StopEnd,
			Usage: model.Usage{Input: rapid.Int64Range(0, 9).Draw(w.t, "input"), Output: 1}, Cost: rapid.Int64Range(-1, 9).Draw(w.t, "cost")}
	case agent.RunListing:
		return &agent.ToolsListed{Call: run.Seq, Server: run.Server, Digest: run.Digest,
			Tools: []tool.Spec{{Name: "push", Class: tool.Read, Parameters: jsontext.Value(`{ "type": "object" }`)}}}
	case agent.RunTool:
		returned := &agent.ToolReturned{Intent: run.Seq, Call: run.Call, Content: w.parts(false), Failed: rapid.Bool().Draw(w.t, "failed")}
		if rapid.Bool().Draw(w.t, "structured") {
			returned.Structured = jsontext.Value(`{ "b" : [ 1 ] }`)
		}
		return returned
	}
	w.t.Fatalf("an intent of kind %s", run.Kind)
	return nil
}

// step answers something that the session waits for.
func (w *twins) step() {
	w.now = w.now.Add(time.Second)
	if runs := w.fresh.Runs; len(runs) > 0 {
		w.record(w.outcome(runs[rapid.IntRange(0, len(runs)-1).Draw(w.t, "run")]))
		return
	}
	for _, action := range w.fresh.Actions() {
		raw := rapid.SampledFrom([]string{`"x"`, ` "x" `, `"\u0041"`, `""`, `"é"`, `{ "a" : 1 }`, `null`}).Draw(w.t, "raw")
		w.record(&agent.Result{Turn: action.Turn.ID, Call: action.Call.ID, Success: true, Output: w.parts(false), Raw: jsontext.Value(raw)})
		return
	}
	said := model.UserText(w.word())
	said.Parts = append(said.Parts, w.parts(false)...)
	w.record(&agent.Message{By: "key", Messages: []model.Message{said}})
}

func TestRecordedEventsFoldAsTheyAreRead(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		codec, err := agent.NewCodec()
		if err != nil {
			t.Fatal(err)
		}
		if rapid.Bool().Draw(t, "older nodes") {
			codec.Limit(1)
		}
		w := &twins{t: t, codec: codec, fresh: agent.NewState(), stored: agent.NewState(), now: time.Unix(0, 0).UTC()}
		tools := []agent.Tool{
			{Kind: agent.ToolFunction, Function: &agent.Function{Name: "look"}},
			{Kind: agent.ToolServer, Server: &agent.Server{Server: tool.Server{Label: "box", URL: "https://box.test"}}},
		}
		w.record(&agent.Created{Mode: agent.Parking, Definition: agent.Definition{ID: "a", Model: "m", Tools: tools}})
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			w.step()
			w.settle()
		}
	})
}

// names are the tools that the session's next model call is offered.
func (p *play) names() (names string) {
	for _, offer := range p.p.State.Offers(p.p.State.Root()) {
		names += offer.Name + " "
	}
	return names
}

// TestOffersFollowTheirSources: what is remembered of them is dropped in time.
func TestOffersFollowTheirSources(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	tools, specs := serverTools(tool.Read)
	p.begin(agent.Definition{Tools: tools}, "hello")
	if got := p.names(); got != "" {
		t.Errorf("before the server was asked there are %q", got)
	}
	p.list(specs)
	if got := p.names(); got != "box__push " {
		t.Errorf("after that there are %q", got)
	}
	with := append([]agent.Tool{{Kind: agent.ToolFunction, Function: &agent.Function{Name: "look"}}}, tools...)
	p.record(&agent.Updated{Tools: &with})
	if got := p.names(); got != "look box__push " {
		t.Errorf("after an update there are %q", got)
	}
	moved := []agent.Tool{{Kind: agent.ToolServer, Server: &agent.Server{Server: tool.Server{Label: "box", URL: "https://elsewhere.test"}}}}
	p.record(&agent.Updated{Tools: &moved})
	if got := p.names(); got != "" {
		t.Errorf("of a server that moved there are %q", got)
	}
}
