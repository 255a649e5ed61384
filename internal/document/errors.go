package document

import (
	"errors"
	"fmt"

	"github.com/craton-ai/craton/internal/model"
)

// Errors every [Store] returns, each inside a [model.Error] that says which
// document is meant. Compare with errors.Is.
var (
	// ErrNotFound: there is no such document in this tenant.
	ErrNotFound = errors.New("document: not found")
	// ErrConflict: the stored version is not the one the write replaces.
	ErrConflict = errors.New("document: version conflict")
	// ErrInvalid: a name is empty, too long, or not plain UTF-8.
	ErrInvalid = errors.New("document: invalid value")
)

// Fault makes the error a store answers: cause is one of this package's Err
// values, subject the document, and the text is shown to clients.
func Fault(cause error, subject, format string, args ...any) error {
	kind := model.Internal
	switch cause {
	case ErrNotFound:
		kind = model.NotFound
	case ErrConflict:
		kind = model.Conflict
	case ErrInvalid:
		kind = model.Invalid
	}
	return &model.Error{Kind: kind, Subject: subject, Message: fmt.Sprintf(format, args...), Err: cause}
}
