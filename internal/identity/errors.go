package identity

import (
	"errors"
	"fmt"

	"github.com/craton-ai/craton/internal/model"
)

// Errors that the package's functions and every [Store] return, each inside a
// [model.Error] that says what is meant. Compare with errors.Is.
var (
	// ErrUnauthenticated: no such credential, or it is revoked, expired, or of
	// a disabled tenant. Callers do not learn which.
	ErrUnauthenticated = errors.New("identity: the credential is not valid")
	// ErrForbidden: the caller is known but may not do this.
	ErrForbidden = errors.New("identity: the caller may not do this")
	// ErrNotFound: no such tenant or key, or it is another tenant's.
	ErrNotFound = errors.New("identity: not found")
	// ErrConflict: a version was not the stored one, or a unique name, account
	// id or credential is taken. Read again and decide.
	ErrConflict = errors.New("identity: conflict")
	// ErrInvalid: a value is malformed; the message says which and why.
	ErrInvalid = errors.New("identity: invalid value")
)

// Fault makes the error the package and its stores answer: cause is one of its
// Err values, subject what is meant, and the text is shown to clients.
func Fault(cause error, subject, format string, args ...any) error {
	kind := model.Internal
	switch cause {
	case ErrUnauthenticated:
		kind = model.Unauthenticated
	case ErrForbidden:
		kind = model.Forbidden
	case ErrNotFound:
		kind = model.NotFound
	case ErrConflict:
		kind = model.Conflict
	case ErrInvalid:
		kind = model.Invalid
	}
	return &model.Error{Kind: kind, Subject: subject, Message: fmt.Sprintf(format, args...), Err: cause}
}

// badCredential is the one answer to every credential that does not work.
func badCredential() error {
	return &model.Error{
		Kind:    model.Unauthenticated,
		Message: "The API key or access key is not valid.",
		Hint:    "Check that it is whole and neither expired nor revoked; an administrator can issue a new one.",
		Err:     ErrUnauthenticated,
	}
}
