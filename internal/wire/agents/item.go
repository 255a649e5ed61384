package agents

import "github.com/go-json-experiment/json/jsontext"

// The phases of an assistant's message.
const (
	PhaseCommentary = "commentary"
	PhaseFinal      = "final_answer"
)

// ItemHead is what every item begins with.
type ItemHead struct {
	ID     string `json:"id"`
	TurnID string `json:"turn_id"`
	Type   string `json:"type"`
}

// MessageItem is what a user or the agent says. Content holds [InputContent]
// and [OutputText].
type MessageItem struct {
	ItemHead
	Role    string  `json:"role"`
	Content []any   `json:"content"`
	Phase   *string `json:"phase"`
	Status  string  `json:"status"`
}

// OutputText is a text that the agent wrote.
type OutputText struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// ReasoningItem is the model's thinking, as far as it is shown.
type ReasoningItem struct {
	ItemHead
	Summary []SummaryText `json:"summary"`
	Status  string        `json:"status"`
}

// SummaryText is a piece of a summary of thinking.
type SummaryText struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// FunctionCallItem is a call that the client carries out.
type FunctionCallItem struct {
	ItemHead
	CallID string `json:"call_id"`
	Name   string `json:"name"`
	// Arguments is a JSON object, or a string where the model wrote none.
	Arguments jsontext.Value `json:"arguments"`
	Status    string         `json:"status"`
}

// FunctionOutputItem is what a call came to. Output is a string, a list of
// content, or null.
type FunctionOutputItem struct {
	ItemHead
	CallID string         `json:"call_id"`
	Output jsontext.Value `json:"output"`
	Error  *string        `json:"error"`
	Status string         `json:"status"`
}

// AgentMessageItem is what one agent tells another.
type AgentMessageItem struct {
	ItemHead
	Content          []AgentContent `json:"content"`
	SenderAgentID    string         `json:"sender_agent_id"`
	RecipientAgentID string         `json:"recipient_agent_id"`
}

// MCPCallItem is a call of a server's tool.
type MCPCallItem struct {
	ItemHead
	ServerLabel string         `json:"server_label"`
	Name        string         `json:"name"`
	Arguments   jsontext.Value `json:"arguments"`
	Output      jsontext.Value `json:"output"`
	Error       jsontext.Value `json:"error"`
	Status      string         `json:"status"`
}

// CreateSubagentItem is a call that opens a subagent.
type CreateSubagentItem struct {
	ItemHead
	AgentID         string         `json:"agent_id"`
	Content         []AgentContent `json:"content"`
	Model           *string        `json:"model"`
	ReasoningEffort *string        `json:"reasoning_effort"`
	Status          string         `json:"status"`
}

// SubagentItem is another call about one subagent. Content is given for
// messages only.
type SubagentItem struct {
	ItemHead
	Content          []AgentContent `json:"content,omitzero"`
	SenderAgentID    string         `json:"sender_agent_id"`
	RecipientAgentID string         `json:"recipient_agent_id"`
	Status           string         `json:"status"`
}

// WaitItem is a call that waits for subagents.
type WaitItem struct {
	ItemHead
	SenderAgentID     string   `json:"sender_agent_id"`
	RecipientAgentIDs []string `json:"recipient_agent_ids"`
	Status            string   `json:"status"`
}

// ItemList is a page of items.
type ItemList struct {
	Object  string  `json:"object"`
	Data    []any   `json:"data"`
	FirstID *string `json:"first_id"`
	LastID  *string `json:"last_id"`
	HasMore bool    `json:"has_more"`
}
