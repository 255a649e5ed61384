package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/craton-ai/craton/internal/engine/chat"
	"github.com/craton-ai/craton/internal/engine/llama"
	"github.com/go-json-experiment/json"
)

// fault is an error with its place in the API: the body follows OpenAI's error
// object, the status HTTP.
type fault struct {
	status  int
	kind    string // error.type
	code    string // error.code; empty for null
	param   string // error.param; empty for null
	message string
	retry   int // seconds for Retry-After; zero for none
}

func (f *fault) Error() string { return f.message }

func invalid(param, format string, args ...any) *fault {
	return &fault{status: http.StatusBadRequest, kind: "invalid_request_error", param: param, message: fmt.Sprintf(format, args...)}
}

func unsupported(param, format string, args ...any) *fault {
	f := invalid(param, format, args...)
	f.code = "unsupported_parameter"
	return f
}

// faultOf places any error in the API. Errors of the library are the server's
// own; those of templates and grammars the request's.
func faultOf(err error) *fault {
	var f *fault
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, errQueueFull):
		return &fault{status: http.StatusTooManyRequests, kind: "rate_limit_error", code: "queue_full", retry: 1,
			message: "Too many requests wait for this model; try again shortly."}
	case errors.Is(err, errStopped):
		return &fault{status: http.StatusServiceUnavailable, kind: "server_error", code: "stopping", retry: 1, message: "The engine is stopping."}
	case errors.Is(err, chat.ErrConversation):
		return invalid("messages", "%v", err)
	case errors.Is(err, llama.ErrGrammar):
		return invalid("grammar", "%v; see the GBNF format of llama.cpp.", llama.ErrGrammar)
	case errors.Is(err, llama.ErrNoToken):
		return &fault{status: http.StatusInternalServerError, kind: "server_error", code: "grammar_dead_end",
			message: "The model's vocabulary cannot continue what the schema asks for; simplify the schema."}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &fault{status: 499, kind: "server_error", code: "cancelled", message: "The request was cancelled."}
	default:
		return &fault{status: http.StatusInternalServerError, kind: "server_error", code: "engine_error", message: err.Error()}
	}
}

type faultBody struct {
	Error faultDetail `json:"error"`
}

type faultDetail struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    *string `json:"code"`
}

func (f *fault) body() []byte {
	detail := faultDetail{Message: f.message, Type: f.kind}
	if f.param != "" {
		detail.Param = &f.param
	}
	if f.code != "" {
		detail.Code = &f.code
	}
	return encode(faultBody{detail})
}

func (f *fault) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	if f.retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(f.retry))
	}
	w.WriteHeader(f.status)
	_, _ = w.Write(f.body())
}

// encode writes a value of this package's own types, which always encode but
// for text that is not UTF-8; that is replaced.
func encode(value any) []byte {
	out, err := json.Marshal(value, jsonOptions)
	if err != nil {
		return []byte(`{"error":{"message":"the answer could not be encoded","type":"server_error","param":null,"code":null}}`)
	}
	return out
}
