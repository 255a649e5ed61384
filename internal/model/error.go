package model

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kind classifies errors. Kinds are append-only; each dialect's edge has one
// table from Kind to status and code.
type Kind uint8

// The kinds of Error.
const (
	// Internal is a fault of Craton's own; its text never reaches a client.
	Internal Kind = iota
	// Invalid is a malformed or inadmissible request.
	Invalid
	// Unsupported is something the contract, dialect, upstream or model cannot do.
	Unsupported
	// Unauthenticated is a missing or wrong credential.
	Unauthenticated
	// Forbidden is a credential without the permission.
	Forbidden
	// NotFound is an unknown resource, or another tenant's.
	NotFound
	// ModelNotFound is an unknown model.
	ModelNotFound
	// Conflict is a state that does not admit the request.
	Conflict
	// TooLarge is a body or header beyond the limit.
	TooLarge
	// ContextLength is input that exceeds the model's context.
	ContextLength
	// RateLimited is a client beyond its rate; RetryAfter says when to return.
	RateLimited
	// BudgetExceeded is a spent budget.
	BudgetExceeded
	// Overloaded is a full queue, here or upstream.
	Overloaded
	// Timeout is an upstream that took too long.
	Timeout
	// Canceled is a client that went away.
	Canceled
	// UpstreamDown is an upstream that could not be reached or answered 5xx.
	UpstreamDown
	// UpstreamGarbage is an upstream whose answer could not be understood.
	UpstreamGarbage
	// UpstreamDenied is an upstream that refused Craton's own credential.
	UpstreamDenied
	// Loop is a request that came back to this server.
	Loop
	// ContentFiltered is a request or answer the upstream's filter refused.
	ContentFiltered
	// NotReady is a model that is still loading.
	NotReady
)

var kindNames = [...]string{
	"internal error", "invalid request", "unsupported", "unauthenticated", "forbidden",
	"not found", "model not found", "conflict", "too large", "context length exceeded",
	"rate limited", "budget exceeded", "overloaded", "timeout", "canceled",
	"upstream down", "upstream garbage", "upstream denied", "loop", "content filtered", "not ready",
}

// String names the kind in words.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Error is the one error type of Craton. Message, Subject and Hint are written
// for the client and safe to show; Op and Err are for the operator's log.
type Error struct {
	Kind Kind
	// Op is what was being done, such as "provider/openai.Generate".
	Op string
	// Subject is what it is about: a parameter path such as "messages.0.content", a model, a resource.
	Subject string
	// Message says what is wrong.
	Message string
	// Hint says what the reader can do; may be empty.
	Hint string
	// Code is the dialect's or upstream's own code, such as "context_length_exceeded"; may be empty.
	Code string
	// UpstreamStatus is the upstream's HTTP status; 0 when there was none.
	UpstreamStatus int
	// RetryAfter is how long to wait before trying again; 0 when unknown.
	RetryAfter time.Duration
	// Candidates lists alternatives, such as the models an ambiguous name could mean.
	Candidates []string
	Err        error
}

// Error renders everything for logs: operation, kind, subject, message, cause.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Op != "" {
		b.WriteString(e.Op)
		b.WriteString(": ")
	}
	b.WriteString(e.Kind.String())
	if e.Subject != "" {
		b.WriteString(" (")
		b.WriteString(e.Subject)
		b.WriteByte(')')
	}
	if e.Message != "" {
		b.WriteString(": ")
		b.WriteString(e.Message)
	}
	if e.Err != nil {
		b.WriteString(": ")
		b.WriteString(e.Err.Error())
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Public is the text a client may see: what is wrong and what to do.
func (e *Error) Public() string {
	switch {
	case e.Kind == Internal && e.Message == "":
		return "The server failed to process the request. Try again; if it persists, give the request id to the operator."
	case e.Message == "":
		return wordless(e.Kind)
	case e.Hint == "":
		return e.Message
	}
	return e.Message + " " + e.Hint
}

// wordless is what a client reads of an error that came without a message.
func wordless(k Kind) string {
	switch k {
	case Loop:
		return "The request came back to a server it had passed: an upstream's address points at this server."
	case UpstreamDown:
		return "The upstream could not be reached or failed. Try again."
	case UpstreamGarbage:
		return "The upstream's answer could not be understood. Try again."
	case UpstreamDenied:
		return "The upstream refused this server's credential. The operator must correct it."
	case Timeout:
		return "The upstream took too long. Try again."
	case RateLimited, Overloaded:
		return "Too many requests. Try again later."
	}
	name := k.String()
	return strings.ToUpper(name[:1]) + name[1:] + "."
}

// Errorf makes an Error of a kind about a subject. The formatted text is shown
// to clients: it must hold nothing internal.
func Errorf(kind Kind, subject, format string, args ...any) *Error {
	return &Error{Kind: kind, Subject: subject, Message: fmt.Sprintf(format, args...)}
}

// Wrap makes an Error of a kind around a cause, whose text stays internal.
func Wrap(kind Kind, op string, err error) *Error {
	return &Error{Kind: kind, Op: op, Err: err}
}

// WithHint returns e with a hint.
func (e *Error) WithHint(hint string) *Error {
	e.Hint = hint
	return e
}

// AsError finds the *Error in err's chain; a cancelled context becomes
// Canceled, a passed deadline Timeout, and anything else Internal. It returns
// nil for nil.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.Canceled):
		return &Error{Kind: Canceled, Message: "The request was cancelled.", Err: err}
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Kind: Timeout, Message: "The request took too long.", Err: err}
	}
	return &Error{Kind: Internal, Err: err}
}

// Retryable reports whether the same request may succeed elsewhere or later.
func (e *Error) Retryable() bool {
	switch e.Kind {
	case RateLimited, Overloaded, Timeout, UpstreamDown, UpstreamGarbage, NotReady:
		return true
	}
	return false
}
