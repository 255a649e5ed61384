package session

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
)

// SubmissionType and SubmissionVersion name the event that remembers an
// idempotency key; its payload says which body came with it and how many
// events followed.
const (
	SubmissionType    = "session.submitted"
	SubmissionVersion = 1
)

// MaxKey is the greatest length of an idempotency key in bytes.
const MaxKey = MaxLabel - len(submissionLabel)

const submissionLabel = "submission/"

// submitAttempts is how often a submission is tried against owners and other
// submitters that append at the same time. Each failure means that somebody
// else succeeded.
const submitAttempts = 100

// Submission is input from somebody who does not own the session.
type Submission struct {
	// Key makes the submission happen once within its tenant; empty for none.
	// Callers put the operation into it, so that one client's key means
	// something else elsewhere.
	Key string
	// Body is the request as it came, compared when the key comes again.
	Body []byte
	// Change is what to append.
	Change Change
	// Exact appends to head as it is given, or answers [ErrStale]: right for
	// input that was checked against that state of the session.
	Exact bool
}

// Receipt says where a submission is.
type Receipt struct {
	// Session has the submission's events First..Last.
	Session     string
	First, Last uint64
	// Repeated is true if the events were appended by an earlier call.
	Repeated bool
}

// Submit appends input to head, or to whatever head has become: unlike an
// owner's append it does not mind what happened in between, and it does not
// disturb the owner, whose next append is [ErrStale] and who reads on. With
// Seq 0 in head, the session is created. It is durable when Submit returns.
//
// A key that was used with the same body answers the first call's receipt,
// wherever its events are; with another body it is [ErrKeyReused]. Other
// errors are those of [Store.Append]; [ErrStale] means that others kept
// winning: try later.
func (j *Journal) Submit(ctx context.Context, head Session, s Submission) (Receipt, error) {
	if err := s.check(); err != nil {
		return Receipt{}, err
	}
	for range submitAttempts {
		change, err := s.change(head)
		if err != nil {
			return Receipt{}, err
		}
		next, err := j.Apply(ctx, head, change)
		switch {
		case err == nil:
			return Receipt{Session: next.ID, First: next.Seq + 1 - uint64(len(s.Change.Drafts)), Last: next.Seq}, nil
		case errors.Is(err, ErrLabelTaken) && s.Key != "":
			return j.repeated(ctx, head.Tenant, s, err)
		case !errors.Is(err, ErrStale) || head.Seq == 0 || s.Exact:
			return Receipt{}, err
		}
		if head, err = j.config.Store.Head(ctx, head.Tenant, head.ID); err != nil {
			return Receipt{}, err
		}
	}
	return Receipt{}, Fault(ErrStale, head.ID, "The session is too busy to take input: try again later.")
}

// Submitted answers the receipt of the submission whose key and body came
// before; for a key that did not, Repeated is false. With another body it is
// [ErrKeyReused].
func (j *Journal) Submitted(ctx context.Context, tenant string, s Submission) (Receipt, error) {
	if err := s.check(); err != nil || s.Key == "" {
		return Receipt{}, err
	}
	receipt, err := j.repeated(ctx, tenant, s, ErrNotFound)
	if errors.Is(err, ErrNotFound) {
		return Receipt{}, nil
	}
	return receipt, err
}

func (s Submission) check() error {
	if len(s.Key) > MaxKey || !plain(s.Key) {
		return Fault(ErrInvalid, "Idempotency-Key", "An idempotency key is at most %d bytes of UTF-8 without NUL.", MaxKey)
	}
	return nil
}

// change puts the event that remembers the key before the others.
func (s Submission) change(head Session) (Change, error) {
	if s.Key == "" {
		return s.Change, nil
	}
	if head.Key == nil {
		return Change{}, Fault(ErrErased, head.ID, "The session was deleted.")
	}
	change := s.Change
	change.Drafts = append([]Draft{s.Memory(head, len(s.Change.Drafts))}, change.Drafts...)
	return change, nil
}

// Memory is the event that remembers the submission's key, for an owner that
// appends what was submitted itself: it stands before the events, whose number
// is given. A key that was taken is [ErrLabelTaken] then.
func (s Submission) Memory(head Session, events int) Draft {
	return Draft{
		Type: SubmissionType, Version: SubmissionVersion, Label: submissionLabel + s.Key,
		Payload: fmt.Appendf(nil, "%s %d", s.digest(head.Key), events),
	}
}

// digest is keyed, so that it tells nothing once the session was erased.
func (s Submission) digest(key []byte) string {
	sum := Digest(key, s.Key, s.Body)
	return hex.EncodeToString(sum[:])
}

// repeated answers a key that was taken: err is what the append said, which
// stands if the label that was taken was another.
func (j *Journal) repeated(ctx context.Context, tenant string, s Submission, err error) (Receipt, error) {
	e, found := j.Event(ctx, tenant, submissionLabel+s.Key)
	if errors.Is(found, ErrNotFound) {
		return Receipt{}, err
	}
	if found != nil {
		return Receipt{}, found
	}
	head, err := j.config.Store.Head(ctx, tenant, e.Session)
	if err != nil {
		return Receipt{}, err
	}
	if head.Key == nil {
		return Receipt{}, Fault(ErrErased, head.ID, "The session was deleted.")
	}
	var digest string
	var events uint64
	if _, err := fmt.Sscanf(string(e.Payload), "%s %d", &digest, &events); err != nil {
		return Receipt{}, Fault(ErrCorrupt, e.Session, "Event %d does not hold a submission.", e.Seq)
	}
	if digest != s.digest(head.Key) {
		return Receipt{}, Fault(ErrKeyReused, "Idempotency-Key", "This idempotency key was used for another request: use a new one.")
	}
	return Receipt{Session: e.Session, First: e.Seq + 1, Last: e.Seq + events, Repeated: true}, nil
}
