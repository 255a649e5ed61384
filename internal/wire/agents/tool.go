package agents

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// The types of tools.
const (
	ToolFunction    = "function"
	ToolSearch      = "tool_search"
	ToolProgram     = "programmatic_tool_calling"
	ToolMCP         = "mcp"
	ToolWebSearch   = "web_search"
	ToolComputerUse = "computer_use"
	ToolAutomations = "automations"
)

// The types of [Transport].
const (
	TransportHTTP  = "http"
	TransportStdio = "stdio"
)

// The values of [MCPTool.ConnectionOrigin].
const (
	OriginService     = "service"
	OriginEnvironment = "environment"
)

// MaxTools is how many bytes a list of tools may have, as compact JSON.
const MaxTools = 3 << 20

// Tool is a tool a request gives an agent. The member of its type is set; other
// types have none.
type Tool struct {
	Type     string
	Function *FunctionTool
	MCP      *MCPTool
	Program  *ProgramTool
	Web      *WebSearchTool
	Computer *ComputerTool
}

// FunctionTool is a function that the client carries out.
type FunctionTool struct {
	Type        string `json:"type"`
	Name        string `json:"name"`
	Description string `json:"description"`
	// Parameters is the JSON Schema of the arguments, an object.
	Parameters   jsontext.Value `json:"parameters"`
	DeferLoading bool           `json:"defer_loading"`
	Async        bool           `json:"async,omitzero"`
}

// MCPTool is what an MCP server offers.
type MCPTool struct {
	Type        string    `json:"type"`
	ServerLabel string    `json:"server_label"`
	Transport   Transport `json:"transport"`
	// AllowedTools names the tools that may be called; nil means all.
	AllowedTools     *[]string `json:"allowed_tools"`
	ConnectionOrigin string    `json:"connection_origin"`
	CredentialID     *string   `json:"credential_id"`
	// RequestMetadata is sent with each call, a JSON object.
	RequestMetadata jsontext.Value `json:"request_metadata"`
	Required        bool           `json:"required"`
}

// Transport is how an MCP server is reached. Authorization and Env hold what
// only requests may say; it is in no answer.
type Transport struct {
	Type      string `json:"type"`
	ServerURL string `json:"server_url,omitzero"`
	// Headers are shown with a saved agent, which may hold no secret ones, and
	// not with a session.
	Headers *map[string]string `json:"headers,omitzero"`
	Command string             `json:"command,omitzero"`
	Cwd     string             `json:"cwd,omitzero"`
	Args    *[]string          `json:"args,omitzero"`
	EnvVars *[]string          `json:"env_vars,omitzero"`

	Authorization *string           `json:"-"`
	Env           map[string]string `json:"-"`
}

// ProgramTool lets the model call tools from a program it writes.
type ProgramTool struct {
	Type    string `json:"type"`
	Enabled bool   `json:"enabled"`
}

// WebSearchTool searches the web.
type WebSearchTool struct {
	Type           string    `json:"type"`
	Mode           string    `json:"mode"`
	ContextSize    string    `json:"context_size"`
	AllowedDomains *[]string `json:"allowed_domains"`
	Location       *Location `json:"location"`
}

// Location is roughly where a search is made from.
type Location struct {
	City     *string `json:"city"`
	Country  *string `json:"country"`
	Region   *string `json:"region"`
	Timezone *string `json:"timezone"`
}

// ComputerTool uses a browser in a hosted environment.
type ComputerTool struct {
	Type               string `json:"type"`
	IncludeScreenshots bool   `json:"include_screenshots"`
}

// bareTool is a tool without settings.
type bareTool struct {
	Type string `json:"type"`
}

// Shown is the tool as a saved agent shows it: with its defaults filled in and
// without what only requests may say.
func (t *Tool) Shown() jsontext.Value {
	var v any = bareTool{t.Type}
	switch t.Type {
	case ToolFunction:
		v = t.Function
	case ToolMCP:
		v = t.MCP
	case ToolProgram:
		v = t.Program
	case ToolWebSearch:
		v = t.Web
	case ToolComputerUse:
		v = t.Computer
	}
	raw, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		return nil // the text was checked when it was read
	}
	return raw
}

// SessionTool is how a session shows what [Tool.Shown] made, and whether it
// shows it at all: MCP servers without their headers, and no tool_search.
func SessionTool(shown jsontext.Value) (jsontext.Value, bool) {
	var kind bareTool
	if err := json.Unmarshal(shown, &kind); err != nil || kind.Type == ToolSearch {
		return nil, false
	}
	if kind.Type != ToolMCP {
		return shown, true
	}
	var mcp MCPTool
	if err := json.Unmarshal(shown, &mcp); err != nil {
		return nil, false
	}
	mcp.Transport.Headers = nil
	return (&Tool{Type: ToolMCP, MCP: &mcp}).Shown(), true
}
