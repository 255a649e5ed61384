package session

import (
	"encoding/hex"
	"time"
)

// Hash is a link of a journal's chain.
type Hash [32]byte

// String writes the hash in hex.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Ref names one event, or with Seq 0 the state before a session's first.
type Ref struct {
	Session string
	Seq     uint64
}

// Session is the head of a journal: what must be known to append to it.
type Session struct {
	// Tenant and ID name it. IDs are unique across tenants.
	Tenant, ID string
	// Kind says whose events these are ("responses"); fixed when created.
	Kind string
	// Parent is the event this session continues from; zero for none. Events
	// of the parent up to and including it are this session's past.
	Parent Ref
	// CreatedAt is when its first event was appended, kept to the microsecond,
	// UTC.
	CreatedAt time.Time
	// Epoch is the fencing token: an append under another one is refused. It
	// grows with each takeover.
	Epoch uint64
	// Seq is the number of the last event; events are numbered from 1 without
	// gaps.
	Seq uint64
	// Head is the hash of the last event.
	Head Hash
	// Key is the secret of this session under which payload digests are made;
	// nil once the session was erased.
	Key []byte
}

// Event is one entry of a journal.
type Event struct {
	// Tenant and Session name the journal, Seq the place in it.
	Tenant, Session string
	Seq             uint64
	// Type says what happened ("response.stored"); Version is the version of
	// its payload's form, from 1; the versions of one kind of session are a
	// single sequence, see [Form].
	Type    string
	Version int
	// At is when it happened, kept to the microsecond, UTC.
	At time.Time
	// Label, if any, is unique within the tenant and finds the event.
	Label string
	// Payload says the rest, JSON by convention. It is nil when there was none
	// or when it was erased.
	Payload []byte
	// Address is where a large payload lies: equal payloads of a tenant share
	// one. Empty for payloads kept with the event.
	Address string
	// Digest is the keyed digest of Payload (HMAC-SHA256 under the session's
	// key), which outlives it.
	Digest Hash
	// Hash links this event to the one before; see [Link].
	Hash Hash
	// Erased is true when the payload was destroyed.
	Erased bool
}
