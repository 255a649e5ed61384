package model

// EventKind tells events apart.
type EventKind uint8

// The kinds of Event, in the order they occur: one EventStart, then for each
// part of each choice PartStart, Delta*, PartStop, then per choice one
// EventStop, then one EventUsage. Parts of one choice do not interleave except
// tool calls, which some upstreams do interleave.
const (
	// EventStart carries ID and Model. It comes first, once.
	EventStart EventKind = iota + 1
	// EventPartStart opens part Index of Choice. Part is what is known already:
	// a ToolCall has ID and Name, an Image may be complete.
	EventPartStart
	// EventDelta extends the open part Index: Text is appended to a Text's,
	// Refusal's or Reasoning's text, to a ToolCall's arguments, or to an
	// Audio's transcript; Data to an Audio's data or a Reasoning's redacted
	// bytes; Signature to a Reasoning's signature; Citation is added to a Text.
	EventDelta
	// EventPartStop closes part Index.
	EventPartStop
	// EventStop ends Choice, with Stop and perhaps StopSequence.
	EventStop
	// EventUsage carries Usage. Later ones replace earlier ones.
	EventUsage
	// EventPing keeps a connection alive and means nothing.
	EventPing
	// EventOpaque is a dialect's own event, replayed only to that dialect.
	EventOpaque
)

// Event is one step of an answer. Fields not named by the Kind's comment are zero.
type Event struct {
	Kind   EventKind
	Choice int
	Index  int

	ID    string
	Model string
	// Created is the upstream's creation time in Unix seconds; 0 when not told.
	Created int64

	Part      Part
	Text      string
	Data      []byte
	Signature string
	Citation  *Citation
	Logprobs  []TokenLogprob

	Stop         StopReason
	StopSequence string
	Usage        *Usage
	Opaque       *Opaque
}

// StopReason says why an answer ended.
type StopReason string

// The reasons an answer ends, named as Bedrock names them where it does.
const (
	StopEnd              StopReason = "end_turn"
	StopToolUse          StopReason = "tool_use"
	StopMaxTokens        StopReason = "max_tokens"
	StopSequence         StopReason = "stop_sequence"
	StopGuardrail        StopReason = "guardrail_intervened"
	StopContentFilter    StopReason = "content_filtered"
	StopMalformedOutput  StopReason = "malformed_model_output"
	StopMalformedToolUse StopReason = "malformed_tool_use"
	StopContextWindow    StopReason = "model_context_window_exceeded"
	StopRefusal          StopReason = "refusal"
	StopPause            StopReason = "pause_turn"
)

// TokenLogprob is a generated token with its log probability.
type TokenLogprob struct {
	Token   string
	Logprob float64
	// Bytes is the token's UTF-8; nil when not told.
	Bytes []byte
	Top   []TokenLogprob
}

// Usage counts tokens by kind. Input excludes cached tokens, so that what was
// read in all is Input+CacheRead+CacheWrite5m+CacheWrite1h. Output includes
// Reasoning and AudioOutput, Input includes AudioInput.
type Usage struct {
	Input        int64
	CacheRead    int64
	CacheWrite5m int64
	CacheWrite1h int64
	Output       int64
	Reasoning    int64
	AudioInput   int64
	AudioOutput  int64
	// ServiceTier is the tier the upstream used; empty when not told.
	ServiceTier string
	// Estimated marks counts made by Craton because the upstream told none.
	Estimated bool
	// Absent marks an answer whose upstream told no usage and that was not estimated.
	Absent bool
}

// InputTotal is every token read: fresh, cached and written to a cache.
func (u Usage) InputTotal() int64 { return u.Input + u.CacheRead + u.CacheWrite5m + u.CacheWrite1h }

// Total is every token read or made.
func (u Usage) Total() int64 { return u.InputTotal() + u.Output }

// Choice is one finished answer.
type Choice struct {
	Message      Message
	Stop         StopReason
	StopSequence string
	Logprobs     []TokenLogprob
}

// Response is a whole answer, as Collect makes it from a Stream.
type Response struct {
	ID      string
	Model   string
	Created int64
	Choices []Choice
	Usage   Usage
	// Extra holds members of the response the hub does not model.
	Extra *Opaque
}
