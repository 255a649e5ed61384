package edge

import (
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/tidwall/gjson"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/gateway"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
	"github.com/craton-ai/craton/internal/wire/responses"
)

// fileSearch is the server's own source that carries out file_search, and its
// label.
const (
	fileSearchURL   = "craton:builtin/file_search"
	fileSearchLabel = "file_search"
)

// runs reports whether a session makes the response: one that outlives the
// request, or whose tools this server runs.
func (t *turn) runs() bool {
	if t.c.h.opts.Sessions == nil {
		return false
	}
	return t.opts.Background || len(t.approved) > 0 || slices.ContainsFunc(t.req.Tools, func(one model.Tool) bool { return responses.ServerSide(&one) })
}

// define is the request as the definition of an agent.
func (t *turn) define() (agent.Definition, error) {
	req := t.req
	d := agent.Definition{ID: "agent_" + t.show.ID, Local: true, Model: req.Model, ServiceTier: req.ServiceTier, Verbosity: req.Verbosity,
		CompactBlocking: true, Sampling: agent.Sampling{
			Temperature: req.Temperature, TopP: req.TopP, MaxTokens: req.MaxTokens, TopLogprobs: req.TopLogprobs, Logprobs: req.Logprobs,
			ParallelTools: req.ParallelTools, MaxToolCalls: t.opts.MaxToolCalls, Truncate: t.opts.Truncation == "auto",
			CacheKey: req.CacheKey, User: req.User, CompactAt: t.manage.Compact,
		}}
	if r := req.Reasoning; r != nil {
		d.Reasoning = agent.Reasoning{Encrypted: r.Encrypted}
		if r.Effort != "" {
			d.Reasoning.Effort = &r.Effort
		}
		if r.Summary != "" {
			d.Reasoning.Summary = &r.Summary
		}
	}
	if req.Format != nil {
		d.Format = jsontext.Value(responses.EncodeFormat(req.Format))
	}
	for i := range req.Tools {
		one, err := t.defineTool(&req.Tools[i], i)
		if err != nil {
			return d, err
		}
		d.Tools = append(d.Tools, one)
	}
	if err := uniqueLabels(d.Tools); err != nil {
		return d, err
	}
	if err := t.defineChoice(&d); err != nil {
		return d, err
	}
	return d, t.lose()
}

func uniqueLabels(tools []agent.Tool) error {
	seen := map[string]bool{}
	for _, one := range tools {
		if one.Server == nil {
			continue
		}
		if seen[one.Server.Label] {
			return model.Errorf(model.Invalid, "tools", "Two tools have the server_label '%s'.", one.Server.Label)
		}
		seen[one.Server.Label] = true
	}
	return nil
}

func (t *turn) defineTool(one *model.Tool, i int) (agent.Tool, error) {
	switch {
	case one.Opaque == nil:
		return agent.Tool{Kind: agent.ToolFunction, Function: &agent.Function{Name: one.Name, Description: one.Description,
			Parameters: one.Schema, Strict: one.Strict, Deferred: responses.Deferred(one), Custom: one.Custom, Grammar: one.Format}}, nil
	case !responses.ServerSide(one):
		return agent.Tool{Kind: agent.ToolOpaque, Raw: one.Opaque.Raw}, nil
	}
	switch one.Name {
	case responses.ToolSearch:
		return agent.Tool{Kind: agent.ToolSearch}, nil
	case responses.ToolProgram:
		return agent.Tool{Kind: agent.ToolProgram}, nil
	case responses.ToolFileSearch:
		losses, err := responses.FileSearchLosses(one, i)
		if err != nil {
			return agent.Tool{}, err
		}
		t.lost = append(t.lost, losses...)
		return agent.Tool{Kind: agent.ToolServer, Server: &agent.Server{Server: tool.Server{Label: fileSearchLabel, URL: fileSearchURL},
			Approval: agent.Approval{Mode: "never"}}}, nil
	}
	return t.defineServer(one, i)
}

// lose tells the client of what is not heeded, or refuses it in strict mode.
func (t *turn) lose() error {
	if t.req.Logprobs {
		t.lost = append(t.lost, model.Loss{Path: "top_logprobs", Severity: model.LossMinor,
			What: "log probabilities are not kept in the background or beside tools of the server"})
	}
	if t.req.Extra != nil {
		gjson.ParseBytes(t.req.Extra.Raw).ForEach(func(name, _ gjson.Result) bool {
			t.lost = append(t.lost, model.Loss{Path: truncate(name.String(), 80), Severity: model.LossMinor,
				What: "unknown members are not passed on in the background or beside tools of the server"})
			return true
		})
	}
	switch {
	case len(t.lost) == 0:
		return nil
	case t.c.strict():
		return gateway.RefuseLosses(t.lost)
	}
	t.c.w.Header().Set(LossHeader, lossText(t.lost))
	return nil
}

// defineServer is an MCP server. What is secret about reaching it is sealed,
// for as long as the response is being made.
func (t *turn) defineServer(one *model.Tool, i int) (agent.Tool, error) {
	asked, err := responses.DecodeMCPTool(one.Opaque.Raw, i)
	if err != nil {
		return agent.Tool{}, err
	}
	s := &agent.Server{Server: tool.Server{Label: asked.Label, URL: asked.URL}, Description: asked.Description, Allowed: asked.Allowed,
		ReadOnly: asked.ReadOnly, Deferred: asked.Deferred,
		Approval: agent.Approval{Mode: asked.Approval, Always: asked.Always, Never: asked.Never, NeverReads: asked.NeverReads}}
	if len(asked.Secrets) == 0 {
		return agent.Tool{Kind: agent.ToolServer, Server: s}, nil
	}
	if t.c.h.opts.Vaults == nil {
		return agent.Tool{}, model.Errorf(model.Unsupported, "tools", "This server keeps no credentials for MCP servers.")
	}
	s.Credential, err = t.c.h.opts.Vaults.Seal(t.c.r.Context(), t.c.who.Tenant.ID, t.show.ID, asked.URL, asked.Secrets)
	t.sealed = true
	return agent.Tool{Kind: agent.ToolServer, Server: s}, err
}

// defineChoice takes over which tools the model is to call.
func (t *turn) defineChoice(d *agent.Definition) error {
	choice := t.req.ToolChoice
	if kind, label, name, ok := responses.OpaqueChoice(t.req); ok {
		choice = model.ToolChoice{Mode: model.ChoiceRequired}
		switch {
		case kind == responses.ToolMCP && name != "":
			choice = model.ToolChoice{Mode: model.ChoiceNamed, Name: agent.Exposed(label, name)}
		case kind == responses.ToolMCP, kind == responses.ToolProgram:
		case kind == responses.ToolFileSearch:
			choice = model.ToolChoice{Mode: model.ChoiceNamed, Name: agent.Exposed(fileSearchLabel, fileSearchLabel)}
		default:
			return model.Errorf(model.Unsupported, "tool_choice", "A choice of type '%s' cannot be made together with tools that this server runs.", truncate(kind, 40))
		}
	}
	if choice.Mode == model.ChoiceDefault && len(choice.Allowed) == 0 {
		return nil
	}
	raw, err := json.Marshal(choice)
	d.Sampling.ToolChoice = raw
	return err
}
