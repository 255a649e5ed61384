package anthropic

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/raw"
)

// errorForm is the status and type an error kind has in the dialect.
type errorForm struct {
	status int
	kind   string
}

// forms is the dialect's one table from kind to status and type
// (https://docs.anthropic.com/en/api/errors).
var forms = map[model.Kind]errorForm{
	model.Internal:        {500, "api_error"},
	model.Invalid:         {400, "invalid_request_error"},
	model.Unsupported:     {400, "invalid_request_error"},
	model.Unauthenticated: {401, "authentication_error"},
	model.Forbidden:       {403, "permission_error"},
	model.NotFound:        {404, "not_found_error"},
	model.ModelNotFound:   {404, "not_found_error"},
	model.Conflict:        {409, "conflict_error"},
	model.TooLarge:        {413, "request_too_large"},
	model.ContextLength:   {400, "invalid_request_error"},
	model.RateLimited:     {429, "rate_limit_error"},
	model.BudgetExceeded:  {402, "billing_error"},
	model.Overloaded:      {529, "overloaded_error"},
	model.Timeout:         {504, "timeout_error"},
	model.Canceled:        {499, "api_error"},
	model.UpstreamDown:    {502, "api_error"},
	model.UpstreamGarbage: {502, "api_error"},
	model.UpstreamDenied:  {502, "api_error"},
	model.Loop:            {508, "invalid_request_error"},
	model.ContentFiltered: {400, "invalid_request_error"},
	model.NotReady:        {529, "overloaded_error"},
}

func formOf(k model.Kind) errorForm {
	if f, ok := forms[k]; ok {
		return f
	}
	return forms[model.Internal]
}

// EncodeError returns the status and body for an error; requestID may be
// empty. Only the error's public text is shown.
func EncodeError(e *model.Error, requestID string) (status int, body []byte) {
	return formOf(e.Kind).status, appendError(nil, e, requestID)
}

func appendError(dst []byte, e *model.Error, requestID string) []byte {
	b := raw.Builder{Bytes: dst}
	b.Open('{')
	b.Str("type", "error")
	b.Key("error")
	b.Open('{')
	b.Str("type", formOf(e.Kind).kind)
	b.Str("message", e.Public())
	b.Close('}')
	b.StrIf("request_id", requestID)
	b.Close('}')
	return b.Bytes
}

// DecodeError reads an upstream's error answer of any shape. status is 0 for
// an error inside a stream. The upstream's words are shown only where they
// speak of the client's request; what concerns the server's own credential,
// limits or the upstream's state stays in Err, for the log.
func DecodeError(status int, header http.Header, body []byte) *model.Error {
	kind, text := "", ""
	if v, err := raw.ParseLenient(body, nil); err == nil {
		inner := v.Get("error")
		kind, text = inner.Get("type").Text(), first(inner.Get("message").Text(), v.Get("message").Text())
	}
	e := &model.Error{
		Kind: kindOf(status, kind, text), Op: "wire/anthropic.DecodeError",
		Code: kind, UpstreamStatus: status, RetryAfter: retryAfter(header),
		Err: fmt.Errorf("status %d: %s", status, clip(first(text, string(body)))),
	}
	switch e.Kind {
	case model.Invalid, model.ContextLength, model.ModelNotFound, model.TooLarge, model.Conflict:
		e.Message = clip(text)
	case model.RateLimited, model.Overloaded:
		e.Message, e.Hint = "The upstream is busy or its rate limit is reached.", "Try again later."
	case model.UpstreamDenied:
		e.Message, e.Hint = "The upstream refused the server's own credential or quota.", "Ask the operator to check the upstream's key and billing."
	case model.Timeout:
		e.Message, e.Hint = "The upstream took too long.", "Try again."
	default:
		e.Message, e.Hint = "The upstream failed to answer.", "Try again or choose another upstream."
	}
	return e
}

// clip bounds what is kept of an upstream's own words.
func clip(text string) string {
	const limit = 2 << 10
	if len(text) > limit {
		return strings.ToValidUTF8(text[:limit], "") + "…"
	}
	return text
}

// kindOf reads the kind from the error type, which streams have too, then from the status.
func kindOf(status int, kind, text string) model.Kind {
	switch kind {
	case "invalid_request_error":
		return invalidKind(text)
	case "authentication_error", "permission_error", "billing_error":
		return model.UpstreamDenied
	case "not_found_error":
		return model.ModelNotFound
	case "request_too_large":
		return model.TooLarge
	case "rate_limit_error":
		return model.RateLimited
	case "overloaded_error":
		return model.Overloaded
	case "timeout_error":
		return model.Timeout
	case "conflict_error":
		return model.Conflict
	case "api_error":
		return model.UpstreamDown
	}
	switch {
	case status == 400 || status == 422:
		return invalidKind(text)
	case status == 401 || status == 402 || status == 403:
		return model.UpstreamDenied
	case status == 404:
		return model.ModelNotFound
	case status == 408 || status == 504:
		return model.Timeout
	case status == 409:
		return model.Conflict
	case status == 413:
		return model.TooLarge
	case status == 429:
		return model.RateLimited
	case status == 503 || status == 529:
		return model.Overloaded
	case status >= 500 || status == 0:
		return model.UpstreamDown
	}
	return model.UpstreamGarbage
}

// invalidKind tells an overlong prompt from other invalid requests: the
// dialect has no code for it, only its wording.
func invalidKind(text string) model.Kind {
	for _, mark := range []string{"prompt is too long", "exceed context limit", "input length and `max_tokens`"} {
		if strings.Contains(text, mark) {
			return model.ContextLength
		}
	}
	return model.Invalid
}

// retryAfter reads retry-after-ms and retry-after in seconds; dates, which
// need a clock, are left to the transport.
func retryAfter(h http.Header) time.Duration {
	if ms, err := strconv.ParseFloat(h.Get("retry-after-ms"), 64); err == nil && ms > 0 && ms < 1e9 {
		return time.Duration(ms * float64(time.Millisecond))
	}
	if s, err := strconv.ParseFloat(h.Get("retry-after"), 64); err == nil && s > 0 && s < 1e6 {
		return time.Duration(s * float64(time.Second))
	}
	return 0
}
