package agents

import "github.com/go-json-experiment/json/jsontext"

// The types of events in a session's stream.
const (
	EventSessionPrefix      = "agent.session."
	EventSessionCreated     = "agent.session.created"
	EventTurnCreated        = "agent.session.turn.created"
	EventTurnInProgress     = "agent.session.turn.in_progress"
	EventTurnPrefix         = "agent.session.turn."
	EventItemAdded          = "agent.session.turn.item.added"
	EventItemDone           = "agent.session.turn.item.done"
	EventPartAdded          = "agent.session.turn.content_part.added"
	EventPartDone           = "agent.session.turn.content_part.done"
	EventTextDelta          = "agent.session.turn.output_text.delta"
	EventTextDone           = "agent.session.turn.output_text.done"
	EventSummaryPartAdded   = "agent.session.turn.reasoning_summary_part.added"
	EventSummaryPartDone    = "agent.session.turn.reasoning_summary_part.done"
	EventSummaryTextDelta   = "agent.session.turn.reasoning_summary_text.delta"
	EventSummaryTextDone    = "agent.session.turn.reasoning_summary_text.done"
	EventSubagentCreated    = "agent.session.subagent.created"
	EventSubagentActive     = "agent.session.subagent.active"
	EventSubagentClosed     = "agent.session.subagent.closed"
	EventEnvironmentPending = "agent.session.environment.pending"
	EventError              = "error"
)

// EventHead is what every event begins with.
type EventHead struct {
	Type    string `json:"type"`
	EventID string `json:"event_id"`
	// Obfuscation pads the event, so that its length tells little.
	Obfuscation string `json:"obfuscation,omitzero"`
}

// SessionEvent tells of a session.
type SessionEvent struct {
	EventHead
	Session Session `json:"session"`
	// Agent is the session's agent as compact JSON, where whoever tells of it has
	// that; Session.Agent is not looked at then.
	Agent jsontext.Value `json:"-"`
}

// TurnEvent tells of a turn that begins.
type TurnEvent struct {
	EventHead
	SessionID string `json:"session_id"`
	TurnID    string `json:"turn_id"`
	Turn      Turn   `json:"turn"`
}

// TurnEndEvent tells of a turn that has ended.
type TurnEndEvent struct {
	TurnEvent
	Usage *TokenUsage `json:"usage"`
}

// ItemEvent tells of an item. OutputIndex is nil for input.
type ItemEvent struct {
	EventHead
	SessionID   string `json:"session_id"`
	TurnID      string `json:"turn_id"`
	OutputIndex *int   `json:"output_index"`
	Item        any    `json:"item"`
}

// PlaceHead says which part of which item an event is about.
type PlaceHead struct {
	EventHead
	SessionID   string `json:"session_id"`
	TurnID      string `json:"turn_id"`
	ItemID      string `json:"item_id"`
	OutputIndex int    `json:"output_index"`
}

// PartEvent tells of a part of a message.
type PartEvent struct {
	PlaceHead
	ContentIndex int        `json:"content_index"`
	Part         OutputText `json:"part"`
}

// TextDeltaEvent adds to a part of a message.
type TextDeltaEvent struct {
	PlaceHead
	ContentIndex int    `json:"content_index"`
	Delta        string `json:"delta"`
}

// TextDoneEvent has the whole text of a part of a message.
type TextDoneEvent struct {
	PlaceHead
	ContentIndex int    `json:"content_index"`
	Text         string `json:"text"`
}

// SummaryPartEvent tells of a piece of a summary that begins.
type SummaryPartEvent struct {
	PlaceHead
	SummaryIndex int         `json:"summary_index"`
	Part         SummaryText `json:"part"`
}

// SummaryPartDoneEvent has a whole piece of a summary.
type SummaryPartDoneEvent struct {
	SummaryPartEvent
	// Status is nil, or "incomplete".
	Status *string `json:"status"`
}

// SummaryDeltaEvent adds to a piece of a summary.
type SummaryDeltaEvent struct {
	PlaceHead
	SummaryIndex int    `json:"summary_index"`
	Delta        string `json:"delta"`
}

// SummaryTextEvent has the whole text of a piece of a summary.
type SummaryTextEvent struct {
	PlaceHead
	SummaryIndex int    `json:"summary_index"`
	Text         string `json:"text"`
}

// SubagentEvent tells of a subagent.
type SubagentEvent struct {
	EventHead
	Subagent Subagent `json:"subagent"`
}

// EnvironmentEvent tells of a session's environment.
type EnvironmentEvent struct {
	EventHead
	SessionID   string           `json:"session_id"`
	TurnID      *string          `json:"turn_id"`
	Environment EnvironmentState `json:"environment"`
}

// ErrorEvent tells of something that went wrong with the stream itself.
type ErrorEvent struct {
	EventHead
	SessionID string      `json:"session_id"`
	Error     StreamError `json:"error"`
}

// StreamError is what went wrong.
type StreamError struct {
	Type    string  `json:"type"`
	Message string  `json:"message"`
	Code    *string `json:"code"`
	Param   *string `json:"param"`
}
