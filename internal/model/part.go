package model

// Dialect names a wire contract. A dialect owns at most four pure functions in
// its wire package; everything else in Craton speaks the hub.
type Dialect string

// The dialects Craton serves or speaks to upstreams.
const (
	// DialectOpenAIChat is OpenAI Chat Completions.
	DialectOpenAIChat Dialect = "openai.chat"
	// DialectOpenAIResponses is OpenAI Responses.
	DialectOpenAIResponses Dialect = "openai.responses"
	// DialectOpenAIAgents is OpenAI's Agents API and Amazon's Managed Agents.
	DialectOpenAIAgents Dialect = "openai.agents"
	// DialectAnthropic is Anthropic Messages.
	DialectAnthropic Dialect = "anthropic.messages"
	// DialectConverse is Amazon Bedrock Runtime Converse and ConverseStream.
	DialectConverse Dialect = "bedrock.converse"
	// DialectInvoke is Amazon Bedrock Runtime InvokeModel with a vendor's native body.
	DialectInvoke Dialect = "bedrock.invoke"
)

// Part is one piece of a message's content. The set is closed: Text, Refusal,
// Reasoning, Image, Audio, Video, Document, SearchResult, ToolCall, ToolResult,
// ToolChange, Structured, Guard, CachePoint and Opaque. Parts are passed as
// pointers; a part is not modified after it was put into a message.
type Part interface{ part() }

// Text is plain text, with the citations that support it, if any.
type Text struct {
	Text      string
	Citations []Citation
	// ItemID is the id of the message item this text stands in, and Phase that
	// item's phase, "commentary" or "final_answer" (OpenAI Responses, where one
	// answer may hold several message items); usually empty.
	ItemID string
	Phase  string
}

// Refusal is the model's stated refusal, which some dialects keep apart from text.
type Refusal struct {
	Text string
	// ItemID is as a Text's.
	ItemID string
}

// Reasoning is a model's thinking. Signature and Redacted are opaque proofs
// that must return unmodified to the vendor that made them, in the same turn
// as the tool results they led to.
type Reasoning struct {
	// ID is the vendor's item id; empty where the dialect has none.
	ID string
	// Text is the readable thinking; empty when redacted.
	Text string
	// Summary says that Text is a summary written by the vendor, not raw thinking.
	Summary bool
	// Signature authenticates Text to its vendor (Anthropic, Bedrock) or holds
	// the encrypted thinking (OpenAI Responses encrypted_content).
	Signature string
	// Redacted is thinking the vendor encrypted; nil when Text is present.
	Redacted []byte
}

// Source says where a medium's bytes are. Exactly one of Data, URL, FileID or
// Text is set; Text only for documents given as plain text.
type Source struct {
	// MIME is the media type, such as "image/png"; empty when unknown (a URL).
	MIME string
	// Data is the decoded content.
	Data []byte
	// URL is an https: or s3: address. It is fetched, if at all, through egress.
	URL string
	// BucketOwner is the 12-digit account of an s3: URL's owner; usually empty.
	BucketOwner string
	// FileID names an uploaded file.
	FileID string
	// Text is the content of a plain-text document.
	Text string
}

// Image is a picture. Detail is OpenAI's "low", "high", "auto" or empty.
type Image struct {
	Source Source
	Detail string
}

// Audio is recorded sound. In an answer ID names it for a later turn,
// Transcript is what is said, and ExpiresAt (Unix seconds, 0 = never) bounds ID.
type Audio struct {
	Source     Source
	ID         string
	Transcript string
	ExpiresAt  int64
}

// Video is a film clip.
type Video struct{ Source Source }

// Document is a file for the model to read.
type Document struct {
	Source Source
	// Name is the file name or Bedrock document name, without meaning to the model.
	Name string
	// Title and Context are what Anthropic shows beside the content.
	Title   string
	Context string
	// Content replaces Source when the document is given as parts (text, images).
	Content []Part
	// Citations asks the model to cite this document.
	Citations bool
}

// SearchResult is a retrieved passage offered to the model with its origin.
type SearchResult struct {
	Source    string
	Title     string
	Content   []Part
	Citations bool
}

// ToolCall is the model's wish to call a tool.
type ToolCall struct {
	// ID pairs the call with its ToolResult; unique in the conversation.
	ID string
	// ItemID is the dialect's own id of the item, where it differs from ID (OpenAI Responses).
	ItemID string
	Name   string
	// Arguments is the text the model produced: a JSON object for function
	// tools (possibly invalid when the model erred), free text when Custom.
	Arguments string
	// Custom marks a free-text tool (OpenAI custom tools).
	Custom bool
	// Server marks a tool the upstream runs itself (web search and the like);
	// its result arrives in the same answer.
	Server bool
	// Extra holds members of the call the hub does not model, as one JSON object; usually nil.
	Extra *Opaque
}

// ToolResult is the outcome of a ToolCall. It lives in user messages; a
// dialect with a tool role splits or merges messages accordingly.
type ToolResult struct {
	CallID  string
	Content []Part
	// Error marks a failed call.
	Error bool
	// Custom marks the result of a free-text tool.
	Custom bool
	// Server marks the result of a tool the upstream ran itself.
	Server bool
	// ItemID is the dialect's own id of the item (OpenAI Responses); usually empty.
	ItemID string
	// Extra holds members of the result the hub does not model, as one JSON object; usually nil.
	Extra *Opaque
}

// ToolChange adds or removes a tool in mid-conversation (Bedrock toolAddition
// and toolRemoval). Exactly one of Add and Remove is set.
type ToolChange struct {
	Add    *Tool
	Remove string
}

// Structured is a JSON value inside a tool result (Bedrock's json block).
type Structured struct{ JSON []byte }

// Guard is content marked for guardrail evaluation (Bedrock guardContent).
// Qualifiers are "grounding_source", "query" or "guard_content".
type Guard struct {
	Text       string
	Image      *Source
	Qualifiers []string
}

// CachePoint marks the end of a prefix the vendor may cache. In Anthropic's
// dialect it is the cache_control of the part before it. TTL is "5m", "1h" or
// empty for the vendor's default.
type CachePoint struct{ TTL string }

// Opaque is a part the hub does not model, as raw JSON of its dialect. An
// encoder of another dialect reports it as a Loss.
type Opaque struct {
	Dialect Dialect
	Raw     []byte
}

// Citation ties generated text to its source.
type Citation struct {
	// Kind is "char", "page", "chunk", "search_result" or "web".
	Kind  string
	Title string
	// Source is a URL or a search result's source.
	Source string
	// CitedText is the quoted passage.
	CitedText string
	// Document is the index of the cited document or search result in the request, counted from 0.
	Document int
	// FileID names the cited file, where the vendor tells.
	FileID string
	// Start and End bound the passage in units of Kind, End exclusive.
	Start, End int
	// TextStart and TextEnd bound the citing characters in the answer's text
	// (OpenAI url_citation); both 0 when the dialect does not tell.
	TextStart, TextEnd int
	// Raw is the dialect's own form where the fields above lose something.
	Raw *Opaque
}

func (*Text) part()         {}
func (*Refusal) part()      {}
func (*Reasoning) part()    {}
func (*Image) part()        {}
func (*Audio) part()        {}
func (*Video) part()        {}
func (*Document) part()     {}
func (*SearchResult) part() {}
func (*ToolCall) part()     {}
func (*ToolResult) part()   {}
func (*ToolChange) part()   {}
func (*Structured) part()   {}
func (*Guard) part()        {}
func (*CachePoint) part()   {}
func (*Opaque) part()       {}
