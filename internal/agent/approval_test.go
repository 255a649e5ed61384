package agent_test

import (
	"cmp"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
)

// TestWhoSparesApprovals: the operator and the client's contract do, a tool's
// own word does not.
func TestWhoSparesApprovals(t *testing.T) {
	t.Parallel()
	const remote, builtin = "https://box.test", tool.Own + "/calculator"
	for _, c := range []struct {
		url  string
		spec tool.Spec
		rule agent.Approval
		asks bool
	}{
		{remote, tool.Spec{Class: tool.Read}, agent.Approval{}, true},
		{remote, tool.Spec{Class: tool.Keyed}, agent.Approval{}, true},
		{remote + "/" + tool.Own, tool.Spec{Class: tool.Read}, agent.Approval{}, true},
		{tool.Own + "x", tool.Spec{Class: tool.Read}, agent.Approval{}, true},
		{builtin, tool.Spec{Class: tool.Read}, agent.Approval{}, false},
		{remote, tool.Spec{Class: tool.Read, Approval: tool.ApproveUnsafe}, agent.Approval{}, false},
		{remote, tool.Spec{Class: tool.Unsafe, Approval: tool.ApproveUnsafe}, agent.Approval{}, true},
		{remote, tool.Spec{Class: tool.Unsafe, Approval: tool.ApproveNever}, agent.Approval{}, false},
		{remote, tool.Spec{Class: tool.Unsafe, Approval: tool.ApproveNever}, agent.Approval{Mode: "always"}, true},
		{remote, tool.Spec{Class: tool.Read, Approval: tool.ApproveAlways}, agent.Approval{Mode: "never", Never: []string{"push"}}, true},
		{remote, tool.Spec{Class: tool.Unsafe}, agent.Approval{Mode: "never"}, false},
		{remote, tool.Spec{Class: tool.Unsafe}, agent.Approval{Mode: "always", Never: []string{"push"}}, false},
		{remote, tool.Spec{Class: tool.Read}, agent.Approval{Mode: "always", NeverReads: true}, false},
		{remote, tool.Spec{Class: tool.Idempotent}, agent.Approval{Mode: "always", NeverReads: true}, true},
		{remote, tool.Spec{Class: tool.Read}, agent.Approval{Mode: "always", NeverReads: true, Never: []string{"other"}}, true},
		{remote, tool.Spec{Class: tool.Read}, agent.Approval{Mode: "always", NeverReads: true, Always: []string{"push"}}, true},
	} {
		c.spec.Name = "push"
		offer := agent.Offer{Kind: agent.CallServer, Spec: &c.spec, Server: &agent.Server{Server: tool.Server{URL: c.url}, Approval: c.rule}}
		if offer.Asks() != c.asks {
			t.Errorf("%s, %q with rule %q, %+v: asks %v", c.url, c.spec.Class, c.spec.Approval, c.rule, offer.Asks())
		}
	}
}

// TestApprovalsExpireAsTheSessionSays: within the time that its creation gives.
func TestApprovalsExpireAsTheSessionSays(t *testing.T) {
	t.Parallel()
	for _, ttl := range []time.Duration{0, time.Minute} {
		p := newPlay(t)
		tools, specs := serverTools(tool.Unsafe)
		p.record(&agent.Created{Definition: agent.Definition{ID: "agent_x", Model: "m", Tools: tools}, Mode: agent.Parking, ApprovalTTL: ttl},
			&agent.Message{Messages: []model.Message{model.UserText("push")}})
		p.list(specs)
		p.answer(&model.ToolCall{ID: "c1", Name: "box__push", Arguments: `{}`})
		if got, want := p.p.State.Timer(), p.now.Add(cmp.Or(ttl, agent.ApprovalTTL)); !got.Equal(want) {
			t.Errorf("with %s the request expires at %s, want %s", ttl, got, want)
		}
	}
}
