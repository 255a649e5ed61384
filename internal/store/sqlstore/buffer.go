package sqlstore

import (
	"context"
	"encoding/binary"
	"errors"

	"github.com/craton-ai/craton/internal/session"
)

// AppendDeltas implements [session.Buffer].
func (db *DB) AppendDeltas(ctx context.Context, d session.Deltas) error {
	if err := d.Check(); err != nil {
		return err
	}
	err := db.engine.Write(ctx, Scope{Tenant: d.Tenant, Loose: true}, func(tx Tx) error {
		now, err := db.now(tx)
		if err != nil {
			return err
		}
		e, err := living(tx, db.engine.Dialect().ForUpdate, d.Tenant, d.Session)
		if err != nil {
			return err
		}
		if e.Epoch != d.Epoch {
			return session.Fault(session.ErrFenced, d.Session, "The session is in epoch %d, not %d.", e.Epoch, d.Epoch)
		}
		for i, one := range d.Deltas {
			if i > 0 && one.ID.Seq == d.Deltas[i-1].ID.Seq {
				continue
			}
			last, err := lastDelta(tx, d.Session, one.ID.Seq)
			if err != nil {
				return err
			}
			if one.ID.Compare(last) <= 0 {
				return session.Fault(session.ErrInvalid, d.Session, "Delta %s cannot follow %s.", one.ID, last)
			}
		}
		return insertDeltas(tx, d, micros(now.Add(d.TTL)))
	})
	return failed("append deltas", err)
}

// lastDelta is the last of one event: events of a session that are streamed at
// the same time are no matter to each other.
func lastDelta(tx Tx, id string, seq uint64) (session.EventID, error) {
	var attempt, n int64
	_, err := one(tx, `SELECT attempt, last FROM deltas WHERE session = ? AND seq = ?
		ORDER BY attempt DESC, first DESC LIMIT 1`, []any{id, int64(seq)}, &attempt, &n)
	return session.EventID{Seq: seq, Attempt: uint32(attempt), N: uint32(n)}, err
}

// insertDeltas writes one row for each attempt.
func insertDeltas(tx Tx, d session.Deltas, expires int64) error {
	for rest := d.Deltas; len(rest) > 0; {
		first := rest[0].ID
		var body []byte
		n := 0
		for n < len(rest) && rest[n].ID.Seq == first.Seq && rest[n].ID.Attempt == first.Attempt {
			body = binary.AppendUvarint(body, uint64(len(rest[n].Data)))
			body = append(body, rest[n].Data...)
			n++
		}
		if _, err := tx.Exec(`INSERT INTO deltas (session, seq, attempt, first, last, tenant, expires_at, body)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?)`, d.Session, int64(first.Seq), int64(first.Attempt), int64(first.N),
			int64(rest[n-1].ID.N), d.Tenant, expires, body); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

// ReadDeltas implements [session.Buffer].
func (db *DB) ReadDeltas(ctx context.Context, tenant, id string, after session.EventID, limit int) ([]session.Delta, error) {
	if limit <= 0 || limit > session.MaxDeltas {
		limit = session.MaxDeltas
	}
	var page []session.Delta
	err := db.engine.Read(ctx, of(tenant), func(tx Tx) error {
		page = nil
		rows, err := tx.Query(`SELECT seq, attempt, first, body FROM deltas WHERE session = ? AND tenant = ? AND seq >= ?
			AND (seq > ? OR attempt > ? OR attempt = ? AND last > ?) ORDER BY seq, attempt, first LIMIT ?`,
			id, tenant, int64(after.Seq), int64(after.Seq), int64(after.Attempt), int64(after.Attempt), int64(after.N), limit)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() && len(page) < limit {
			var seq, attempt, first int64
			var body []byte
			if err := rows.Scan(&seq, &attempt, &first, &body); err != nil {
				return err
			}
			next := session.EventID{Seq: uint64(seq), Attempt: uint32(attempt), N: uint32(first)}
			if page, err = splitDeltas(page, next, body, after, limit); err != nil {
				return err
			}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil || len(page) > 0 {
			return err
		}
		_, found, err := readHead(tx, tenant, id)
		if err == nil && !found {
			return noSession(id)
		}
		return err
	})
	return page, failed("read deltas", err)
}

// splitDeltas adds a row's deltas that come after after.
func splitDeltas(page []session.Delta, next session.EventID, body []byte, after session.EventID, limit int) ([]session.Delta, error) {
	for ; len(body) > 0 && len(page) < limit; next.N++ {
		size, n := binary.Uvarint(body)
		if n <= 0 || size > uint64(len(body)-n) {
			return nil, errors.New("a row of the stream buffer is malformed")
		}
		if next.Compare(after) > 0 {
			page = append(page, session.Delta{ID: next, Data: body[n : n+int(size) : n+int(size)]})
		}
		body = body[n+int(size):]
	}
	return page, nil
}
