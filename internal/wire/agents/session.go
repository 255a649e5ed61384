package agents

import "github.com/go-json-experiment/json/jsontext"

// The names of sessions and what belongs to them in the member "object".
const (
	ObjectSession         = "agent.session"
	ObjectSessionDeleted  = "agent.session.deleted"
	ObjectTurn            = "agent.session.turn"
	ObjectSubagent        = "agent.session.subagent"
	ObjectArtifact        = "agent.session.artifact"
	ObjectArtifactDeleted = "agent.session.artifact.deleted"
	ObjectTrace           = "agent.session.trace"
)

// Session is a session as the contract shows it.
type Session struct {
	ID           string             `json:"id"`
	Object       string             `json:"object"`
	CreatedAt    int64              `json:"created_at"`
	LastActiveAt int64              `json:"last_active_at"`
	Agent        SessionAgent       `json:"agent"`
	Environment  SessionEnvironment `json:"environment"`
	// Status is "idle", "in_progress", "requires_action" or "failed".
	Status string `json:"status"`
	// Error is nil unless the session failed.
	Error           *string           `json:"error"`
	RequiredActions []RequiredAction  `json:"required_actions"`
	Metadata        map[string]string `json:"metadata"`
	// Usage is nil before anything was used.
	Usage              *TokenUsage   `json:"usage"`
	VaultIDs           []string      `json:"vault_ids"`
	PromptCacheOptions *CacheOptions `json:"prompt_cache_options"`
	Review             string        `json:"review"`
	SpendControl       *SpendControl `json:"spend_control,omitzero"`
	// RoleARN is Amazon's; empty for none.
	RoleARN string `json:"role_arn,omitzero"`
}

// CacheOptions is how long prompts stay cached at least.
type CacheOptions struct {
	TTL string `json:"ttl"`
}

// SpendControl bounds what a session may cost, in US cents.
type SpendControl struct {
	Limit int64 `json:"limit"`
	// Consumed is rounded down; nil where it is not known.
	Consumed *int64 `json:"consumed"`
}

// TokenUsage counts tokens.
type TokenUsage struct {
	InputTokens        int64         `json:"input_tokens"`
	InputTokensDetails InputDetails  `json:"input_tokens_details"`
	OutputTokens       int64         `json:"output_tokens"`
	OutputTokenDetails OutputDetails `json:"output_tokens_details"`
	TotalTokens        int64         `json:"total_tokens"`
}

// InputDetails says which input tokens were read from a cache.
type InputDetails struct {
	CachedTokens int64 `json:"cached_tokens"`
}

// OutputDetails says which output tokens were thinking.
type OutputDetails struct {
	ReasoningTokens int64 `json:"reasoning_tokens"`
}

// RequiredAction is something that holds a session up. Which members count is
// said by Type.
type RequiredAction struct {
	Type          string         `json:"type"`
	TurnID        string         `json:"turn_id,omitzero"`
	CallID        string         `json:"call_id,omitzero"`
	Name          string         `json:"name,omitzero"`
	Arguments     jsontext.Value `json:"arguments,omitzero"`
	RequestID     string         `json:"request_id,omitzero"`
	Request       *ActionRequest `json:"request,omitzero"`
	EnvironmentID string         `json:"environment_id,omitzero"`
}

// The types of [RequiredAction].
const (
	ActionFunctionCall = "function_call"
	ActionMCPApproval  = "mcp_approval_request"
	ActionEnvironment  = "environment_connection"
)

// ActionRequest is a call that waits for a yes.
type ActionRequest struct {
	Type        string         `json:"type"`
	ServerLabel string         `json:"server_label"`
	Name        *string        `json:"name"`
	Message     string         `json:"message"`
	Arguments   jsontext.Value `json:"arguments"`
}

// Turn is a turn as the contract shows it.
type Turn struct {
	ID        string  `json:"id"`
	Object    string  `json:"object"`
	SessionID string  `json:"session_id"`
	AgentID   string  `json:"agent_id"`
	Subagent  *string `json:"subagent_id"`
	// Status is "queued", "in_progress", "waiting", "completed", "failed" or
	// "cancelled".
	Status             string        `json:"status"`
	CreatedAt          int64         `json:"created_at"`
	StartedAt          *int64        `json:"started_at"`
	CompletedAt        *int64        `json:"completed_at"`
	Error              *TurnError    `json:"error"`
	Usage              *TokenUsage   `json:"usage"`
	PromptCacheOptions *CacheOptions `json:"prompt_cache_options"`
}

// TurnError says why a turn failed.
type TurnError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Subagent is a subagent as the contract shows it.
type Subagent struct {
	ID            string  `json:"id"`
	Object        string  `json:"object"`
	SessionID     string  `json:"session_id"`
	ParentAgentID string  `json:"parent_agent_id"`
	Name          *string `json:"name"`
	// Instructions are the task it was opened for; nil where that is not known.
	Instructions *[]AgentContent `json:"instructions"`
	OpenedAt     int64           `json:"opened_at"`
	ClosedAt     *int64          `json:"closed_at"`
	// Status is "active" or "closed".
	Status string `json:"status"`
}

// AgentContent is what agents say to each other.
type AgentContent struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// Trace is a turn as an OTLP/JSON request shows it.
type Trace struct {
	ID        string         `json:"id"`
	Object    string         `json:"object"`
	CreatedAt int64          `json:"created_at"`
	SessionID string         `json:"session_id"`
	OTLP      jsontext.Value `json:"otlp"`
}
