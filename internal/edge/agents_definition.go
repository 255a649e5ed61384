package edge

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/agent/roster"
	"github.com/craton-ai/craton/internal/tool"
	"github.com/craton-ai/craton/internal/wire/agents"
)

// redefine changes a definition as a request's fields say: a field that was
// left out keeps what is, null asks for the default. Secrets that only a
// session may give are left out; see [agents.Transport].
func redefine(d *agent.Definition, f *agents.AgentFields) {
	if f.Model.Set {
		d.Model = f.Model.Value
	}
	if f.Name.Set {
		d.Name = f.Name.Ptr()
	}
	if f.Instructions.Set {
		d.Instructions = f.Instructions.Ptr()
	}
	if f.MultiAgent.Set {
		d.MultiAgent = agent.MultiAgent{Enabled: f.MultiAgent.Value.Enabled}
		if most := f.MultiAgent.Value.MaxConcurrent; d.MultiAgent.Enabled && most != nil {
			d.MultiAgent.MaxConcurrent = *most
		}
	}
	if f.Reasoning.Set {
		d.Reasoning.Effort, d.Reasoning.Summary = f.Reasoning.Value.Effort, f.Reasoning.Value.Summary
	}
	if f.ServiceTier.Set {
		d.ServiceTier = f.ServiceTier.Value
	}
	if f.Text.Set {
		d.Format, d.Verbosity = f.Text.Value.Format, f.Text.Value.Verbosity
		if string(d.Format) == agents.DefaultFormat {
			d.Format = nil
		}
	}
	if f.Tools.Set {
		d.Tools = definedTools(f.Tools.Value)
	}
	if f.Compaction.Set {
		d.CompactBlocking = f.Compaction.Given() && !f.Compaction.Value.Async
	}
	if f.TimeAwareness.Set {
		d.TimeAware = f.TimeAwareness.Value
	}
}

func definedTools(tools []agents.Tool) []agent.Tool {
	if len(tools) == 0 {
		return nil
	}
	defined := make([]agent.Tool, len(tools))
	for i := range tools {
		defined[i] = definedTool(&tools[i])
	}
	return defined
}

// definedTool is a tool as the runtime knows it.
func definedTool(t *agents.Tool) agent.Tool {
	d := agent.Tool{Kind: agent.ToolOpaque, Raw: t.Shown()}
	switch t.Type {
	case agents.ToolFunction:
		f := t.Function
		d.Kind = agent.ToolFunction
		d.Function = &agent.Function{Name: f.Name, Description: f.Description, Parameters: f.Parameters, Deferred: f.DeferLoading, Async: f.Async}
	case agents.ToolMCP:
		d.Kind, d.Server = agent.ToolServer, definedServer(t.MCP)
	case agents.ToolSearch:
		d.Kind = agent.ToolSearch
	case agents.ToolProgram:
		d.Kind = agent.ToolProgram
		if !t.Program.Enabled {
			d.Kind = agent.ToolIdle
		}
	case agents.ToolWebSearch:
		if t.Web.Mode == "disabled" {
			d.Kind = agent.ToolIdle
		}
	}
	return d
}

// definedServer is an MCP server without secrets. One that runs as a process of
// the session's environment has no URL.
func definedServer(m *agents.MCPTool) *agent.Server {
	s := &agent.Server{Server: tool.Server{Label: m.ServerLabel, URL: m.Transport.ServerURL}, Required: m.Required}
	if m.Transport.Headers != nil {
		s.Headers = *m.Transport.Headers
	}
	if m.CredentialID != nil {
		s.Credential = *m.CredentialID
	}
	if m.AllowedTools != nil {
		s.Allowed = *m.AllowedTools
	}
	if string(m.RequestMetadata) != "{}" {
		s.Meta = m.RequestMetadata
	}
	return s
}

// agentSettings shows a definition. A saved agent's tools are shown as they
// are; a session's show less.
func agentSettings(d *agent.Definition, session bool) agents.AgentSettings {
	s := agents.AgentSettings{
		Model: d.Model, MultiAgent: agents.MultiAgent{Enabled: d.MultiAgent.Enabled},
		Reasoning:   agents.Reasoning{Effort: d.Reasoning.Effort, Summary: d.Reasoning.Summary},
		ServiceTier: d.ServiceTier, Text: agents.Text{Format: d.Format, Verbosity: d.Verbosity},
		Tools: []jsontext.Value{}, Compaction: agents.Compaction{Async: !d.CompactBlocking},
		Experimental: agents.Experimental{TimeAwareness: d.TimeAware},
	}
	if d.MultiAgent.Enabled {
		most := d.MultiAgent.MaxConcurrent
		if most == 0 {
			most = agent.DefaultSubagents
		}
		s.MultiAgent.MaxConcurrent = &most
	}
	if s.ServiceTier == "" {
		s.ServiceTier = agents.ServiceTierAuto
	}
	if s.Text.Format == nil {
		s.Text.Format = jsontext.Value(agents.DefaultFormat)
	}
	if s.Text.Verbosity == "" {
		s.Text.Verbosity = agents.DefaultVerbosity
	}
	for _, t := range d.Tools {
		shown, ok := t.Raw, true
		if session {
			shown, ok = agents.SessionTool(t.Raw)
		}
		if ok {
			s.Tools = append(s.Tools, shown)
		}
	}
	return s
}

// sessionAgent shows the agent of a session.
func sessionAgent(d *agent.Definition) agents.SessionAgent {
	return agents.SessionAgent{ID: d.ID, Name: d.Name, Instructions: d.Instructions, AgentSettings: agentSettings(d, true)}
}

// savedAgent shows a saved agent.
func savedAgent(s roster.Saved) agents.Agent {
	d := roster.Definition(s)
	shown := agents.Agent{
		ID: s.ID, Object: agents.ObjectAgent, CreatedAt: s.Created.Unix(), UpdatedAt: s.Updated.Unix(),
		Name: d.Name, Instructions: d.Instructions, Metadata: s.Value.Metadata, AgentSettings: agentSettings(&d, false),
	}
	if shown.Metadata == nil {
		shown.Metadata = map[string]string{}
	}
	return shown
}
