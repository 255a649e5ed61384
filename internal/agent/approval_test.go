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

// TestRulesOfNowOnlyTighten: a call is held to the rules its tool was listed
// under and to those of now, and a yes by the former holds under the latter.
func TestRulesOfNowOnlyTighten(t *testing.T) {
	t.Parallel()
	type rule struct {
		class    tool.Class
		approval tool.Approval
	}
	for name, c := range map[string]struct {
		listed tool.Spec
		now    rule
		asks   bool
	}{
		"always":            {tool.Spec{Class: tool.Read, Approval: tool.ApproveNever}, rule{"", tool.ApproveAlways}, true},
		"no word any more":  {tool.Spec{Class: tool.Read, Approval: tool.ApproveNever}, rule{}, true},
		"another class":     {tool.Spec{Class: tool.Read, Approval: tool.ApproveUnsafe}, rule{tool.Unsafe, tool.ApproveUnsafe}, true},
		"a safer class":     {tool.Spec{Approval: tool.ApproveUnsafe}, rule{tool.Read, tool.ApproveUnsafe}, true},
		"never":             {tool.Spec{Class: tool.Read, Approval: tool.ApproveAlways}, rule{"", tool.ApproveNever}, true},
		"the same":          {tool.Spec{Class: tool.Read, Approval: tool.ApproveUnsafe}, rule{"", tool.ApproveUnsafe}, false},
		"never, and before": {tool.Spec{Class: tool.Read, Approval: tool.ApproveUnsafe}, rule{"", tool.ApproveNever}, false},
	} {
		c.listed.Name = "push"
		p := newPlay(t)
		tools, _ := serverTools(tool.Unsafe)
		p.p.State.Rules = func(server tool.Server, name string) (tool.Class, tool.Approval) {
			if server.Label != "box" || name != "push" {
				t.Errorf("%s: asked about %s of %s", name, name, server.Label)
			}
			return c.now.class, c.now.approval
		}
		p.begin(agent.Definition{Tools: tools}, "push")
		p.list([]tool.Spec{c.listed})
		p.answer(&model.ToolCall{ID: "c1", Name: "box__push", Arguments: `{}`})
		if asked := p.status() == agent.RequiresAction; asked != c.asks {
			t.Errorf("%s: asks %v", name, asked)
		}
		if !c.asks {
			continue
		}
		_, call := p.p.State.Call("c1")
		p.record(&agent.Decision{Request: call.Request, Decision: "approve", By: "key_1"})
		if call.State != agent.CallRunning {
			t.Errorf("%s: after a yes the call is %s", name, call.State)
		}
	}
}
