package session

import (
	"context"
	"fmt"
	"time"
)

// Facts are what a session is found by in listings: part of its fold, written
// with the append that changes it ([Batch.Facts]).
type Facts struct {
	// Status is a word of the session's kind ("idle").
	Status string
	// Metadata are the client's own words.
	Metadata map[string]string
}

// Entry is one line of a listing: the state as of the last append that
// returned before the listing was asked for.
type Entry struct {
	// Session is the journal's head, without its key.
	Session
	Facts
	// UpdatedAt is the time of the last event.
	UpdatedAt time.Time
	// Version is the greatest event version in the journal.
	Version int
	// Wake is the timer that is set; zero for none.
	Wake time.Time
	// Node holds the lease until Until, which may have passed; empty for none.
	Node  string
	Until time.Time
	// Takeovers counts owners in a row that ended without progress.
	Takeovers int
	// Quarantine is why no node claims the session; empty if they do.
	Quarantine string
	// Erased is true for a tombstone: a session that was deleted.
	Erased bool
}

// Query selects sessions of one tenant. Empty fields select all.
type Query struct {
	// Tenant is required.
	Tenant string
	// Kind and Status must match.
	Kind, Status string
	// Metadata must all be there with these values.
	Metadata map[string]string
	// Parent selects forks of one session.
	Parent string
	// Quarantined selects only those.
	Quarantined bool
	// Erased lists tombstones too.
	Erased bool
	// Oldest lists the oldest first; otherwise the newest.
	Oldest bool
	// After is the session that ended the last page; one that was deleted
	// meanwhile still serves.
	After string
	// Limit caps the page; 0 means 1000, which is also the maximum.
	Limit int
}

// Index finds sessions. It is strongly consistent: it reads what appends
// write, not a copy. Implemented by every [Store]; safe for concurrent use;
// joins the suite in sessiontest.
type Index interface {
	// Sessions returns a page ordered by creation, then id. A page shorter
	// than the limit is the last one. After an unknown session it answers
	// [ErrNotFound].
	Sessions(ctx context.Context, query Query) ([]Entry, error)
	// Describe returns one session, erased or not, or [ErrNotFound].
	Describe(ctx context.Context, tenant, session string) (Entry, error)
	// Requeue lifts a quarantine, forgets counted takeovers, and makes the
	// session due. It answers [ErrNotFound] or [ErrErased].
	Requeue(ctx context.Context, tenant, session string) error
	// Moved returns those of the sessions, of any tenant, whose last event is not
	// the one given, or with Seq 0 those that were deleted. It is for a process
	// that follows very many: one question for all of them.
	Moved(ctx context.Context, known map[string]uint64) ([]Ref, error)
	// Sweep removes up to limit (0 means 1000) large payloads that no event has,
	// and what nodes advertised that are gone. It is for every node to call from
	// time to time; callers at the same moment do not get in each other's way.
	Sweep(ctx context.Context, limit int) (Swept, error)
}

// Swept counts what a sweep removed.
type Swept struct {
	// Payloads are those without an event; Nodes those that are gone.
	Payloads, Nodes int
}

func (f Facts) check(session string) error {
	if len(f.Status) > MaxLabel || !plain(f.Status) {
		return Fault(ErrInvalid, session, "A status is at most %d bytes of UTF-8 without NUL.", MaxLabel)
	}
	for key, value := range f.Metadata {
		if !plain(key) || !plain(value) {
			return Fault(ErrInvalid, session, "Metadata are UTF-8 without NUL.")
		}
	}
	return nil
}

// DueAt is when [Leaser.Due] finds the session: when its lease runs out, or
// when its timer comes if nobody holds it; zero for never.
func (e Entry) DueAt() time.Time {
	switch {
	case e.Erased || e.Quarantine != "":
		return time.Time{}
	case e.Node != "":
		return e.Until
	}
	return e.Wake
}

// Claim is the rule of [Leaser.Claim], for stores: what becomes of the entry
// when the node claims it at the time now. Where that is a quarantine, the
// entry is to be stored although the error is [ErrQuarantined]; changed says
// so.
func (e Entry) Claim(node Node, now time.Time) (_ Entry, changed bool, _ error) {
	reads, drives := node.Reads[e.Kind]
	switch {
	case e.Erased:
		return e, false, Fault(ErrErased, e.ID, "The session was deleted.")
	case e.Quarantine != "":
		return e, false, Fault(ErrQuarantined, e.ID, "The session is quarantined: %s", e.Quarantine)
	case !drives || reads < e.Version:
		return e, false, Fault(ErrNewer, e.ID,
			"The session holds events of kind %q up to version %d; this node reads up to %d.", e.Kind, e.Version, reads)
	case e.Node != "" && e.Node != node.ID && e.Until.After(now):
		return e, false, Fault(ErrLeased, e.ID, "The session is held by node %s.", e.Node)
	}
	last := e.Node
	e.Epoch++
	if last != "" && last != node.ID {
		e.Takeovers++
	}
	if e.Takeovers >= MaxTakeovers {
		e.Node, e.Until = "", time.Time{}
		e.Quarantine = fmt.Sprintf("%d owners in a row ended without progress, the last was node %s.", e.Takeovers, last)
		return e, true, Fault(ErrQuarantined, e.ID, "The session is quarantined: %s", e.Quarantine)
	}
	e.Node, e.Until = node.ID, now.Add(node.TTL)
	return e, true, nil
}

// Lease is the entry's lease, with the session's key.
func (e Entry) Lease() Lease {
	return Lease{Head: e.Session, Node: e.Node, Until: e.Until, Takeovers: e.Takeovers, Wake: e.Wake}
}
