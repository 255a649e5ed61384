package bedrock

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/bedrock/object"
	"github.com/go-json-experiment/json"
)

// exception is a row of the contract's error table.
type exception struct {
	name   string
	status int
	// stream is the member of the event stream's error union that says the
	// same; operations differ only in modelTimeoutException.
	stream string
}

const (
	streamInternal    = "internalServerException"
	streamModel       = "modelStreamErrorException"
	streamTimeout     = "modelTimeoutException"
	streamThrottling  = "throttlingException"
	streamUnavailable = "serviceUnavailableException"
	streamValidation  = "validationException"
)

// exceptions is the one table from Kind to exception and status.
var exceptions = map[model.Kind]exception{
	model.Internal:        {"InternalServerException", 500, streamInternal},
	model.Invalid:         {"ValidationException", 400, streamValidation},
	model.Unsupported:     {"ValidationException", 400, streamValidation},
	model.Unauthenticated: {"UnrecognizedClientException", 403, streamValidation},
	model.Forbidden:       {"AccessDeniedException", 403, streamValidation},
	model.NotFound:        {"ResourceNotFoundException", 404, streamValidation},
	model.ModelNotFound:   {"ValidationException", 400, streamValidation},
	model.Conflict:        {"ConflictException", 400, streamValidation},
	model.TooLarge:        {"ValidationException", 400, streamValidation},
	model.ContextLength:   {"ValidationException", 400, streamValidation},
	model.RateLimited:     {"ThrottlingException", 429, streamThrottling},
	model.BudgetExceeded:  {"ServiceQuotaExceededException", 400, streamThrottling},
	model.Overloaded:      {"ThrottlingException", 429, streamThrottling},
	model.Timeout:         {"ModelTimeoutException", 408, streamTimeout},
	model.Canceled:        {"ServiceUnavailableException", 503, streamUnavailable},
	model.UpstreamDown:    {"ServiceUnavailableException", 503, streamUnavailable},
	model.UpstreamGarbage: {"ModelErrorException", 424, streamModel},
	model.UpstreamDenied:  {"ModelErrorException", 424, streamModel},
	model.Loop:            {"ModelErrorException", 508, streamModel},
	model.ContentFiltered: {"ValidationException", 400, streamValidation},
	model.NotReady:        {"ModelNotReadyException", 429, streamUnavailable},
}

// frontDoor lists the exceptions of the signature check and the parser, which
// stand in no service model. An error whose Code is one of them is shown as it.
var frontDoor = map[string]int{
	object.Malformed:                      400,
	"UnknownOperationException":           404,
	"IncompleteSignatureException":        400,
	"UnrecognizedClientException":         403,
	"InvalidSignatureException":           403,
	"ExpiredTokenException":               403,
	"MissingAuthenticationTokenException": 403,
}

// Exception returns the exception name and HTTP status e is shown as; the edge
// repeats the name in the X-Amzn-Errortype header.
func Exception(e *model.Error) (name string, status int) {
	if status, ok := frontDoor[e.Code]; ok && (e.Kind == model.Invalid || e.Kind == model.Unauthenticated || e.Kind == model.NotFound) {
		return e.Code, status
	}
	row := exceptions[e.Kind]
	if row.name == "" {
		row = exceptions[model.Internal]
	}
	return row.name, row.status
}

// EncodeError writes the status and body of an error of any bedrock-runtime
// operation. It shows e.Public() and never e.Err.
func EncodeError(e *model.Error) (status int, body []byte) {
	name, status := Exception(e)
	body = append(body, `{"__type":`...)
	body = object.AppendQuote(body, name)
	body = append(body, `,"message":`...)
	body = object.AppendQuote(body, publicText(e))
	if name == "ModelErrorException" {
		if e.UpstreamStatus >= 100 && e.UpstreamStatus <= 500 {
			body = append(body, `,"originalStatusCode":`...)
			body = appendInt(body, int64(e.UpstreamStatus))
		}
		if e.Subject != "" && e.Kind != model.UpstreamGarbage {
			body = append(body, `,"resourceName":`...)
			body = object.AppendQuote(body, e.Subject)
		}
	}
	return status, append(body, '}')
}

// publicText is e.Public(), preceded by the sentence clients recognise a kind by.
func publicText(e *model.Error) string {
	text := e.Public()
	lead := ""
	switch e.Kind {
	case model.ModelNotFound:
		lead = "The provided model identifier is invalid."
	case model.ContextLength:
		lead = "Input is too long for requested model."
	}
	if lead == "" || strings.HasPrefix(text, strings.TrimSuffix(lead, ".")) {
		return text
	}
	return lead + " " + text
}

// StreamException returns the name of the exception frame e is shown as after
// the first byte. Only InvokeModelWithResponseStream has a timeout exception.
func StreamException(e *model.Error, invoke bool) string {
	row, ok := exceptions[e.Kind]
	if !ok {
		return streamInternal
	}
	if row.stream == streamTimeout && !invoke {
		return streamModel
	}
	return row.stream
}

// kinds is the way back: what an upstream's exception means to us.
var kinds = map[string]model.Kind{
	"ValidationException":                 model.Invalid,
	object.Malformed:                      model.Invalid,
	"AccessDeniedException":               model.UpstreamDenied,
	"UnrecognizedClientException":         model.UpstreamDenied,
	"InvalidSignatureException":           model.UpstreamDenied,
	"ExpiredTokenException":               model.UpstreamDenied,
	"IncompleteSignatureException":        model.UpstreamDenied,
	"MissingAuthenticationTokenException": model.UpstreamDenied,
	"ResourceNotFoundException":           model.ModelNotFound,
	"ConflictException":                   model.Conflict,
	"ThrottlingException":                 model.RateLimited,
	"ServiceQuotaExceededException":       model.RateLimited,
	"ModelTimeoutException":               model.Timeout,
	"ModelNotReadyException":              model.NotReady,
	"ModelErrorException":                 model.UpstreamDown,
	"ModelStreamErrorException":           model.UpstreamGarbage,
	"InternalServerException":             model.UpstreamDown,
	"ServiceUnavailableException":         model.UpstreamDown,
}

// phrases refine a ValidationException by its text, which is all it offers.
var phrases = []struct {
	text string
	kind model.Kind
}{
	{"model identifier is invalid", model.ModelNotFound},
	{"input is too long", model.ContextLength},
	{"prompt is too long", model.ContextLength},
	{"maximum context length", model.ContextLength},
	{"guardrail", model.Invalid},
	{"content filter", model.ContentFiltered},
}

type errorBody struct {
	Type    string `json:"__type"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Upper   string `json:"Message"`
	Status  int    `json:"originalStatusCode"`
}

// DecodeError reads an upstream's error answer. What it says about the request
// is passed on; what it says about our credential is kept for the log.
func DecodeError(status int, header http.Header, body []byte) *model.Error {
	var b errorBody
	if json.Unmarshal(body, &b) != nil {
		b = errorBody{}
	}
	name := header.Get("X-Amzn-Errortype")
	for _, other := range []string{b.Type, b.Code} {
		if name == "" {
			name = other
		}
	}
	if b.Message == "" {
		b.Message = b.Upper
	}
	e := upstreamError(name, b.Message, status)
	e.UpstreamStatus = status
	if s, err := strconv.Atoi(header.Get("Retry-After")); err == nil && s > 0 {
		e.RetryAfter = time.Duration(s) * time.Second
	}
	return e
}

// upstreamError makes an Error of an exception's name and message. The name may
// carry a namespace or a URL, and the lower camel case of event streams.
func upstreamError(name, message string, status int) *model.Error {
	name = baseName(name)
	kind, ok := kinds[name]
	if !ok {
		kind = kindOfStatus(status)
	}
	if kind == model.Invalid {
		for _, p := range phrases {
			if strings.Contains(strings.ToLower(message), p.text) {
				kind = p.kind
			}
		}
	}
	e := &model.Error{Kind: kind, Op: "wire/bedrock.DecodeError", Code: name, Message: message}
	switch kind {
	case model.UpstreamDenied:
		// The text names accounts, principals and resources of the operator's.
		e.Err = errorText(message)
		e.Message = "The upstream refused the server's credential."
		e.Hint = "Ask the operator to check the upstream's credential and its permissions."
	case model.UpstreamDown, model.UpstreamGarbage:
		// The text is about the upstream's insides, or a proxy's before it.
		if message != "" {
			e.Err = errorText(message)
		}
		e.Message = "The upstream failed to answer."
		e.Hint = "Try again."
	}
	return e
}

// errorText is an upstream's message kept as a cause.
type errorText string

func (t errorText) Error() string { return string(t) }

func baseName(name string) string {
	name, _, _ = strings.Cut(name, ":")
	if i := strings.LastIndexByte(name, '#'); i >= 0 {
		name = name[i+1:]
	}
	if name != "" && name[0] >= 'a' && name[0] <= 'z' {
		name = strings.ToUpper(name[:1]) + name[1:]
	}
	return name
}

func kindOfStatus(status int) model.Kind {
	switch {
	case status == 401 || status == 403:
		return model.UpstreamDenied
	case status == 404:
		return model.ModelNotFound
	case status == 408 || status == 504:
		return model.Timeout
	case status == 413:
		return model.TooLarge
	case status == 429:
		return model.RateLimited
	case status >= 400 && status < 500:
		return model.Invalid
	}
	return model.UpstreamDown
}

// garbage turns a parse error into one about the upstream's answer.
func garbage(cause error) *model.Error {
	return &model.Error{
		Kind: model.UpstreamGarbage, Op: "wire/bedrock", Err: cause,
		Message: "The upstream's answer could not be understood.", Hint: "Try again or choose another upstream.",
	}
}
