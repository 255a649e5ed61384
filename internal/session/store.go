package session

import (
	"context"
	"time"
)

// MaxEvents is how many events one append may carry, and the greatest page of
// [Store.Read].
const MaxEvents = 1000

// Batch is one append: events that become durable together.
type Batch struct {
	// Session is the journal's state as the writer knows it: Tenant, ID, Epoch,
	// Seq (of the last event) and Head are compared with what is stored. With
	// Seq 0 the session must not exist yet, and is created from the other
	// fields; its Parent, if any, must exist in the same tenant.
	Session Session
	// Events are numbered from Session.Seq+1 and linked from Session.Head.
	Events []Event
	// Raise, if not 0, becomes the session's epoch: a takeover. It must be
	// greater than Session.Epoch.
	Raise uint64
	// Wake, if not nil, sets the session's durable timer in the same
	// transaction: from then on it is due ([Leaser.Due]) unless somebody holds
	// it. The zero time clears the timer; nil leaves it. [AtOnce] needs no clock.
	Wake *time.Time
	// Progress says that the events record what was achieved, not what is about
	// to be tried: earlier takeovers no longer count towards a quarantine.
	Progress bool
	// Facts, if not nil, replace what the session is found by in listings.
	Facts *Facts
	// Deltas are added to the session's stream buffer in the same transaction,
	// so that the last of what was said goes with its outcome: see
	// [Stream.Rest]. Unlike those of [Buffer.AppendDeltas] they are as durable
	// as the events, and nobody reads an event without them. TTL is how long
	// they stay, as in [Deltas].
	Deltas []Delta
	TTL    time.Duration
}

// Erasure says which payloads to destroy.
type Erasure struct {
	Tenant, Session string
	// From and To bound the events, both inclusive; To 0 means to the end.
	// Erasing from 1 to the end also destroys the session's key and refuses
	// later appends with [ErrErased].
	From, To uint64
	// At is when, for the record.
	At time.Time
}

// Store keeps journals. Implementations are safe for concurrent use by many
// processes where their database is, and join the suite in sessiontest.
//
// A session or label of another tenant answers exactly as one that does not
// exist.
type Store interface {
	// Append applies the batch in one transaction and returns once it is
	// durable. If the context ends while waiting, the outcome is unknown: read
	// before trying again.
	//
	// Errors: [ErrFenced] if the stored epoch is greater; [ErrStale] if the
	// epoch, sequence number or head differ otherwise, or a session to create
	// exists; [ErrLabelTaken] if a label is in use;
	// [ErrNotFound] if the session or the parent does not exist; [ErrErased]
	// if the session was erased; [ErrInvalid] if the batch contradicts itself,
	// or the id of a delta was used.
	// After any of these nothing has changed.
	Append(ctx context.Context, batch Batch) error
	// Head returns a session's state, or [ErrNotFound].
	Head(ctx context.Context, tenant, session string) (Session, error)
	// Read returns up to limit events (0 means [MaxEvents], the maximum) with a sequence number greater than
	// after, in order; fewer mean the journal has no more. Payloads kept by
	// address are filled in. It answers [ErrNotFound] for an unknown session.
	Read(ctx context.Context, tenant, session string, after uint64, limit int) ([]Event, error)
	// Find returns the event with the label, or [ErrNotFound].
	Find(ctx context.Context, tenant, label string) (Ref, error)
	// Erase destroys payloads and frees the labels of the events named, leaving
	// their numbers, types, times, digests and hashes; shared payloads go with
	// the last event that has them, and with them all snapshots that may have
	// folded them, in this session and its forks, and the session's stream
	// buffer. Erasing all of a session also ends its lease, raising the epoch,
	// clears its timer and forgets its facts: what stays is a tombstone. It is durable when it returns, idempotent,
	// and answers [ErrNotFound] for an unknown session.
	Erase(ctx context.Context, erasure Erasure) error
}
