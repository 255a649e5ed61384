package model

import (
	"encoding/json"
	"strings"
)

// Role says who speaks. Tool results are parts of user messages.
type Role string

// The roles of the hub.
const (
	RoleSystem    Role = "system"
	RoleDeveloper Role = "developer"
	RoleUser      Role = "user"
	RoleAssistant Role = "assistant"
)

// Message is one turn's worth of content by one speaker. System messages may
// stand anywhere; a dialect with a separate system field maps the leading ones
// to it and reports later ones as a Loss.
type Message struct {
	Role Role
	// Name is OpenAI's participant name; usually empty.
	Name  string
	Parts []Part
	// ID and Status are the dialect's item id and status (OpenAI Responses); usually empty.
	ID     string
	Status string
	// Transient marks a message that counts for this request only and is not
	// carried over when a later request continues the conversation (OpenAI
	// Responses instructions).
	Transient bool
}

// UserText returns a user message of one text part.
func UserText(text string) Message {
	return Message{Role: RoleUser, Parts: []Part{&Text{Text: text}}}
}

// AssistantText returns an assistant message of one text part.
func AssistantText(text string) Message {
	return Message{Role: RoleAssistant, Parts: []Part{&Text{Text: text}}}
}

// SystemText returns a system message of one text part.
func SystemText(text string) Message {
	return Message{Role: RoleSystem, Parts: []Part{&Text{Text: text}}}
}

// Text joins the message's text parts, without separators.
func (m Message) Text() string {
	var b strings.Builder
	for _, p := range m.Parts {
		if t, ok := p.(*Text); ok {
			b.WriteString(t.Text)
		}
	}
	return b.String()
}

// ToolCalls lists the message's tool calls, in order.
func (m Message) ToolCalls() []*ToolCall {
	var calls []*ToolCall
	for _, p := range m.Parts {
		if c, ok := p.(*ToolCall); ok {
			calls = append(calls, c)
		}
	}
	return calls
}

// Tool is something the model may call.
type Tool struct {
	Name        string
	Description string
	// Schema is the JSON Schema (an object schema) of the arguments; nil means
	// an object without properties.
	Schema []byte
	// Strict asks that arguments obey Schema exactly; nil means the dialect's default.
	Strict *bool
	// Custom marks a free-text tool; Format is its grammar as raw JSON of OpenAI's dialect.
	Custom bool
	Format []byte
	// Cache marks a cache point after this tool.
	Cache *CachePoint
	// Opaque holds a tool the hub does not model (a vendor's server tool); the
	// other fields are then empty but for Name where known.
	Opaque *Opaque
	// Extra holds members of the tool the hub does not model, as one JSON object; usually nil.
	Extra *Opaque
}

// Title is what to call the tool in a message to people: its name, or the type
// of a vendor's own that has none.
func (t *Tool) Title() string {
	if t.Name != "" || t.Opaque == nil {
		return t.Name
	}
	var own struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(t.Opaque.Raw, &own) != nil || own.Type == "" || len(own.Type) > 64 {
		return "without a name"
	}
	return own.Type
}

// ChoiceMode says how free the model is to call tools.
type ChoiceMode string

// The modes of ToolChoice. The zero value leaves the choice to the vendor's default.
const (
	ChoiceDefault  ChoiceMode = ""
	ChoiceAuto     ChoiceMode = "auto"
	ChoiceNone     ChoiceMode = "none"
	ChoiceRequired ChoiceMode = "required"
	ChoiceNamed    ChoiceMode = "named"
)

// ToolChoice constrains tool calling.
type ToolChoice struct {
	Mode ChoiceMode
	// Name is the tool for ChoiceNamed.
	Name string
	// Allowed narrows ChoiceAuto or ChoiceRequired to these tools; empty means all.
	Allowed []string
}

// FormatKind says what form the answer's text takes.
type FormatKind string

// The forms an answer's text may be asked to take.
const (
	FormatText   FormatKind = "text"
	FormatJSON   FormatKind = "json_object"
	FormatSchema FormatKind = "json_schema"
)

// Format asks for structured output.
type Format struct {
	Kind        FormatKind
	Name        string
	Description string
	// Schema is the JSON Schema for FormatSchema.
	Schema []byte
	Strict *bool
}

// ReasoningConfig asks for, or bounds, a model's thinking.
type ReasoningConfig struct {
	// Effort is "none", "minimal", "low", "medium", "high", "xhigh", "max" or empty.
	Effort string
	// BudgetTokens bounds thinking explicitly (Anthropic); 0 means not given.
	BudgetTokens int
	// Mode is "enabled", "disabled", "adaptive" or empty where the dialect has no switch.
	Mode string
	// Summary is "auto", "concise", "detailed" or empty (OpenAI Responses).
	Summary string
	// Encrypted asks for the encrypted thinking to be returned (OpenAI Responses).
	Encrypted bool
	// Display is Anthropic's "summarized" or "omitted"; empty for its default.
	Display string
}

// GuardrailConfig applies a Bedrock guardrail to the call.
type GuardrailConfig struct {
	ID, Version string
	// Trace is "enabled", "disabled", "enabled_full" or empty.
	Trace string
	// Mode is "sync", "async" or empty (streams only).
	Mode string
}

// AudioOutput asks for spoken answers.
type AudioOutput struct{ Voice, Format string }

// Request is one call of a model, independent of any dialect. Pointers are nil
// when the client left the choice to the vendor.
type Request struct {
	// Model is the name as the client gave it; routing replaces it with the
	// upstream's own name before a Provider sees the request.
	Model    string
	Messages []Message

	Tools         []Tool
	ToolChoice    ToolChoice
	ParallelTools *bool

	// MaxTokens bounds the answer, thinking included.
	MaxTokens        *int
	Temperature      *float64
	TopP             *float64
	TopK             *int
	MinP             *float64
	Seed             *int64
	Stop             []string
	PresencePenalty  *float64
	FrequencyPenalty *float64
	// LogitBias maps token ids to biases in -100..100.
	LogitBias map[string]float64
	// N is the number of answers wanted; 0 means 1.
	N int
	// Logprobs asks for token log probabilities with TopLogprobs (0..20) alternatives each.
	Logprobs    bool
	TopLogprobs *int

	Format    *Format
	Reasoning *ReasoningConfig
	Verbosity string
	// Modalities lists wanted output modalities; empty means text.
	Modalities []string
	AudioOut   *AudioOutput
	Guardrail  *GuardrailConfig

	// ServiceTier is the dialect-independent tier: "auto", "default", "flex",
	// "priority", "reserved" or empty.
	ServiceTier string
	// Latency is Bedrock's performanceConfig: "standard", "optimized" or empty.
	Latency string
	// Metadata is for logs and billing, not for the model.
	Metadata map[string]string
	// User is an end-user id for abuse detection.
	User     string
	CacheKey string
	// Store and PromptVariables and the like that only an edge acts upon are
	// not here: the edge keeps them.

	// OutputLimit is the longest answer the model can give, by its card; 0 when
	// unknown. A dialect that requires a bound takes it where MaxTokens is nil.
	OutputLimit int
	// Hops lists the servers the request passed through before this one, as its
	// loop header told; providers send it on with their own server's id added.
	Hops []string

	// Stream says that the client wants the answer as it is made. A Provider
	// may use it to choose the upstream call; it answers with a Stream either way.
	Stream bool
	// Extra holds the members of the request the hub does not model, as one
	// JSON object of Extra.Dialect; nil when there are none.
	Extra *Opaque
	// ResponsePaths are the JSON pointers of native response fields wanted
	// (Bedrock additionalModelResponseFieldPaths).
	ResponsePaths []string
}

// Severity says how much a Loss matters.
type Severity int

const (
	// LossMinor changes no answer: hints, metadata, caching. It is reported to
	// the client in a response header, and refused only in strict mode.
	LossMinor Severity = iota
	// LossMajor would change the answer's meaning. The request is refused
	// before the upstream is called.
	LossMajor
)

// Loss is something an encoder's dialect cannot express.
type Loss struct {
	// Path is where it stands in the hub request, such as "messages.2.parts.0" or "seed".
	Path string
	// What says what is lost, for the person who sent it.
	What     string
	Severity Severity
}
