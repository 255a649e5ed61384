package agent_test

import (
	"testing"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
)

// fold appends one body without what is decided of it.
func (p *play) fold(body agent.Body) {
	p.t.Helper()
	p.seq++
	draft, err := p.codec.Draft(body)
	if err != nil {
		p.t.Fatal(err)
	}
	event, err := p.codec.Read(sessionEvent(p.seq, p.now, draft))
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.p.State.Apply(event); err != nil {
		p.t.Fatal(err)
	}
}

// TestSpendLimitStopsSummaries: a summary is a model call, and costs like one.
func TestSpendLimitStopsSummaries(t *testing.T) {
	t.Parallel()
	for _, limit := range []int64{5, 50} {
		p := newPlay(t)
		var past []model.Message
		for range 5 {
			past = append(past, model.UserText("more"), model.AssistantText("and more"))
		}
		d := agent.Definition{ID: "agent_x", Model: "script/demo", Sampling: agent.Sampling{CompactAt: 1}}
		p.record(&agent.Created{Definition: d, Mode: agent.Parking, SpendLimit: &limit, Context: past},
			&agent.Message{Messages: []model.Message{model.UserText("go on")}})
		r := p.run(agent.RunModel)
		p.record(&agent.ModelAnswered{Call: r.Seq, Turn: r.Turn, Base: r.Base, Message: model.AssistantText("done"),
			Usage: model.Usage{Input: 10, Output: 5}, Cost: 7})
		if begun := len(p.p.State.Runs); begun == 1 != (limit > 7) {
			t.Errorf("limit %d: %d summaries begun after spending 7", limit, begun)
		}
	}
}

// TestForkTakesNoYesAlong: a yes counts once, also where the journal goes on
// twice.
func TestForkTakesNoYesAlong(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	tools, specs := serverTools(tool.Unsafe)
	p.begin(agent.Definition{Tools: tools}, "push it")
	p.list(specs)
	p.answer(&model.ToolCall{ID: "c1", Name: "box__push", Arguments: `{"a":1}`})
	p.fold(&agent.Decision{Request: p.p.State.Actions()[0].Call.Request, Decision: "approve", By: "key_1"})
	p.record(&agent.Forked{})
	if len(p.p.State.Runs) != 0 || len(p.p.State.Actions()) != 1 {
		t.Fatalf("%d calls are made and %d asked for after %v", len(p.p.State.Runs), len(p.p.State.Actions()), p.kinds)
	}
}

// TestUnknownCallOfChangedTool: what may run again runs again as what was
// approved, and not as what has taken its name since.
func TestUnknownCallOfChangedTool(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	tools, specs := serverTools(tool.Idempotent)
	tools[0].Server.Approval = agent.Approval{Mode: "always"}
	p.begin(agent.Definition{Tools: tools}, "push it")
	p.list(specs)
	p.answer(&model.ToolCall{ID: "c1", Name: "box__push", Arguments: `{"a":1}`})
	p.record(&agent.Decision{Request: p.p.State.Actions()[0].Call.Request, Decision: "approve", By: "key_1"})
	r := p.run(agent.RunTool)
	p.p.State.Servers[0].Tools[0].Description = "Pushes it elsewhere."
	p.record(&agent.ToolUnknown{Intent: r.Seq, Call: "c1", Reason: "The server failed."})
	if len(p.p.State.Runs) != 0 || len(p.p.State.Actions()) != 1 {
		t.Fatalf("%d calls are made and %d asked for after %v", len(p.p.State.Runs), len(p.p.State.Actions()), p.kinds)
	}
}

// TestProgramRunsNoProgram: else programs that run programs would fill the
// machine.
func TestProgramRunsNoProgram(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	p.begin(agent.Definition{Tools: []agent.Tool{{Kind: agent.ToolProgram}}}, "compute")
	name := p.p.State.Offers(p.p.State.Root())[0].Name
	p.answer(&model.ToolCall{ID: "c1", Name: name, Arguments: `{"code":"return 1"}`})
	p.record(&agent.CallAdded{Parent: "c1", N: 0, Name: name, Arguments: `{"code":"return 2"}`})
	if call := p.p.State.Nested("c1", 0); call.State != agent.CallDone || !call.Failed || len(p.p.State.Runs) != 1 {
		t.Fatalf("the nested program is %s; %d calls are made", call.State, len(p.p.State.Runs))
	}
}
