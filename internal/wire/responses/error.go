package responses

import (
	"net/http"
	"strings"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/openai"
	"github.com/craton-ai/craton/internal/wire/raw"
)

// EncodeError returns the status and body for an error. Responses share
// OpenAI's one envelope and its table from kind to status; what models are told
// as messages is the request's input here.
func EncodeError(e *model.Error) (status int, body []byte) { return openai.EncodeError(ofInput(e)) }

// ofInput is an error about messages, of which clients of this contract know
// nothing, as one about the input.
func ofInput(e *model.Error) *model.Error {
	if head, _, _ := strings.Cut(e.Subject, "."); head != "messages" && e.Kind != model.ContextLength {
		return e
	}
	other := *e
	other.Subject = "input"
	return &other
}

// DecodeError reads an upstream's error answer of any shape; status is 0 for
// an error inside a stream.
func DecodeError(status int, header http.Header, body []byte) *model.Error {
	return openai.DecodeError(status, header, body)
}

// failureCode is the code of a failed response, of the contract's closed list.
func failureCode(e *model.Error) string {
	switch e.Kind {
	case model.RateLimited, model.Overloaded, model.BudgetExceeded:
		return "rate_limit_exceeded"
	case model.Invalid, model.Unsupported, model.ContextLength, model.ContentFiltered:
		return "invalid_prompt"
	}
	return "server_error"
}

// failed reads the error of a failed response or of an error event, which is
// flat in the contract and nested at some servers.
func failed(v raw.Value) *model.Error {
	if inner := v.Get("error"); inner.IsObject() {
		v = inner
	}
	var b raw.Builder
	b.Open('{')
	b.Key("error")
	b.Open('{')
	for _, name := range []string{"message", "type", "code", "param"} {
		if s := v.Get(name); s.IsString() && (name != "type" || s.Text() != "error") {
			b.Str(name, s.Text())
		}
	}
	b.Close('}')
	b.Close('}')
	e := openai.DecodeError(0, nil, b.Bytes)
	switch v.Get("code").Text() {
	case "rate_limit_exceeded":
		e.Kind = model.RateLimited
	case "invalid_prompt":
		e.Kind = model.Invalid
	case "server_error":
		e.Kind = model.UpstreamDown
	}
	return e
}

// EncodeSocketError writes the frame a WebSocket client gets for a request
// that was refused before a response came to be. streamID is the lane, and may be empty.
func EncodeSocketError(e *model.Error, streamID string) []byte {
	status, body := EncodeError(e)
	var b raw.Builder
	b.Open('{')
	b.Str("type", "error")
	b.Num("status", int64(status))
	b.Merge(body, nil)
	b.StrIf("stream_id", streamID)
	b.Close('}')
	return b.Bytes
}
