package responses

import (
	"io"
	"net/http"

	"github.com/craton-ai/craton/internal/model"
)

// Options are the members of a create request that an edge acts upon and a
// model does not see. Pointers are nil when the client did not say.
type Options struct {
	// Store defaults to true.
	Store *bool
	// PreviousResponseID and Conversation continue a stored chain; at most one is set.
	PreviousResponseID string
	Conversation       string
	Background         bool
	Stream             bool
	// IncludeObfuscation is stream_options.include_obfuscation.
	IncludeObfuscation *bool
	// Instructions is the text of instructions when it was a string; the same
	// text leads Request.Messages as a Transient developer message.
	Instructions *string
	// RawInstructions is instructions as the client sent it, for the response object; nil when absent.
	RawInstructions []byte
	Include         []string
	Truncation      string
	Metadata        map[string]string
	MaxToolCalls    *int
	// Prompt, ContextManagement and Moderation are kept raw; nil when absent.
	Prompt            []byte
	ContextManagement []byte
	Moderation        []byte
	SafetyIdentifier  string
	// CacheRetention is prompt_cache_retention, CacheOptions prompt_cache_options raw.
	CacheRetention string
	CacheOptions   []byte
	// Generate is false for a WebSocket warm-up only.
	Generate *bool
	// StreamID is the WebSocket lane.
	StreamID string
	// Tools and ToolChoice are the raw members, for the response object; nil when absent.
	Tools      []byte
	ToolChoice []byte
}

// Stored reports whether the response is to be kept: Store, or true when not said.
func (o *Options) Stored() bool { return o == nil || o.Store == nil || *o.Store }

// Included reports whether include lists what.
func (o *Options) Included(what string) bool {
	if o == nil {
		return false
	}
	for _, have := range o.Include {
		if have == what {
			return true
		}
	}
	return false
}

// Resolver returns the stored item that an item_reference names, as raw JSON;
// it answers an *model.Error of kind NotFound for an unknown id.
type Resolver func(id string) ([]byte, error)

// DecodeRequest reads the body of POST /v1/responses (or a WebSocket
// response.create). resolve may be nil: item references are then refused.
func DecodeRequest(body []byte, resolve Resolver) (*model.Request, *Options, error) {
	return nil, nil, errUnbuilt
}

// EncodeRequest writes the body of POST /v1/responses for an upstream. opts
// may be nil; store is then false, since Craton keeps the state itself.
func EncodeRequest(req *model.Request, opts *Options) ([]byte, []model.Loss, error) {
	return nil, nil, errUnbuilt
}

// DecodeItems reads a JSON array of input or output items. Consecutive items
// of the assistant become one message, consecutive tool outputs one user message.
func DecodeItems(raw []byte, resolve Resolver) ([]model.Message, error) { return nil, errUnbuilt }

// EncodeItems writes messages as a JSON array of items, the inverse of
// DecodeItems. Items without an id get none; see AssignIDs.
func EncodeItems(msgs []model.Message) ([]byte, []model.Loss, error) { return nil, nil, errUnbuilt }

// SplitItems returns each item of a JSON array of items.
func SplitItems(raw []byte) ([][]byte, error) { return nil, errUnbuilt }

// ItemID returns an item's id, empty when it has none.
func ItemID(item []byte) string { return "" }

// WithItemID returns an item with its id set.
func WithItemID(item []byte, id string) []byte { return item }

// ResponseOptions says what an answer's encoder cannot know from the hub.
type ResponseOptions struct {
	// ID is the response's id, "resp_…"; required.
	ID string
	// Created is created_at, in Unix seconds; Completed is completed_at, used
	// by EncodeResponse and 0 for an answer that is not complete.
	Created, Completed int64
	// Model is the model name shown; empty means the answer's own.
	Model string
	// Request and Options are echoed in the response object; either may be nil.
	Request *model.Request
	Options *Options
	// Status overrides the status that the answer's stop reason gives, such as
	// "queued", "in_progress", "failed" or "cancelled"; usually empty.
	Status string
	// Error fills error when Status is "failed".
	Error *model.Error
	// ItemID makes the id of output item n of a kind ("msg", "rs", "fc", "ctc",
	// …); nil derives ids from ID, so that equal answers have equal ids.
	ItemID func(kind string, n int) string
	// NoDone leaves out "data: [DONE]", Bare leaves out SSE framing: events
	// are then JSON texts each ended by a newline (WebSocket).
	NoDone, Bare bool
}

// EncodeResponse writes a response object. r may be nil for one without output yet.
func EncodeResponse(r *model.Response, opts ResponseOptions) ([]byte, []model.Loss, error) {
	return nil, nil, errUnbuilt
}

// Encoder writes a streamed answer as server-sent events with dense sequence
// numbers from 0. It is not safe for concurrent use.
type Encoder struct{ opts ResponseOptions }

// NewEncoder returns an Encoder.
func NewEncoder(opts ResponseOptions) *Encoder { return &Encoder{opts: opts} }

// Start appends response.created and response.in_progress. Append does it if the caller did not.
func (e *Encoder) Start(dst []byte) []byte { return dst }

// Append appends the frames for one event.
func (e *Encoder) Append(dst []byte, ev model.Event) ([]byte, error) { return dst, errUnbuilt }

// AppendError closes open items as incomplete and appends error and response.failed.
func (e *Encoder) AppendError(dst []byte, err *model.Error) []byte { return dst }

// Finish appends response.completed or response.incomplete, and data: [DONE].
// completed is completed_at in Unix seconds.
func (e *Encoder) Finish(dst []byte, completed int64) []byte { return dst }

// Response returns the response object as last sent; valid until the next call.
func (e *Encoder) Response() []byte { return nil }

// Next is the sequence number the next event will have.
func (e *Encoder) Next() int64 { return 0 }

// DecodeEvents reads an upstream's stream. Closing the stream closes r.
func DecodeEvents(r io.ReadCloser) model.Stream { return model.Events() }

// DecodeResponse reads an upstream's response object.
func DecodeResponse(body []byte) (*model.Response, error) { return nil, errUnbuilt }

// DecodeError reads an upstream's error answer of any shape.
func DecodeError(status int, header http.Header, body []byte) *model.Error { return errUnbuilt }

// EncodeError returns the status and body for an error.
func EncodeError(e *model.Error) (status int, body []byte) { return 500, nil }

var errUnbuilt = model.Errorf(model.Unsupported, "", "This part of the codec is not built yet.")
