package agent_test

import (
	"testing"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
)

// TestProgramLeavesACall: a program that ends while one of its calls is under
// way stops it, and its outcome changes nothing any more.
func TestProgramLeavesACall(t *testing.T) {
	t.Parallel()
	for name, outcome := range map[string]func(run *agent.Run) agent.Body{
		"returned": func(r *agent.Run) agent.Body { return &agent.ToolReturned{Intent: r.Seq, Call: r.Call} },
		"unknown":  func(r *agent.Run) agent.Body { return &agent.ToolUnknown{Intent: r.Seq, Call: r.Call} },
		"again":    func(r *agent.Run) agent.Body { return &agent.ToolAgain{Intent: r.Seq, Call: r.Call} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlay(t)
			tools, specs := serverTools(tool.Read)
			p.begin(agent.Definition{Tools: append(tools, agent.Tool{Kind: agent.ToolProgram})}, "go")
			p.list(specs)
			p.answer(&model.ToolCall{ID: "c1", Name: "run_program", Arguments: `{"code":"x"}`})
			program := p.run(agent.RunTool)
			p.record(&agent.CallAdded{Parent: "c1", Name: "box__push", Arguments: `{}`})
			if len(p.p.State.Runs) != 2 {
				t.Fatalf("%d runs, events %v", len(p.p.State.Runs), p.kinds)
			}
			nested := *p.p.State.Runs[1]
			p.record(&agent.ToolReturned{Intent: program.Seq, Call: "c1"})
			if left := p.p.State.Run(nested.Seq); left == nil || !left.Stop {
				t.Fatalf("the call is not stopped: %+v", left)
			}
			p.record(outcome(&nested))
			p.answer(&model.Text{Text: "done"})
			if got := p.status(); got != agent.Idle {
				t.Errorf("status %s after %v", got, p.kinds)
			}
		})
	}
}

// TestCallsOfAgentsAreApart: two agents whose models name their calls alike do
// not answer each other's.
func TestCallsOfAgentsAreApart(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	tools, specs := serverTools(tool.Read)
	p.begin(agent.Definition{Tools: tools, MultiAgent: agent.MultiAgent{Enabled: true}}, "split up")
	p.list(specs)
	p.answer(&model.ToolCall{ID: "c1", Name: "create_subagent", Arguments: `{"message":"half"}`})
	push := &model.ToolCall{ID: "c2", Name: "box__push", Arguments: `{}`}
	for range 2 {
		for _, r := range p.p.State.Runs {
			if r.Kind == agent.RunModel {
				p.record(&agent.ModelAnswered{Call: r.Seq, Thread: r.Thread, Turn: r.Turn, Base: r.Base,
					Message: model.Message{Role: model.RoleAssistant, Parts: []model.Part{push}}})
				break
			}
		}
	}
	runs := p.p.State.Runs
	if len(runs) != 2 || runs[0].Call == runs[1].Call || runs[0].Thread == runs[1].Thread {
		t.Fatalf("the calls are %+v and %+v", runs[0], runs[len(runs)-1])
	}
}

// TestProgramOfAResponseAsksNobody: a response ends with what it needs, and a
// program cannot end and go on.
func TestProgramOfAResponseAsksNobody(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	tools, specs := serverTools(tool.Unsafe)
	d := agent.Definition{ID: "agent_x", Model: "m", Tools: append(tools, agent.Tool{Kind: agent.ToolProgram})}
	p.record(&agent.Created{Definition: d, Mode: agent.Returning}, &agent.Message{Messages: []model.Message{model.UserText("compute")}})
	p.list(specs)
	p.answer(&model.ToolCall{ID: "c1", Name: "run_program", Arguments: `{"code":"return 1"}`})
	p.record(&agent.CallAdded{Parent: "c1", Name: "box__push", Arguments: `{}`})
	if call := p.p.State.Nested("c1", 0); call.State != agent.CallDone || !call.Failed {
		t.Errorf("the program's call is %s", call.State)
	}
}
