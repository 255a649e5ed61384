package session

import (
	"context"
	"strings"
	"unicode/utf8"
)

// SnapshotsKept is how many snapshots of one fold a session keeps: the newest,
// and one to fall back on.
const SnapshotsKept = 2

// Snapshot is what a fold came to after one event, so that the next reader
// starts there.
type Snapshot struct {
	Tenant, Session string
	// Fold names the function and the form of its state ("agent/3"): a program
	// that folds differently uses another name and finds none of the old ones.
	Fold string
	// Seq is the last event that was folded.
	Seq uint64
	// Body is the state, at most [MaxPayload]. The store does not read it.
	Body []byte
}

// Snapshots keeps folds. They may be lost or pruned at any time: the journal
// alone is the truth. Implemented by every [Store]; safe for concurrent use;
// joins the suite in sessiontest.
//
// Erasing events destroys the snapshots that may contain them, those of forks
// included; see [Store.Erase].
type Snapshots interface {
	// SaveSnapshot keeps a snapshot, replacing one of the same fold and event,
	// and prunes all but the newest [SnapshotsKept] of the fold. It answers
	// [ErrNotFound], [ErrInvalid] for a snapshot of an event that does not exist
	// yet, or [ErrErased] if the session, or one that it was forked from, was
	// erased as a whole: the snapshot may have been made before.
	SaveSnapshot(ctx context.Context, snapshot Snapshot) error
	// LoadSnapshot returns the newest snapshot of the fold that is not newer
	// than event seq, or [ErrNotFound].
	LoadSnapshot(ctx context.Context, tenant, session, fold string, seq uint64) (Snapshot, error)
}

// Check says what is wrong with the snapshot, or nil. Stores call it first.
func (s Snapshot) Check() error {
	switch {
	case s.Tenant == "" || s.Session == "" || s.Seq == 0:
		return Fault(ErrInvalid, s.Session, "A snapshot needs a tenant, a session and an event.")
	case s.Fold == "" || len(s.Fold) > MaxLabel || !plain(s.Fold):
		return Fault(ErrInvalid, s.Session, "A fold's name is 1 to %d bytes of UTF-8 without NUL.", MaxLabel)
	case len(s.Body) > MaxPayload:
		return Fault(ErrInvalid, s.Session, "The snapshot has %d bytes; the limit is %d.", len(s.Body), MaxPayload)
	}
	return nil
}

// plain reports whether every database takes the text.
func plain(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsRune(text, 0)
}
