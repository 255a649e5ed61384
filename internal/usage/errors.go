package usage

import (
	"errors"
	"fmt"

	"github.com/craton-ai/craton/internal/model"
)

// ErrInvalid says a field is missing or out of range. It comes inside a
// [model.Error] that says which. Compare with errors.Is.
var ErrInvalid = errors.New("usage: invalid value")

// Fault makes the error a store answers: cause is one of this package's Err
// values, subject the field, and the text is shown to clients.
func Fault(cause error, subject, format string, args ...any) error {
	kind := model.Internal
	if cause == ErrInvalid {
		kind = model.Invalid
	}
	return &model.Error{Kind: kind, Subject: subject, Message: fmt.Sprintf(format, args...), Err: cause}
}
