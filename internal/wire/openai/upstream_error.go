package openai

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/craton-ai/craton/internal/model"
)

// maxErrorText bounds what is kept of an upstream's own words.
const maxErrorText = 2 << 10

// upstreamError is an error body, whatever its shape.
type upstreamError struct {
	message, kind, code, param string
	status                     int // from the body, where it has one
}

// DecodeError reads an upstream's error answer. status is 0 for an error in
// the midst of a stream. An upstream's words reach the client only where they
// are about the client's request; what concerns Craton's own credential or the
// upstream's inner state stays in Err, for the log.
func DecodeError(status int, header http.Header, body []byte) *model.Error {
	u := readError(body)
	if status == 0 {
		status = u.status
	}
	e := &model.Error{
		Kind: errorKind(status, &u), Op: "wire/openai.DecodeError", Code: u.code, Subject: dotted(u.param),
		UpstreamStatus: status, RetryAfter: retryAfter(header), Err: errors.New(clip(strings.TrimSpace(u.kind+" "+u.message), maxErrorText)),
	}
	switch e.Kind {
	case model.Invalid, model.Unsupported, model.ContextLength, model.ContentFiltered, model.ModelNotFound, model.TooLarge, model.Conflict, model.NotFound:
		e.Message = clip(u.message, maxErrorText)
	case model.RateLimited, model.Overloaded:
		e.Message, e.Hint = "The upstream is busy or its rate limit is reached.", "Try again later."
	case model.NotReady:
		e.Message, e.Hint = "The upstream is still loading the model.", "Try again in a moment."
	case model.UpstreamDenied:
		e.Message, e.Hint = "The upstream refused the server's own credential or quota.", "Ask the operator to check the upstream's key and billing."
	case model.Timeout:
		e.Message, e.Hint = "The upstream took too long.", "Try again."
	case model.UpstreamDown:
		e.Message, e.Hint = "The upstream failed to answer.", "Try again or choose another upstream."
	}
	return e
}

// readError finds the text in the shapes servers use: OpenAI's envelope, a
// bare string, vLLM's flat object, FastAPI's detail, or no JSON at all.
func readError(body []byte) upstreamError {
	root := gjson.ParseBytes(body)
	if checkDepth(body) != nil || !gjson.ValidBytes(body) || !root.IsObject() {
		return upstreamError{message: clip(strings.TrimSpace(string(body[:min(len(body), maxErrorText)])), maxErrorText)}
	}
	at := root.Get("error")
	switch {
	case at.Type == gjson.String:
		return upstreamError{message: at.Str}
	case !at.IsObject():
		at = root
	}
	u := upstreamError{message: at.Get("message").String(), kind: at.Get("type").String(), param: at.Get("param").String()}
	if code := at.Get("code"); code.Type == gjson.Number {
		u.status = int(code.Int())
	} else {
		u.code = code.String()
	}
	if u.message == "" {
		detail := root.Get("detail")
		u.message = detail.String()
		if first := detail.Get("0.msg"); first.Exists() {
			u.message = first.String()
		}
	}
	return u
}

// errorKind sorts an error by its code and words first, since servers agree on
// those more than on statuses, then by its status.
func errorKind(status int, u *upstreamError) model.Kind {
	text := strings.ToLower(u.message)
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(text, w) || u.code == w || u.kind == w {
				return true
			}
		}
		return false
	}
	if status == 0 || status >= 400 && status < 500 {
		switch {
		case has("context_length_exceeded", "exceed_context_size_error", "maximum context length", "context window", "context size", "context length"):
			return model.ContextLength
		case has("content_filter", "content_policy_violation", "content management policy"):
			return model.ContentFiltered
		case has("insufficient_quota", "billing_not_active", "invalid_api_key"):
			return model.UpstreamDenied
		case has("unsupported_parameter", "unsupported_value", "unsupported_model"):
			return model.Unsupported
		case has("model_not_found") || status == http.StatusNotFound && has("model"):
			return model.ModelNotFound
		}
	}
	if status == http.StatusServiceUnavailable && has("loading model", "model is loading") {
		return model.NotReady
	}
	return statusKind(status, u)
}

func statusKind(status int, u *upstreamError) model.Kind {
	switch status {
	case 0:
		switch {
		case strings.Contains(u.kind, "invalid_request"):
			return model.Invalid
		case strings.Contains(u.kind, "rate_limit"), u.code == "rate_limit_exceeded":
			return model.RateLimited
		}
		return model.UpstreamDown
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusPaymentRequired:
		return model.UpstreamDenied
	case http.StatusNotFound:
		return model.NotFound
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		return model.Timeout
	case http.StatusConflict:
		return model.Conflict
	case http.StatusRequestEntityTooLarge:
		return model.TooLarge
	case http.StatusTooManyRequests:
		return model.RateLimited
	case http.StatusServiceUnavailable, 529:
		return model.Overloaded
	case http.StatusLoopDetected:
		return model.Loop
	}
	if status >= 400 && status < 500 {
		return model.Invalid
	}
	return model.UpstreamDown
}

// dotted writes a parameter as the hub does: messages.0.content.
func dotted(param string) string {
	return strings.NewReplacer("[", ".", "]", "").Replace(param)
}

// retryAfter reads the headers that say when to return: OpenAI's
// milliseconds, or RFC 9110's seconds or date, the latter against the
// answer's own Date, so that no clock is needed.
func retryAfter(h http.Header) time.Duration {
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil && ms > 0 && ms < 1e9 {
		return time.Duration(ms * float64(time.Millisecond))
	}
	value := h.Get("Retry-After")
	if s, err := strconv.ParseFloat(value, 64); err == nil && s > 0 && s < 1e6 {
		return time.Duration(s * float64(time.Second))
	}
	at, err := http.ParseTime(value)
	now, err2 := http.ParseTime(h.Get("Date"))
	if err == nil && err2 == nil && at.After(now) {
		return at.Sub(now)
	}
	return 0
}
