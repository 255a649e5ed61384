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
		return db.insertDeltas(tx, d)
	})
	return failed("append deltas", err)
}

// insertDeltas writes one row for each attempt, while the session is in the
// epoch and no id was used. Events of a session that are streamed at the same
// time are no matter to each other.
func (db *DB) insertDeltas(tx Tx, d session.Deltas) error {
	now, err := db.now(tx)
	if err != nil {
		return err
	}
	for part := range d.Attempts() {
		first, last := part[0].ID, part[len(part)-1].ID
		n, err := tx.Exec(`INSERT INTO deltas (session, seq, attempt, first, last, tenant, expires_at, body)
			SELECT id, CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT), tenant, CAST(? AS BIGINT), ?
			FROM sessions WHERE id = ? AND tenant = ? AND epoch = ? AND erased_at = 0 AND COALESCE(
				(SELECT attempt < ? OR attempt = ? AND last < ? FROM deltas WHERE session = ? AND seq = ?
				ORDER BY attempt DESC, first DESC LIMIT 1), 1 = 1)`+db.engine.Dialect().ForUpdate,
			int64(first.Seq), int64(first.Attempt), int64(first.N), int64(last.N), micros(now.Add(d.TTL)), EncodeDeltas(part),
			d.Session, d.Tenant, int64(d.Epoch), int64(first.Attempt), int64(first.Attempt), int64(first.N), d.Session, int64(first.Seq))
		if err != nil {
			return err
		}
		if n == 0 {
			return unsaid(tx, d, first)
		}
	}
	return nil
}

// unsaid says why a delta could not be added.
func unsaid(tx Tx, d session.Deltas, id session.EventID) error {
	e, err := living(tx, "", d.Tenant, d.Session)
	if err != nil {
		return err
	}
	if e.Epoch != d.Epoch {
		return session.Fault(session.ErrFenced, d.Session, "The session is in epoch %d, not %d.", e.Epoch, d.Epoch)
	}
	return session.Fault(session.ErrInvalid, d.Session, "Delta %s cannot follow: its number was used.", id)
}

// EncodeDeltas is the body of the row that holds deltas of one attempt.
func EncodeDeltas(deltas []session.Delta) []byte {
	size := 0
	for _, one := range deltas {
		size += len(one.Data) + binary.MaxVarintLen32
	}
	body := make([]byte, 0, size)
	for _, one := range deltas {
		body = binary.AppendUvarint(body, uint64(len(one.Data)))
		body = append(body, one.Data...)
	}
	return body
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
