package sqlstore

import (
	"context"

	"github.com/craton-ai/craton/internal/session"
)

// SaveSnapshot implements [session.Snapshots].
func (db *DB) SaveSnapshot(ctx context.Context, s session.Snapshot) error {
	if err := s.Check(); err != nil {
		return err
	}
	err := db.engine.Write(ctx, of(s.Tenant), func(tx Tx) error {
		// The row is locked so that no erasure passes between.
		e, err := living(tx, db.engine.Dialect().ForUpdate, s.Tenant, s.Session)
		if err != nil {
			return err
		}
		if err := db.inherited(tx, e); err != nil {
			return err
		}
		if s.Seq > e.Seq {
			return session.Fault(session.ErrInvalid, s.Session, "The session has no event %d to take a snapshot of.", s.Seq)
		}
		if _, err := tx.Exec(`INSERT INTO snapshots (session, fold, seq, tenant, body) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (session, fold, seq) DO UPDATE SET body = excluded.body`,
			s.Session, s.Fold, int64(s.Seq), s.Tenant, blob(s.Body)); err != nil {
			return err
		}
		_, err = tx.Exec(`DELETE FROM snapshots WHERE session = ? AND fold = ? AND seq NOT IN
			(SELECT seq FROM snapshots WHERE session = ? AND fold = ? ORDER BY seq DESC LIMIT ?)`,
			s.Session, s.Fold, s.Session, s.Fold, session.SnapshotsKept)
		return err
	})
	return failed("save snapshot", err)
}

// inherited answers [session.ErrErased] if a session that this one was forked
// from was erased: what is to be kept may have been folded before. The rows are
// locked for the same reason.
func (db *DB) inherited(tx Tx, e session.Entry) error {
	for e.Parent.Session != "" {
		parent, found, err := readEntry(tx, db.engine.Dialect().ForUpdate, e.Tenant, e.Parent.Session)
		if err != nil {
			return err
		}
		if !found || parent.Erased {
			return session.Fault(session.ErrErased, e.ID, "Session %q, which it was forked from, was deleted.", e.Parent.Session)
		}
		e = parent
	}
	return nil
}

// living reads a session that was not erased.
func living(tx Tx, lock, tenant, id string) (session.Entry, error) {
	e, found, err := readEntry(tx, lock, tenant, id)
	switch {
	case err != nil:
		return e, err
	case !found:
		return e, noSession(id)
	case e.Erased:
		return e, session.Fault(session.ErrErased, id, "The session was deleted.")
	}
	return e, nil
}

// LoadSnapshot implements [session.Snapshots].
func (db *DB) LoadSnapshot(ctx context.Context, tenant, id, fold string, seq uint64) (session.Snapshot, error) {
	s := session.Snapshot{Tenant: tenant, Session: id, Fold: fold}
	var found bool
	err := db.engine.Read(ctx, of(tenant), func(tx Tx) (err error) {
		var at int64
		found, err = one(tx, `SELECT seq, body FROM snapshots WHERE session = ? AND fold = ? AND seq <= ? AND tenant = ?
			ORDER BY seq DESC LIMIT 1`, []any{id, fold, int64(seq), tenant}, &at, &s.Body)
		s.Seq = uint64(at)
		return err
	})
	if err == nil && !found {
		err = session.Fault(session.ErrNotFound, id, "There is no snapshot of the session.")
	}
	if err != nil {
		return session.Snapshot{}, failed("load snapshot", err)
	}
	return s, nil
}
