package session

import (
	"errors"
	"fmt"

	"github.com/craton-ai/craton/internal/model"
)

// Errors that the package's functions and every [Store] return, each inside a
// [model.Error] that says what is meant. Compare with errors.Is.
var (
	// ErrNotFound: no such session, event or label in this tenant.
	ErrNotFound = errors.New("session: not found")
	// ErrStale: somebody else appended or took over; read the head again.
	ErrStale = errors.New("session: the journal has moved on")
	// ErrFenced: another owner took over, and what this one knows of the session
	// is no longer its business: it stops. Such an error is [ErrStale] too.
	ErrFenced = fmt.Errorf("%w: another owner took over", ErrStale)
	// ErrLeased: another node holds the session's lease.
	ErrLeased = errors.New("session: held by another node")
	// ErrQuarantined: owners in a row ended without progress, or one set the
	// session aside; somebody has to look at it.
	ErrQuarantined = errors.New("session: quarantined")
	// ErrNewer: the journal holds events that this program cannot read.
	ErrNewer = errors.New("session: written by a newer version")
	// ErrKeyReused: the idempotency key came with another request before.
	ErrKeyReused = errors.New("session: idempotency key reused")
	// ErrLabelTaken: another event has the label; find it instead.
	ErrLabelTaken = errors.New("session: label in use")
	// ErrErased: the session was erased and takes no more events.
	ErrErased = errors.New("session: erased")
	// ErrInvalid: an event or batch is malformed; the message says how.
	ErrInvalid = errors.New("session: invalid value")
	// ErrCorrupt: a stored event does not match its hash or its payload's
	// digest.
	ErrCorrupt = errors.New("session: the journal does not verify")
)

// Fault makes the error the package and its stores answer: cause is one of its
// Err values, subject the session, and the text is shown to clients.
func Fault(cause error, subject, format string, args ...any) error {
	kind := model.Internal
	switch cause {
	case ErrNotFound, ErrErased:
		kind = model.NotFound
	case ErrStale, ErrFenced, ErrLeased, ErrQuarantined, ErrNewer, ErrKeyReused, ErrLabelTaken:
		kind = model.Conflict
	case ErrInvalid:
		kind = model.Invalid
	}
	return &model.Error{Kind: kind, Subject: subject, Message: fmt.Sprintf(format, args...), Err: cause}
}
