package sqlstore

import (
	"context"
	"math"

	"github.com/craton-ai/craton/internal/session"
)

// Erase implements [session.Store].
func (db *DB) Erase(ctx context.Context, e session.Erasure) error {
	to := int64(e.To)
	if e.To == 0 || e.To > math.MaxInt64 {
		to = math.MaxInt64
	}
	whole := e.From <= 1 && e.To == 0
	err := db.engine.Write(ctx, func(tx Tx) error {
		// The session's row first, as an append does: nothing is added to what
		// is being erased.
		n, err := tx.Exec(`UPDATE sessions SET digest_key = CASE WHEN ? = 1 THEN ? ELSE digest_key END,
			erased_at = CASE WHEN ? = 1 AND erased_at = 0 THEN ? ELSE erased_at END WHERE id = ? AND tenant = ?`,
			flag(whole), []byte{}, flag(whole), max(micros(e.At), 1), e.Session, e.Tenant)
		if err != nil {
			return err
		}
		if n == 0 {
			return noSession(e.Session)
		}
		return erasePayloads(tx, e.Tenant, e.Session, int64(e.From), to)
	})
	return failed("erase", err)
}

func erasePayloads(tx Tx, tenant, id string, from, to int64) error {
	span := []any{id, from, to, tenant}
	addresses, err := collect(tx, func(row scanner) (address string, err error) {
		return address, row.Scan(&address)
	}, `SELECT DISTINCT address FROM events
		WHERE session = ? AND seq >= ? AND seq <= ? AND tenant = ? AND address <> '' ORDER BY address`, span...)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`DELETE FROM labels WHERE session = ? AND seq >= ? AND seq <= ? AND tenant = ?
		AND label IN (SELECT label FROM events WHERE session = ? AND seq >= ? AND seq <= ? AND tenant = ?)`,
		append(span, span...)...); err != nil {
		return err
	}
	if _, err := tx.Exec(`UPDATE events SET payload = ?, label = '', address = '', erased = 1
		WHERE session = ? AND seq >= ? AND seq <= ? AND tenant = ? AND erased = 0`,
		append([]any{[]byte{}}, span...)...); err != nil {
		return err
	}
	for _, address := range addresses {
		// Take hold of the payload before looking for other events that have
		// it, in a statement of its own: see insertEvent.
		if _, err := tx.Exec(`UPDATE payloads SET address = address WHERE tenant = ? AND address = ?`, tenant, address); err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM payloads WHERE tenant = ? AND address = ? AND NOT EXISTS
			(SELECT 1 FROM events WHERE tenant = ? AND address = ? AND address <> '')`,
			tenant, address, tenant, address); err != nil {
			return err
		}
	}
	return nil
}
