package agent_test

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/model"
)

// TestLateResultsAreOutputs: what a function came to that nobody waited for is
// listed as its output, once, in the turn that takes it up, and never as
// something that the user said.
func TestLateResultsAreOutputs(t *testing.T) {
	t.Parallel()
	why := "no water"
	type shown struct {
		Turn, Call, Status, Raw string
		Error                   *string
	}
	for name, after := range map[string]bool{"during the turn": false, "after the turn": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlay(t)
			p.begin(agent.Definition{Tools: []agent.Tool{
				{Kind: agent.ToolFunction, Function: &agent.Function{Name: "brew", Async: true}},
				{Kind: agent.ToolFunction, Function: &agent.Function{Name: "ask"}},
			}}, "tea")
			p.answer(&model.ToolCall{ID: "c1", Name: "brew", Arguments: "{}"}, &model.ToolCall{ID: "c2", Name: "ask", Arguments: "{}"})
			first := p.p.State.Root().Turn.ID
			late := &agent.Result{Turn: first, Call: "c1", Raw: jsontext.Value("null"), Error: &why}
			if !after {
				p.record(late)
			}
			p.record(&agent.Result{Turn: first, Call: "c2", Success: true, Raw: jsontext.Value(`"yes"`)})
			p.answer(&model.Text{Text: "It brews."})
			if after {
				p.record(late)
				p.answer(&model.Text{Text: "It does not."})
			}
			second := p.p.State.Root().Turn.ID
			if (second != first) != after {
				t.Fatalf("the turns are %s and %s", first, second)
			}
			var outputs []shown
			said := 0
			for _, signal := range p.told {
				if signal.Kind != agent.SignalItemAdded {
					continue
				}
				switch i := signal.Item; {
				case i.Type == agent.ItemFunctionOutput:
					outputs = append(outputs, shown{i.Turn, i.Call.ID, i.Status, string(i.Raw), i.Error})
				case i.Type == agent.ItemMessage && i.Role == model.RoleUser:
					said++
				}
			}
			want := []shown{{first, "c2", agent.ItemCompleted, `"yes"`, nil}, {second, "c1", agent.ItemFailed, "null", &why}}
			if diff := cmp.Diff(want, outputs); diff != "" || said != 1 {
				t.Errorf("the user said %d things, and the outputs differ (-want +got):\n%s", said, diff)
			}
		})
	}
}
