package agents

import (
	"net/http"

	"github.com/go-json-experiment/json"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/raw"
)

// errorRow is how the contract shows a kind of error.
type errorRow struct {
	status int
	code   string
}

// errorTable is the contract's one table from Kind to status and code. A
// member's "type" repeats the code of its row.
var errorTable = map[model.Kind]errorRow{
	model.Internal:        {http.StatusInternalServerError, "internal_error"},
	model.Invalid:         {http.StatusBadRequest, "invalid_request_error"},
	model.Unsupported:     {http.StatusBadRequest, "invalid_request_error"},
	model.Unauthenticated: {http.StatusUnauthorized, "unauthorized"},
	model.Forbidden:       {http.StatusForbidden, "forbidden"},
	model.NotFound:        {http.StatusNotFound, "not_found_error"},
	model.ModelNotFound:   {http.StatusNotFound, "model_not_found"},
	model.Conflict:        {http.StatusConflict, "conflict_error"},
	model.TooLarge:        {http.StatusRequestEntityTooLarge, "invalid_request_error"},
	model.ContextLength:   {http.StatusBadRequest, "context_length_exceeded"},
	model.RateLimited:     {http.StatusTooManyRequests, "rate_limit_exceeded"},
	model.BudgetExceeded:  {http.StatusTooManyRequests, "insufficient_quota"},
	model.Overloaded:      {http.StatusServiceUnavailable, "server_is_overloaded"},
	model.Timeout:         {http.StatusGatewayTimeout, "service_unavailable_error"},
	model.Canceled:        {499, "invalid_request_error"}, // nobody reads it
	model.UpstreamDown:    {http.StatusBadGateway, "service_unavailable_error"},
	model.UpstreamGarbage: {http.StatusBadGateway, "service_unavailable_error"},
	model.UpstreamDenied:  {http.StatusBadGateway, "service_unavailable_error"},
	model.Loop:            {http.StatusLoopDetected, "internal_error"},
	model.ContentFiltered: {http.StatusBadRequest, "invalid_request_error"},
	model.NotReady:        {http.StatusServiceUnavailable, "service_unavailable_error"},
}

// CodeBeta is the code of a request without the beta's header.
const CodeBeta = "invalid_beta"

// ownCodes are the codes of the contract that say more than a kind does, with
// the status each one has.
var ownCodes = map[string]int{
	CodeBeta:                        http.StatusBadRequest,
	"agent_not_persisted":           http.StatusBadRequest,
	"invalid_otlp_endpoint":         http.StatusBadRequest,
	"invalid_otlp_header":           http.StatusBadRequest,
	"idempotency_conflict":          http.StatusConflict,
	"executor_version_incompatible": http.StatusConflict,
	"mcp_server_startup_failed":     http.StatusFailedDependency,
	"files_api_rate_limit_exceeded": http.StatusTooManyRequests,
	"context_length_exceeded":       http.StatusBadRequest,
}

// EncodeError writes e as the contract's error body and says its HTTP status.
// Only e.Public, the parameter's path and a code of the contract are shown.
func EncodeError(e *model.Error) (status int, body []byte) {
	row, ok := errorTable[e.Kind]
	if !ok {
		row = errorTable[model.Internal]
	}
	var shown struct {
		Error struct {
			Message string  `json:"message"`
			Type    string  `json:"type"`
			Param   *string `json:"param"`
			Code    string  `json:"code"`
		} `json:"error"`
	}
	shown.Error.Message, shown.Error.Type, shown.Error.Code = e.Public(), row.code, row.code
	if own, ok := ownCodes[e.Code]; ok {
		row.status, shown.Error.Code = own, e.Code
	}
	if (e.Kind == model.Invalid || e.Kind == model.Unsupported) && e.Subject != "" {
		param := raw.Bracketed(e.Subject)
		shown.Error.Param = &param
	}
	body, err := json.Marshal(shown, json.Deterministic(true))
	if err != nil { // text that is no UTF-8
		shown.Error.Message, shown.Error.Param = wordless, nil
		body, _ = json.Marshal(shown)
	}
	return row.status, body
}

const wordless = "The request failed, for a reason that cannot be written down."
