package anthropic

import (
	"io"
	"net/http"

	"github.com/craton-ai/craton/internal/model"
)

// DefaultMaxTokens is what EncodeRequest sends when neither the request nor
// its options bound the answer: the dialect requires a bound.
const DefaultMaxTokens = 4096

// RequestOptions says what EncodeRequest cannot know from the hub request.
type RequestOptions struct {
	// DefaultMaxTokens is used when the request has no MaxTokens; 0 means the
	// package's DefaultMaxTokens. Providers pass the model card's MaxOutputTokens.
	DefaultMaxTokens int
	// InvokeVersion, such as "bedrock-2023-05-31", makes the body one for
	// Bedrock's InvokeModel: anthropic_version is added, model and stream left out.
	InvokeVersion string
}

// ResponseOptions says what an answer's encoder cannot know from the hub.
type ResponseOptions struct {
	// ID is the message id shown, such as "msg_…"; empty means the answer's own.
	ID string
	// Model is the model name shown; empty means the answer's own.
	Model string
	// RequestID goes into errors after the first byte; may be empty.
	RequestID string
}

// Head is what routing needs to know of a request body.
type Head struct {
	Model     string
	Stream    bool
	MaxTokens int
}

// DecodeRequest reads the body of POST /v1/messages.
func DecodeRequest(body []byte) (*model.Request, error) { return nil, errUnbuilt }

// DecodeCountRequest reads the body of POST /v1/messages/count_tokens, where max_tokens is absent.
func DecodeCountRequest(body []byte) (*model.Request, error) { return nil, errUnbuilt }

// DecodeInvoke reads a Bedrock InvokeModel body of this dialect, which names
// neither the model nor whether to stream.
func DecodeInvoke(body []byte, name string, stream bool) (*model.Request, error) {
	return nil, errUnbuilt
}

// EncodeRequest writes the body of POST /v1/messages.
func EncodeRequest(req *model.Request, opts RequestOptions) ([]byte, []model.Loss, error) {
	return nil, nil, errUnbuilt
}

// EncodeCountRequest writes the body of POST /v1/messages/count_tokens.
func EncodeCountRequest(req *model.Request) ([]byte, []model.Loss, error) {
	return nil, nil, errUnbuilt
}

// EncodeResponse writes a non-streamed answer.
func EncodeResponse(r *model.Response, opts ResponseOptions) ([]byte, []model.Loss, error) {
	return nil, nil, errUnbuilt
}

// Encoder writes a streamed answer as server-sent events. It is not safe for concurrent use.
type Encoder struct{ opts ResponseOptions }

// NewEncoder returns an Encoder.
func NewEncoder(opts ResponseOptions) *Encoder { return &Encoder{opts: opts} }

// Append appends the frames for one event; it may hold events back until the next.
func (e *Encoder) Append(dst []byte, ev model.Event) ([]byte, error) { return dst, errUnbuilt }

// AppendError appends the dialect's error event; nothing may follow it.
func (e *Encoder) AppendError(dst []byte, err *model.Error) []byte { return dst }

// Finish appends message_delta and message_stop.
func (e *Encoder) Finish(dst []byte) []byte { return dst }

// DecodeEvents reads an upstream's stream. Closing the stream closes r.
func DecodeEvents(r io.ReadCloser) model.Stream { return model.Events() }

// DecodeResponse reads an upstream's non-streamed answer.
func DecodeResponse(body []byte) (*model.Response, error) { return nil, errUnbuilt }

// DecodeError reads an upstream's error answer of any shape.
func DecodeError(status int, header http.Header, body []byte) *model.Error { return errUnbuilt }

// EncodeError returns the status and body for an error; requestID may be empty.
func EncodeError(e *model.Error, requestID string) (status int, body []byte) { return 500, nil }

// EncodeCount writes the answer of count_tokens.
func EncodeCount(tokens int64) []byte { return nil }

// DecodeCount reads an upstream's answer of count_tokens.
func DecodeCount(body []byte) (int64, error) { return 0, errUnbuilt }

// EncodeModel writes the answer of GET /v1/models/{id}.
func EncodeModel(card *model.Card) []byte { return nil }

// EncodeModels writes a page of GET /v1/models.
func EncodeModels(cards []model.Card, hasMore bool) []byte { return nil }

// DecodeModels reads a page of an upstream's GET /v1/models; more says that another page follows.
func DecodeModels(body []byte) (cards []model.Card, more bool, err error) {
	return nil, false, errUnbuilt
}

// Peek reads model, stream and max_tokens off a request body without decoding the rest.
func Peek(body []byte) (Head, error) { return Head{}, errUnbuilt }

// RewriteModel returns body with its model replaced; body is not modified.
func RewriteModel(body []byte, name string) ([]byte, error) { return nil, errUnbuilt }

// UsageScanner reads usage off a passing stream; bytes may be split anywhere.
// The zero value is ready. It is not safe for concurrent use.
type UsageScanner struct{}

// Write scans p. It never fails.
func (s *UsageScanner) Write(p []byte) (int, error) { return len(p), nil }

// Usage returns what was seen so far and whether anything was.
func (s *UsageScanner) Usage() (model.Usage, bool) { return model.Usage{}, false }

// ResponseUsage reads the usage of a whole non-streamed answer.
func ResponseUsage(body []byte) (model.Usage, bool) { return model.Usage{}, false }

var errUnbuilt = model.Errorf(model.Unsupported, "", "This part of the codec is not built yet.")
