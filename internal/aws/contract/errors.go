package contract

import (
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Error is an error of an AWS contract. Message and Extra are shown to the
// caller.
type Error struct {
	Code    string // "ValidationException", …
	Status  int    // HTTP status
	Message string
	// Capital puts the text under "Message", as the authorisation layer does;
	// modelled errors use "message".
	Capital bool
	// Extra are further modelled members, such as originalStatusCode.
	Extra []Field
}

// Field is one further member of an error. Value is anything that marshals to
// JSON; if it cannot, the field is left out.
type Field struct {
	Name  string
	Value any
}

// Error returns code and message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Error makes the error called code with the status that the service's model
// gives it, or the front door's for errors that no model holds (then, where it
// is about authorisation, Capital is set). For a code that neither knows the
// status is 500.
func (s *Service) Error(code, message string) *Error {
	e := &Error{Code: code, Message: message, Status: frontDoor(code)}
	if sh, ok := s.shapes[code]; ok && sh.Exception && sh.Status > 0 {
		e.Status = sh.Status
	} else {
		e.Capital = e.Status == http.StatusForbidden
	}
	return e
}

// frontDoor returns the status of errors that AWS answers before a service is
// reached, or of names that mean the same in every service.
func frontDoor(code string) int {
	switch code {
	case "AccessDeniedException", "ExpiredTokenException", "InvalidSignatureException",
		"MissingAuthenticationTokenException", "UnrecognizedClientException":
		return http.StatusForbidden
	case "IncompleteSignatureException", "SerializationException", "ValidationException":
		return http.StatusBadRequest
	case "UnknownOperationException":
		return http.StatusNotFound
	case "RequestEntityTooLargeException":
		return http.StatusRequestEntityTooLarge
	case "ThrottlingException":
		return http.StatusTooManyRequests
	case "ServiceUnavailableException":
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// serialization makes the error for JSON that is malformed or of the wrong
// type.
func serialization(message string) *Error {
	return &Error{Code: "SerializationException", Status: http.StatusBadRequest, Message: message, Capital: true}
}

// AppendError appends the JSON body of e to dst: __type, the message, extras.
// It is also the payload of an exception frame.
func AppendError(dst []byte, e *Error) []byte {
	name := "message"
	if e.Capital {
		name = "Message"
	}
	dst = appendString(append(dst, `{"__type":`...), e.Code)
	dst = append(append(append(dst, `,"`...), name...), `":`...)
	dst = appendString(dst, e.Message)
	for _, f := range e.Extra {
		v, err := json.Marshal(f.Value)
		if err != nil {
			continue
		}
		dst = append(appendString(append(dst, ','), f.Name), ':')
		dst = append(dst, v...)
	}
	return append(dst, '}')
}

// appendString quotes s. Upstreams' texts may hold invalid UTF-8, which
// becomes U+FFFD.
func appendString(dst []byte, s string) []byte {
	dst, err := jsontext.AppendQuote(dst, s)
	if err != nil {
		return dst // the quoted text with replacement characters is in dst
	}
	return dst
}
