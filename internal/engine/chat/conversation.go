package chat

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// The roles a message may have.
const (
	RoleSystem    = "system"
	RoleUser      = "user"
	RoleAssistant = "assistant"
	RoleTool      = "tool"
)

// Message is one turn of a conversation.
type Message struct {
	Role    string // one of the Role constants
	Content string
	Name    string // of the speaker or the tool; optional
	// Reasoning is what the assistant thought before Content; templates that
	// know it decide whether to show it again.
	Reasoning string
	// Calls are the tool calls an assistant made.
	Calls []ToolCall
	// CallID names the call a tool message answers.
	CallID string
}

// ToolCall is one call of a tool.
type ToolCall struct {
	ID        string
	Name      string
	Arguments string // a JSON object
}

// Tool is what the model may call.
type Tool struct {
	Name        string
	Description string
	Parameters  jsontext.Value // JSON Schema of the arguments; empty for none
	Strict      bool           // the arguments must satisfy Parameters exactly
}

// Conversation is what a Template renders.
type Conversation struct {
	Messages []Message
	Tools    []Tool
	// Reply asks for the beginning of an assistant turn at the end.
	Reply bool
	// Now is the date templates may show; the zero time hides it.
	Now time.Time
	// Variables are further values for the template, such as enable_thinking.
	Variables map[string]any
}
