package edge

import (
	"net/http"
	"strconv"
	"time"

	"github.com/craton-ai/craton/internal/guard/limit"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/anthropic"
	"github.com/craton-ai/craton/internal/wire/openai"
	"github.com/craton-ai/craton/internal/wire/responses"
)

// dialect is what differs between contracts in how an answer is labelled.
type dialect struct {
	name model.Dialect
	// requestID is the header that carries the request's id.
	requestID string
	// rates writes the headers that tell what is left of the caller's limits; nil for none.
	rates func(h http.Header, s limit.State, now time.Time)
	// contentType is that of error bodies; empty means JSON.
	contentType string
	// encodeError is the contract's error body and status. Headers it needs are set on h.
	encodeError func(h http.Header, id string, err *model.Error) (status int, body []byte)
}

var openAI = &dialect{
	name: model.DialectOpenAIChat, requestID: "X-Request-Id", rates: openAIRates,
	encodeError: func(h http.Header, _ string, err *model.Error) (int, []byte) {
		finalConflict(h, err)
		return openai.EncodeError(err)
	},
}

// finalConflict tells the SDKs, which retry every 409 unless told not to, that
// a conflict stays one.
func finalConflict(h http.Header, err *model.Error) {
	if !err.Retryable() && err.Kind == model.Conflict {
		h.Set("X-Should-Retry", "false")
	}
}

// responsesAPI is openAI under its own name, by which requests are routed and
// metered, and with its own words for what errors are about.
var responsesAPI = &dialect{
	name: model.DialectOpenAIResponses, requestID: openAI.requestID, rates: openAIRates,
	encodeError: func(h http.Header, _ string, err *model.Error) (int, []byte) {
		finalConflict(h, err)
		return responses.EncodeError(err)
	},
}

// What is no model's dialect answers as OpenAI's does, under a name of its own
// in the access log.
var (
	filesAPI = openAI.named("openai.files")
	adminAPI = openAI.named("admin")
)

// named is d under another name.
func (d *dialect) named(name model.Dialect) *dialect {
	other := *d
	other.name = name
	return &other
}

var anthropicAPI = &dialect{
	name: model.DialectAnthropic, requestID: "Request-Id", rates: anthropicRates,
	encodeError: func(_ http.Header, id string, err *model.Error) (int, []byte) {
		return anthropic.EncodeError(err, id)
	},
}

// writeError answers with err in the dialect's shape. status 0 takes the
// dialect's own for err's kind.
func (d *dialect) writeError(w http.ResponseWriter, id string, err *model.Error, status int) int {
	header := w.Header()
	own, body := d.encodeError(header, id, err)
	if status == 0 {
		status = own
	}
	header.Set("Content-Type", "application/json")
	if d.contentType != "" {
		header.Set("Content-Type", d.contentType)
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	if s := err.RetryAfter; s > 0 {
		seconds := int64((s + 999_999_999) / 1_000_000_000)
		header.Set("Retry-After", strconv.FormatInt(seconds, 10))
		header.Set("Retry-After-Ms", strconv.FormatInt(s.Milliseconds(), 10))
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may be gone; there is nobody left to tell
	return status
}
