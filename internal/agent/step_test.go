package agent_test

import (
	"cmp"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
)

// play folds events as a driver would, without doing anything.
type play struct {
	t     *testing.T
	p     *agent.Projector
	codec *agent.Codec
	seq   uint64
	now   time.Time
	told  []agent.Signal
	kinds []string
	// session is the journal's name if it is a fork's.
	session string
}

func newPlay(t *testing.T) *play {
	t.Helper()
	codec, err := agent.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	return &play{t: t, p: agent.NewProjector(agent.NewState()), codec: codec, now: time.Unix(1000, 0).UTC()}
}

// record appends the bodies and whatever is decided of them, each through its
// written form.
func (p *play) record(bodies ...agent.Body) {
	p.t.Helper()
	for len(bodies) > 0 {
		p.seq++
		draft, err := p.codec.Draft(bodies[0])
		if err != nil {
			p.t.Fatal(err)
		}
		event, err := p.codec.Read(sessionEvent(p.seq, p.now, draft))
		if err != nil {
			p.t.Fatal(err)
		}
		event.Session = cmp.Or(p.session, event.Session)
		told, err := p.p.Next(event)
		if err != nil {
			p.t.Fatal(err)
		}
		p.kinds = append(p.kinds, draft.Type)
		p.told = append(p.told, told...)
		bodies = bodies[1:]
		if len(bodies) == 0 {
			for _, effect := range p.p.State.Effects() {
				if effect.Record != nil {
					bodies = append(bodies, effect.Record)
				}
			}
		}
	}
}

// run is the only intent under way of a kind.
func (p *play) run(kind agent.RunKind) *agent.Run {
	p.t.Helper()
	var found *agent.Run
	for _, r := range p.p.State.Runs {
		if r.Kind == kind {
			if found != nil {
				p.t.Fatalf("two intents of kind %s are under way", kind)
			}
			found = r
		}
	}
	if found == nil {
		p.t.Fatalf("no intent of kind %s is under way; events: %v", kind, p.kinds)
	}
	return found
}

func (p *play) answer(parts ...model.Part) {
	p.t.Helper()
	r := p.run(agent.RunModel)
	p.record(&agent.ModelAnswered{Call: r.Seq, Thread: r.Thread, Turn: r.Turn, Base: r.Base,
		Message: model.Message{Role: model.RoleAssistant, Parts: parts}, Stop: model.StopEnd, Usage: model.Usage{Input: 10, Output: 5}})
}

func (p *play) status() agent.Status { return p.p.State.Status() }

func (p *play) begin(d agent.Definition, text string) {
	p.t.Helper()
	d.ID, d.Model = "agent_x", "script/demo"
	p.record(&agent.Created{Definition: d, Mode: agent.Parking},
		&agent.Message{Messages: []model.Message{model.UserText(text)}})
}

func TestTextTurn(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	p.begin(agent.Definition{}, "hello")
	if got := p.status(); got != agent.InProgress {
		t.Fatalf("status %s", got)
	}
	p.answer(&model.Text{Text: "hi"})
	if got := p.status(); got != agent.Idle {
		t.Fatalf("status %s after %v", got, p.kinds)
	}
	var kinds []agent.SignalKind
	for _, s := range p.told {
		kinds = append(kinds, s.Kind)
	}
	want := []agent.SignalKind{
		agent.SignalCreated, agent.SignalStatus, agent.SignalTurnCreated, agent.SignalItemAdded, agent.SignalTurnInProgress,
		agent.SignalItemAdded, agent.SignalPartAdded, agent.SignalDelta, agent.SignalTextDone, agent.SignalPartDone, agent.SignalItemDone,
		agent.SignalTurnEnded, agent.SignalStatus,
	}
	if len(kinds) != len(want) {
		t.Fatalf("told %v, want %v", kinds, want)
	}
	for i := range want {
		if kinds[i] != want[i] {
			t.Fatalf("told %v, want %v", kinds, want)
		}
	}
}

func TestFunctionCallParks(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	p.begin(agent.Definition{Tools: []agent.Tool{{Kind: agent.ToolFunction, Function: &agent.Function{Name: "look"}}}}, "hello")
	p.answer(&model.ToolCall{ID: "c1", Name: "look", Arguments: "{}"}, &model.ToolCall{ID: "c2", Name: "look", Arguments: "{}"})
	if got := p.status(); got != agent.RequiresAction || len(p.p.State.Actions()) != 2 {
		t.Fatalf("status %s with %d actions", got, len(p.p.State.Actions()))
	}
	turn := p.p.State.Root().Turn.ID
	p.record(&agent.Result{Turn: turn, Call: "c2", Success: true, Output: []model.Part{&model.Text{Text: "two"}}})
	p.record(&agent.Result{Turn: turn, Call: "c1", Success: false, Output: []model.Part{&model.Text{Text: "one"}}})
	p.run(agent.RunModel)
	last := p.p.State.Root().Context[2]
	if len(last.Parts) != 2 || last.Parts[0].(*model.ToolResult).CallID != "c1" || !last.Parts[0].(*model.ToolResult).Error {
		t.Fatalf("the model is told %+v", last)
	}
	p.answer(&model.Text{Text: "done"})
	if got := p.status(); got != agent.Idle {
		t.Fatalf("status %s", got)
	}
}

func serverTools(class tool.Class) ([]agent.Tool, []tool.Spec) {
	return []agent.Tool{{Kind: agent.ToolServer, Server: &agent.Server{Server: tool.Server{Label: "box", URL: "https://box.test"}}}},
		[]tool.Spec{{Name: "push", Class: class, Approval: tool.ApproveUnsafe}}
}

func (p *play) list(specs []tool.Spec) {
	p.t.Helper()
	r := p.run(agent.RunListing)
	p.record(&agent.ToolsListed{Call: r.Seq, Server: r.Server, Digest: r.Digest, Tools: specs})
}

func TestUnsafeToolAsksThenIsUnknownAfterACrash(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	tools, specs := serverTools(tool.Unsafe)
	p.begin(agent.Definition{Tools: tools}, "push it")
	p.list(specs)
	p.answer(&model.ToolCall{ID: "c1", Name: "box__push", Arguments: `{"a":1}`})
	actions := p.p.State.Actions()
	if len(actions) != 1 || actions[0].Call.State != agent.CallAsked {
		t.Fatalf("actions %+v", actions)
	}
	p.record(&agent.Decision{Request: actions[0].Call.Request, Decision: "approve", By: "key_1"})
	r := p.run(agent.RunTool)
	orphans := p.p.State.Orphans(p.now)
	if len(orphans) != 1 {
		t.Fatalf("orphans %+v", orphans)
	}
	unknown, ok := orphans[0].(*agent.ToolUnknown)
	if !ok || unknown.Intent != r.Seq {
		t.Fatalf("orphan %+v", orphans[0])
	}
	p.record(unknown)
	actions = p.p.State.Actions()
	if len(actions) != 1 || !actions[0].Call.Settle {
		t.Fatalf("an unknown outcome is not asked about: %+v", actions)
	}
	p.record(&agent.Decision{Request: actions[0].Call.Request, Decision: "approve", By: "key_1"})
	if len(p.p.State.Runs) != 0 {
		t.Fatal("the call was made again before the last attempt was over")
	}
	p.now = unknown.Until.Add(time.Second)
	p.record(&agent.Ticked{})
	again := p.run(agent.RunTool)
	if again.Key != r.Key {
		t.Fatalf("key %q, then %q", r.Key, again.Key)
	}
	p.record(&agent.ToolReturned{Intent: again.Seq, Call: "c1", Content: []model.Part{&model.Text{Text: "pushed"}}})
	p.answer(&model.Text{Text: "done"})
	if got := p.status(); got != agent.Idle {
		t.Fatalf("status %s", got)
	}
}

func TestCancelEndsEverything(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	p.begin(agent.Definition{MultiAgent: agent.MultiAgent{Enabled: true}}, "split up")
	p.answer(&model.ToolCall{ID: "c1", Name: "create_subagent", Arguments: `{"message":"half"}`})
	if n := len(p.p.State.Runs); n != 2 {
		t.Fatalf("%d intents under way, want the root's and the subagent's", n)
	}
	p.record(&agent.Cancel{})
	for _, effect := range p.p.State.Effects() {
		if effect.Stop != 0 {
			run := p.p.State.Run(effect.Stop)
			p.record(&agent.ModelInterrupted{Call: run.Seq, Thread: run.Thread, Turn: run.Turn, Base: run.Base, Reason: "cancel"})
		}
	}
	if got := p.status(); got != agent.Idle || len(p.p.State.Runs) != 0 {
		t.Fatalf("status %s, %d intents under way", got, len(p.p.State.Runs))
	}
	for _, thread := range p.p.State.Threads {
		if thread.Turn.Status != agent.TurnCancelled {
			t.Errorf("agent %q: turn %s", thread.ID, thread.Turn.Status)
		}
	}
}

func TestSubagentReportsToTheRoot(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	p.begin(agent.Definition{MultiAgent: agent.MultiAgent{Enabled: true}}, "split up")
	p.answer(&model.ToolCall{ID: "c1", Name: "create_subagent", Arguments: `{"message":"half"}`})
	if got := p.p.State.Threads[1].Task; got != "half" {
		t.Errorf("the subagent was opened for %q", got)
	}
	for _, r := range p.p.State.Runs {
		if r.Thread == "" {
			p.record(&agent.ModelAnswered{Call: r.Seq, Turn: r.Turn, Base: r.Base, Message: model.AssistantText("waiting")})
			break
		}
	}
	if got := p.status(); got != agent.InProgress {
		t.Fatalf("status %s: the turn ended before the subagent", got)
	}
	p.answer(&model.Text{Text: "half is done"})
	p.answer(&model.Text{Text: "all is done"})
	if got := p.status(); got != agent.Idle {
		t.Fatalf("status %s, events %v", got, p.kinds)
	}
}

func TestSnapshotIsTheState(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	tools, specs := serverTools(tool.Read)
	p.begin(agent.Definition{Tools: tools}, "look")
	p.list(specs)
	p.answer(&model.Reasoning{Text: "hm", Signature: "sig"}, &model.ToolCall{ID: "c1", Name: "box__push", Arguments: `{"a":1}`})
	first, err := p.p.State.Save()
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := agent.Load(first)
	if err != nil {
		t.Fatal(err)
	}
	second, err := loaded.Save()
	if err != nil {
		t.Fatal(err)
	}
	if string(first) != string(second) {
		t.Fatalf("saved\n%s\nloaded and saved\n%s", first, second)
	}
}

func TestAsyncResultAfterTheTurn(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	p.begin(agent.Definition{Tools: []agent.Tool{{Kind: agent.ToolFunction, Function: &agent.Function{Name: "brew", Async: true}}}}, "tea")
	p.answer(&model.ToolCall{ID: "c1", Name: "brew", Arguments: "{}"}, &model.Text{Text: "It brews."})
	if got := p.status(); got != agent.Idle {
		t.Fatalf("status %s after %v", got, p.kinds)
	}
	first := p.p.State.Root().Turn.ID
	p.record(&agent.Result{Turn: first, Call: "c1", Success: true, Output: []model.Part{&model.Text{Text: "green"}}})
	p.run(agent.RunModel)
	if p.p.State.Root().Turn.ID == first {
		t.Fatal("the result began no turn")
	}
	p.answer(&model.Text{Text: "Your tea."})
	if _, owed := p.p.State.Owed(first, "c1"); owed != nil || p.status() != agent.Idle {
		t.Fatalf("status %s, still owed: %v", p.status(), owed != nil)
	}
}

func TestCutShortAnswerFailsTheTurn(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	p.begin(agent.Definition{}, "hello")
	r := p.run(agent.RunModel)
	p.record(&agent.ModelAnswered{Call: r.Seq, Turn: r.Turn, Message: model.AssistantText("a lon"), Stop: model.StopMaxTokens})
	if turn := p.p.State.Root().Turn; turn.Status != agent.TurnFailed || turn.Code != "max_output_tokens" {
		t.Fatalf("the turn is %s (%s)", turn.Status, turn.Code)
	}
}

func TestTurnKnowsWhoAsked(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	p.begin(agent.Definition{}, "hello")
	p.record(&agent.Message{By: "key_2", Messages: []model.Message{model.UserText("and this")}})
	p.answer(&model.Text{Text: "hi"})
	if got := p.p.State.Root().Turn.Askers; len(got) != 1 || got[0] != "key_2" {
		t.Fatalf("the turn was asked by %v", got)
	}
}
