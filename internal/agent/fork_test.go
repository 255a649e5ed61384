package agent_test

import (
	"slices"
	"testing"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
)

// fork goes on in another journal, which numbers its events from 1, up to one
// before the number given.
func (p *play) fork(as agent.Principal, before uint64) {
	p.t.Helper()
	p.session, p.seq, p.told = "ses_fork", 0, nil
	p.record(&agent.Forked{Principal: as})
	for p.seq+1 < before {
		p.record(&agent.Ticked{})
	}
}

// TestForkNamesWhatWaited: what a fork finds in the queue keeps the name that
// it has in the other session, and shares it with nothing of the fork's own.
func TestForkNamesWhatWaited(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	text := func(s string) *agent.Message { return &agent.Message{Messages: []model.Message{model.UserText(s)}} }
	p.begin(agent.Definition{Tools: []agent.Tool{{Kind: agent.ToolFunction, Function: &agent.Function{Name: "look"}}}}, "hello")
	p.answer(&model.ToolCall{ID: "c1", Name: "look", Arguments: "{}"})
	p.record(text("waits"))
	waits := p.seq
	p.fork(agent.Principal{}, waits)
	p.record(text("waits too")) // under the same number
	body, err := p.p.State.Save()
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := agent.Load(body)
	if err != nil {
		t.Fatal(err)
	}
	p.p = agent.NewProjector(loaded)
	p.record(&agent.Result{Turn: loaded.Root().Turn.ID, Call: "c1", Success: true})
	var got []string
	for _, signal := range p.told {
		if signal.Kind == agent.SignalItemAdded && signal.Item.Type == agent.ItemMessage {
			got = append(got, signal.Item.ID)
		}
	}
	want := []string{agent.ItemID("msg", "ses_test", waits, 0), agent.ItemID("msg", "ses_fork", waits, 0)}
	if !slices.Equal(got, want) {
		t.Errorf("the messages are %v, want %v", got, want)
	}
}

// TestForkAsksUnderANameOfItsOwn: a decision about what the other session asked
// counts for nothing that the fork asks.
func TestForkAsksUnderANameOfItsOwn(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	tools, specs := serverTools(tool.Unsafe)
	p.begin(agent.Definition{Tools: tools}, "push it")
	p.list(specs)
	p.answer(&model.ToolCall{ID: "c1", Name: "box__push", Arguments: "{}"})
	first := p.p.State.Actions()[0].Call.Request
	p.fork(agent.Principal{User: "somebody else"}, p.seq-1)
	// The yes was asked for on behalf of another, and does not do here.
	p.record(&agent.Decision{Request: first, Decision: "approve"})
	actions := p.p.State.Actions()
	if len(actions) != 1 || actions[0].Call.Request == first {
		t.Fatalf("having asked %s, the fork asks %+v", first, actions)
	}
	if again := actions[0].Call.Request; !agent.Requested(p.p.State, again) || agent.Requested(p.p.State, first) {
		t.Errorf("the fork does not know %s as its own, or %s as another's", again, first)
	}
}

// TestForkTellsItsOwnCalls: a call that the other session left open is not told
// again with an answer of the same number.
func TestForkTellsItsOwnCalls(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	p.begin(agent.Definition{Tools: []agent.Tool{
		{Kind: agent.ToolFunction, Function: &agent.Function{Name: "look", Async: true}},
		{Kind: agent.ToolFunction, Function: &agent.Function{Name: "ask"}},
	}}, "hello")
	asked := p.run(agent.RunModel).Seq
	p.answer(&model.ToolCall{ID: "c1", Name: "look", Arguments: "{}"}, &model.ToolCall{ID: "c2", Name: "ask", Arguments: "{}"})
	p.fork(agent.Principal{}, asked-1)
	p.record(&agent.Result{Turn: p.p.State.Root().Turn.ID, Call: "c2", Success: true})
	if p.run(agent.RunModel).Seq != asked {
		t.Fatalf("the fork asks the model at %d, its parent did at %d", p.seq, asked)
	}
	p.answer(&model.Text{Text: "later"})
	for _, signal := range p.told {
		if signal.Item != nil && signal.Item.Type == agent.ItemFunctionCall {
			t.Errorf("%s was told again as %s", signal.Item.ID, signal.Kind)
		}
	}
}
