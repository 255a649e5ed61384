package openai

import (
	"net/http"
	"strings"

	"github.com/craton-ai/craton/internal/model"
)

// errorRow is how the contract shows a kind of error.
type errorRow struct {
	status     int
	kind, code string
}

// StatusClientClosed is the status logged for a client that went away; nobody reads it.
const StatusClientClosed = 499

// errorTable is the contract's one table from Kind to status, type and code.
var errorTable = map[model.Kind]errorRow{
	model.Internal:        {http.StatusInternalServerError, "server_error", "internal_error"},
	model.Invalid:         {http.StatusBadRequest, "invalid_request_error", ""},
	model.Unsupported:     {http.StatusBadRequest, "invalid_request_error", "unsupported_value"},
	model.Unauthenticated: {http.StatusUnauthorized, "invalid_request_error", "invalid_api_key"},
	model.Forbidden:       {http.StatusForbidden, "invalid_request_error", "insufficient_permissions"},
	model.NotFound:        {http.StatusNotFound, "invalid_request_error", "not_found"},
	model.ModelNotFound:   {http.StatusNotFound, "invalid_request_error", "model_not_found"},
	model.Conflict:        {http.StatusConflict, "invalid_request_error", "conflict"},
	model.TooLarge:        {http.StatusRequestEntityTooLarge, "invalid_request_error", "request_too_large"},
	model.ContextLength:   {http.StatusBadRequest, "invalid_request_error", "context_length_exceeded"},
	model.RateLimited:     {http.StatusTooManyRequests, "requests", "rate_limit_exceeded"},
	model.BudgetExceeded:  {http.StatusTooManyRequests, "insufficient_quota", "insufficient_quota"},
	model.Overloaded:      {http.StatusTooManyRequests, "requests", "overloaded"},
	model.Timeout:         {http.StatusGatewayTimeout, "server_error", "timeout"},
	model.Canceled:        {StatusClientClosed, "invalid_request_error", "canceled"},
	model.UpstreamDown:    {http.StatusBadGateway, "server_error", "upstream_unavailable"},
	model.UpstreamGarbage: {http.StatusBadGateway, "server_error", "upstream_invalid_answer"},
	model.UpstreamDenied:  {http.StatusBadGateway, "server_error", "upstream_denied"},
	model.Loop:            {http.StatusLoopDetected, "server_error", "loop_detected"},
	model.ContentFiltered: {http.StatusBadRequest, "invalid_request_error", "content_filter"},
	model.NotReady:        {http.StatusServiceUnavailable, "server_error", "model_loading"},
}

// EncodeError writes e as the contract's error body and says its HTTP status.
// Only e.Public, Candidates, the parameter's path and the code are shown.
func EncodeError(e *model.Error) (status int, body []byte) {
	row, ok := errorTable[e.Kind]
	if !ok {
		row = errorTable[model.Internal]
	}
	w := builder{b: make([]byte, 0, 256)}
	appendErrorBody(&w, e, row)
	return row.status, w.b
}

func appendErrorBody(w *builder, e *model.Error, row errorRow) {
	message := e.Public()
	if len(e.Candidates) > 0 {
		message += " Candidates: " + strings.Join(e.Candidates, ", ") + "."
	}
	w.open('{')
	w.key("error")
	w.open('{')
	w.member("message", message)
	w.member("type", errorType(e, row))
	w.key("param")
	if param := errorParam(e); param != "" {
		w.str(param)
	} else {
		w.raw(nil)
	}
	w.key("code")
	switch code := errorCode(e, row); code {
	case "":
		w.raw(nil)
	default:
		w.str(code)
	}
	w.b = append(w.b, "}}"...)
}

// errorParam is the path of the parameter an error is about; a Subject of
// other kinds is a model or resource, which the message names.
func errorParam(e *model.Error) string {
	switch e.Kind {
	case model.Invalid, model.Unsupported:
		return bracketed(e.Subject)
	case model.ContextLength:
		if e.Subject == "input" { // the contract's own word for them
			return e.Subject
		}
		return "messages"
	case model.ModelNotFound:
		return "model"
	}
	return ""
}

// errorType is the kind's, but for a rate: OpenAI says there what ran out.
func errorType(e *model.Error, row errorRow) string {
	if e.Kind == model.RateLimited && e.Subject == "tokens" {
		return e.Subject
	}
	return row.kind
}

// errorCode keeps the codes that say more than the kind does.
func errorCode(e *model.Error, row errorRow) string {
	switch e.Kind {
	case model.Invalid, model.Unsupported, model.ContentFiltered:
		if e.Code != "" {
			return e.Code
		}
	}
	return row.code
}
