package sqlstore

import (
	"cmp"
	"context"
	"slices"

	"github.com/craton-ai/craton/internal/session"
)

func noSession(id string) error {
	return session.Fault(session.ErrNotFound, id, "There is no session %q.", id)
}

// Append implements [session.Store]. The head moves in one compared update,
// which also makes writers of one session wait for each other.
func (db *DB) Append(ctx context.Context, b session.Batch) error {
	if err := b.Check(); err != nil {
		return err
	}
	err := db.engine.Write(ctx, of(b.Session.Tenant), func(tx Tx) error {
		link, err := db.link(tx, b.Session.ID)
		if err != nil {
			return err
		}
		if err := db.moveHead(tx, b, link); err != nil {
			return err
		}
		for _, e := range b.Events {
			if err := insertEvent(tx, e, link); err != nil {
				return err
			}
		}
		if err := writeFacts(tx, b.Session.Tenant, b.Session.ID, b.Facts); err != nil || len(b.Deltas) == 0 {
			return err
		}
		return db.insertDeltas(tx, b.Said())
	})
	if b.Wake != nil && !b.Wake.IsZero() {
		err = db.hinted(err)
	}
	return failed("append", err)
}

// moveHead creates the session or moves its head, if it is as the batch says.
func (db *DB) moveHead(tx Tx, b session.Batch, l *link) error {
	s := b.Session
	last := b.Events[len(b.Events)-1]
	if s.Seq == 0 {
		return db.createSession(tx, b, l)
	}
	set := `seq = ?, head = ?, updated_at = ?, version = CASE WHEN version < ? THEN ? ELSE version END`
	version := int64(b.Version())
	args := []any{int64(last.Seq), last.Hash[:], micros(last.At), version, version}
	if l != nil {
		set += `, newest = ?`
		args = append(args, l.last+int64(len(b.Events)))
	}
	if b.Progress {
		set += `, takeovers = 0`
	}
	switch wake := wakeOf(b); {
	case b.Raise != 0: // whoever held it does no longer
		set += `, epoch = ?, node = '', lease_until = 0, wake_at = CASE WHEN ? = 1 THEN ? ELSE wake_at END,
			due_at = CASE WHEN quarantine <> '' THEN 0 WHEN ? = 1 THEN ? ELSE wake_at END`
		given := flag(b.Wake != nil)
		args = append(args, int64(b.Raise), given, wake, given, wake)
	case b.Wake != nil:
		set += `, wake_at = ?, due_at = CASE WHEN node = '' AND quarantine = '' THEN ? ELSE due_at END`
		args = append(args, wake, wake)
	}
	n, err := tx.Exec(`UPDATE sessions SET `+set+`
		WHERE id = ? AND tenant = ? AND epoch = ? AND seq = ? AND head = ? AND erased_at = 0`,
		append(args, s.ID, s.Tenant, int64(s.Epoch), int64(s.Seq), s.Head[:])...)
	if err != nil || n == 1 {
		return err
	}
	return refused(tx, s, false)
}

func (db *DB) createSession(tx Tx, b session.Batch, l *link) error {
	s := b.Session
	last := b.Events[len(b.Events)-1]
	if err := db.checkParent(tx, s); err != nil {
		return err
	}
	columns := `id, tenant, kind, parent_session, parent_seq, created_at, epoch, seq, head, digest_key, erased_at, version,
		updated_at, wake_at, due_at`
	args := []any{s.ID, s.Tenant, s.Kind, s.Parent.Session, int64(s.Parent.Seq), micros(s.CreatedAt), int64(max(s.Epoch, b.Raise)),
		int64(last.Seq), last.Hash[:], s.Key, 0, int64(b.Version()), micros(last.At), wakeOf(b), wakeOf(b)}
	if l != nil {
		columns += `, newest`
		args = append(args, l.last+int64(len(b.Events)))
	}
	n, err := tx.Exec(`INSERT INTO sessions (`+columns+`) VALUES (`+marks(len(args))+`) ON CONFLICT DO NOTHING`, args...)
	if err == nil && n == 0 {
		return session.Fault(session.ErrStale, s.ID, "The session exists already.")
	}
	return err
}

// wakeOf is the timer that the batch sets.
func wakeOf(b session.Batch) int64 {
	if b.Wake == nil {
		return 0
	}
	return micros(*b.Wake)
}

// refused says why the head could not be moved, or a lease not be released.
func refused(tx Tx, known session.Session, lease bool) error {
	stored, found, err := readHead(tx, known.Tenant, known.ID)
	switch {
	case err != nil:
		return err
	case !found:
		return noSession(known.ID)
	case stored.Key == nil:
		return session.Fault(session.ErrErased, known.ID, "The session was deleted.")
	case lease || stored.Epoch > known.Epoch:
		return session.Fault(session.ErrFenced, known.ID, "The session is in epoch %d and no longer held in epoch %d.",
			stored.Epoch, known.Epoch)
	}
	return session.Fault(session.ErrStale, known.ID, "The session is at event %d of epoch %d, not at event %d of epoch %d.",
		stored.Seq, stored.Epoch, known.Seq, known.Epoch)
}

// checkParent makes sure that the event a session continues from is there and
// has the hash the session begins with.
func (db *DB) checkParent(tx Tx, s session.Session) error {
	if s.Parent == (session.Ref{}) {
		if s.Head != (session.Hash{}) {
			return session.Fault(session.ErrInvalid, s.ID, "A session without a parent begins without a hash.")
		}
		return nil
	}
	parent, found, err := readHead(tx, s.Tenant, s.Parent.Session)
	switch {
	case err != nil:
		return err
	case !found:
		return noSession(s.Parent.Session)
	case parent.Key == nil:
		return session.Fault(session.ErrErased, s.Parent.Session, "The session was deleted.")
	}
	var seq int64
	at := db.span(s.Parent.Session, int64(s.Parent.Seq), int64(s.Parent.Seq))
	found, err = one(tx, at.with+`SELECT e.seq FROM `+at.from+` WHERE `+at.where+` AND e.hash = ? AND e.tenant = ?`,
		append(at.args, s.Head[:], s.Tenant), &seq)
	if err == nil && !found {
		return session.Fault(session.ErrNotFound, s.Parent.Session, "The session has no such event %d.", s.Parent.Seq)
	}
	return err
}

func insertEvent(tx Tx, e session.Event, l *link) error {
	payload := blob(e.Payload)
	if e.Address != "" {
		// Writing a payload that is there already takes hold of its row, so
		// that an erasure that found it unused waits and looks again.
		if _, err := tx.Exec(`INSERT INTO payloads (tenant, address, body) VALUES (?, ?, ?)
			ON CONFLICT (tenant, address) DO UPDATE SET address = excluded.address`,
			e.Tenant, e.Address, payload); err != nil {
			return err
		}
		payload = []byte{}
	}
	if err := l.add(tx, e, payload); err != nil {
		return err
	}
	if e.Label == "" {
		return nil
	}
	n, err := tx.Exec(`INSERT INTO labels (tenant, label, session, seq) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		e.Tenant, e.Label, e.Session, int64(e.Seq))
	if err == nil && n == 0 {
		return session.Fault(session.ErrLabelTaken, e.Label, "The label %q is in use.", e.Label)
	}
	return err
}

// Head implements [session.Store].
func (db *DB) Head(ctx context.Context, tenant, id string) (session.Session, error) {
	var s session.Session
	var found bool
	err := db.engine.Read(ctx, of(tenant), func(tx Tx) (err error) {
		s, found, err = readHead(tx, tenant, id)
		return err
	})
	if err == nil && !found {
		err = noSession(id)
	}
	return s, failed("read session", err)
}

func readHead(tx Tx, tenant, id string) (session.Session, bool, error) {
	s := session.Session{Tenant: tenant, ID: id}
	var parentSeq, created, epoch, seq int64
	var head []byte
	found, err := one(tx, `SELECT kind, parent_session, parent_seq, created_at, epoch, seq, head, digest_key
		FROM sessions WHERE id = ? AND tenant = ?`, []any{id, tenant},
		&s.Kind, &s.Parent.Session, &parentSeq, &created, &epoch, &seq, &head, &s.Key)
	s.Parent.Seq, s.CreatedAt, s.Epoch, s.Seq = uint64(parentSeq), timeOf(created), uint64(epoch), uint64(seq)
	copy(s.Head[:], head)
	s.Key = bytesOf(s.Key)
	return s, found, err
}

// Read implements [session.Store].
func (db *DB) Read(ctx context.Context, tenant, id string, after uint64, limit int) ([]session.Event, error) {
	var page []session.Event
	s := db.page(id, after, pageSize(limit))
	err := db.engine.Read(ctx, of(tenant), func(tx Tx) (err error) {
		page, err = collect(tx, func(row scanner) (session.Event, error) {
			e := session.Event{Tenant: tenant, Session: id}
			return e, scanEvent(row, &e)
		}, s.with+`SELECT e.seq, e.type, e.version, e.at, e.label, e.address, e.digest, e.hash, e.erased,
				COALESCE(p.body, e.payload)
			FROM `+s.from+` LEFT JOIN payloads p ON e.address <> '' AND p.tenant = e.tenant AND p.address = e.address
			WHERE `+s.where+` AND e.tenant = ?`, append(s.args, tenant)...)
		if err != nil || len(page) > 0 {
			return err
		}
		_, found, err := readHead(tx, tenant, id)
		if err == nil && !found {
			return noSession(id)
		}
		return err
	})
	slices.SortFunc(page, func(a, b session.Event) int { return cmp.Compare(a.Seq, b.Seq) })
	return page, failed("read events", err)
}

func scanEvent(row scanner, e *session.Event) error {
	var seq, version, at, erased int64
	var digest, hash []byte
	err := row.Scan(&seq, &e.Type, &version, &at, &e.Label, &e.Address, &digest, &hash, &erased, &e.Payload)
	e.Seq, e.Version, e.At, e.Erased = uint64(seq), int(version), timeOf(at), erased != 0
	copy(e.Digest[:], digest)
	copy(e.Hash[:], hash)
	e.Payload = bytesOf(e.Payload)
	return err
}

// Find implements [session.Store].
func (db *DB) Find(ctx context.Context, tenant, label string) (session.Ref, error) {
	var ref session.Ref
	var seq int64
	var found bool
	err := db.engine.Read(ctx, of(tenant), func(tx Tx) (err error) {
		found, err = one(tx, `SELECT session, seq FROM labels WHERE tenant = ? AND label = ?`,
			[]any{tenant, label}, &ref.Session, &seq)
		return err
	})
	if err == nil && !found {
		err = session.Fault(session.ErrNotFound, label, "There is nothing labelled %q.", label)
	}
	ref.Seq = uint64(seq)
	return ref, failed("find label", err)
}
