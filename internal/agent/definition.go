package agent

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/tool"
)

// Definition is what an agent is while a turn lasts. It is pinned when the turn
// starts: later changes count from the next one, or the next model call where
// the contract says so. It holds no secret.
type Definition struct {
	// ID names the agent ("agent_…"). One that was given inline has an id that
	// is known to its session only; Local says so.
	ID    string `json:"id"`
	Local bool   `json:"local,omitzero"`
	// Name and Instructions are the client's; nil where it gave none.
	Name         *string `json:"name,omitzero"`
	Instructions *string `json:"instructions,omitzero"`
	// Model is the name as the client gave it: see the gateway's naming.
	Model     string    `json:"model"`
	Reasoning Reasoning `json:"reasoning,omitzero"`
	// ServiceTier is "auto", "default", "flex", "priority", "fast" or
	// "ultrafast"; empty means "auto".
	ServiceTier string `json:"service_tier,omitzero"`
	// Format is the text format as OpenAI writes it ({"type":"json_schema",…});
	// nil means plain text.
	Format jsontext.Value `json:"format,omitzero"`
	// Verbosity is "low", "medium" or "high"; empty means the model's default.
	Verbosity  string     `json:"verbosity,omitzero"`
	Tools      []Tool     `json:"tools,omitzero"`
	MultiAgent MultiAgent `json:"multi_agent,omitzero"`
	// CompactBlocking compacts the context before the model call that would
	// need it; false does so in the background.
	CompactBlocking bool `json:"compact_blocking,omitzero"`
	// TimeAware reminds the model of the time.
	TimeAware bool     `json:"time_aware,omitzero"`
	Sampling  Sampling `json:"sampling,omitzero"`
}

// Reasoning asks for, or bounds, a model's thinking; nil members are the
// model's default.
type Reasoning struct {
	Effort  *string `json:"effort,omitzero"`
	Summary *string `json:"summary,omitzero"`
	// Encrypted asks for the thinking in the vendor's sealed form.
	Encrypted bool `json:"encrypted,omitzero"`
}

// MultiAgent lets the model run subagents.
type MultiAgent struct {
	Enabled bool `json:"enabled,omitzero"`
	// MaxConcurrent bounds how many run at once; 0 means [DefaultSubagents].
	MaxConcurrent int64 `json:"max_concurrent,omitzero"`
}

// DefaultSubagents is how many subagents run at once where nobody says.
const DefaultSubagents = 6

// Sampling is what only the Responses contract lets a client choose.
type Sampling struct {
	Temperature   *float64       `json:"temperature,omitzero"`
	TopP          *float64       `json:"top_p,omitzero"`
	MaxTokens     *int           `json:"max_tokens,omitzero"`
	TopLogprobs   *int           `json:"top_logprobs,omitzero"`
	Logprobs      bool           `json:"logprobs,omitzero"`
	ParallelTools *bool          `json:"parallel_tools,omitzero"`
	ToolChoice    jsontext.Value `json:"tool_choice,omitzero"`
	// MaxToolCalls bounds the calls of server-side tools in a turn; nil for no bound.
	MaxToolCalls *int `json:"max_tool_calls,omitzero"`
	// Truncate drops the oldest context where it does not fit.
	Truncate bool   `json:"truncate,omitzero"`
	CacheKey string `json:"cache_key,omitzero"`
	User     string `json:"user,omitzero"`
	// CompactAt is the number of input tokens from which the context is
	// compacted; 0 leaves it to the runtime.
	CompactAt int64 `json:"compact_at,omitzero"`
}

// ToolKind tells tools apart.
type ToolKind string

// The kinds of [Tool].
const (
	// ToolFunction is carried out by the client.
	ToolFunction ToolKind = "function"
	// ToolServer is a set of tools of one MCP server or of this server's own.
	ToolServer ToolKind = "mcp"
	// ToolSearch lets the model look for deferred tools.
	ToolSearch ToolKind = "tool_search"
	// ToolProgram lets the model call tools from a program it writes.
	ToolProgram ToolKind = "programmatic_tool_calling"
	// ToolOpaque is passed to the model's vendor as it is; Raw holds it.
	ToolOpaque ToolKind = "opaque"
	// ToolIdle is shown to the client and offers the model nothing: a tool that
	// is switched off.
	ToolIdle ToolKind = "idle"
)

// Tool is one entry of a definition's tools.
type Tool struct {
	Kind ToolKind `json:"kind"`
	// Function is set for ToolFunction.
	Function *Function `json:"function,omitzero"`
	// Server is set for ToolServer.
	Server *Server `json:"server,omitzero"`
	// Raw is the entry as the client's contract shows it, without secrets.
	Raw jsontext.Value `json:"raw,omitzero"`
}

// Function is a tool that the client carries out.
type Function struct {
	Name        string         `json:"name"`
	Description string         `json:"description,omitzero"`
	Parameters  jsontext.Value `json:"parameters,omitzero"`
	Strict      *bool          `json:"strict,omitzero"`
	// Deferred functions are shown to the model once it found them.
	Deferred bool `json:"deferred,omitzero"`
	// Async functions do not hold up the turn.
	Async bool `json:"async,omitzero"`
	// Custom takes free text instead of a JSON object; Grammar bounds it.
	Custom  bool           `json:"custom,omitzero"`
	Grammar jsontext.Value `json:"grammar,omitzero"`
}

// Server is a set of tools reached at one place.
type Server struct {
	tool.Server
	// Description tells the model what the server is for.
	Description string `json:"description,omitzero"`
	// Allowed names the tools the model may use; nil means all.
	Allowed []string `json:"allowed,omitzero"`
	// ReadOnly allows those only that say they change nothing.
	ReadOnly bool `json:"read_only,omitzero"`
	// Approval says which calls wait for a person.
	Approval Approval `json:"approval,omitzero"`
	// Required fails the session's first turn if the server does not answer.
	Required bool `json:"required,omitzero"`
	// Deferred tools are shown to the model once it found them.
	Deferred bool `json:"deferred,omitzero"`
	// Meta is sent with each call, as a JSON object.
	Meta jsontext.Value `json:"meta,omitzero"`
}

// Approval is a rule for which calls of a server wait for a yes. The zero value
// leaves it to the operator, who may spare tools; the others wait, whatever
// their server says of them. Of this server's own tools the unsafe ones wait.
type Approval struct {
	// Mode is "", "always" or "never".
	Mode string `json:"mode,omitzero"`
	// Always and Never name tools that are exceptions to Mode.
	Always []string `json:"always,omitzero"`
	Never  []string `json:"never,omitzero"`
	// NeverReads spares tools that say they change nothing, among those of Never
	// if it names any: the client asked to take their word.
	NeverReads bool `json:"never_reads,omitzero"`
}

// Digest names the definition's content: 64 hex digits of SHA-256.
func (d Definition) Digest() string {
	raw, err := json.Marshal(d, codec)
	if err != nil {
		return "" // only a malformed raw value can do that, and decoding refuses those
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}
