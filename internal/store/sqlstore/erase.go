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
	err := db.engine.Write(ctx, of(e.Tenant), func(tx Tx) error {
		// The session's row first, as an append does: nothing is added to what
		// is being erased.
		n, err := tx.Exec(`UPDATE sessions SET seq = seq WHERE id = ? AND tenant = ?`, e.Session, e.Tenant)
		if err != nil {
			return err
		}
		if n == 0 {
			return noSession(e.Session)
		}
		if whole {
			if err := bury(tx, e); err != nil {
				return err
			}
		}
		if err := eraseCopies(tx, e.Tenant, e.Session, int64(e.From)); err != nil {
			return err
		}
		return db.erasePayloads(tx, e.Tenant, e.Session, int64(e.From), to)
	})
	return failed("erase", err)
}

// bury leaves of a session what a tombstone says.
func bury(tx Tx, e session.Erasure) error {
	if _, err := tx.Exec(`UPDATE sessions SET digest_key = ?, erased_at = ?, epoch = epoch + 1, node = '', lease_until = 0,
		wake_at = 0, due_at = 0, quarantine = '' WHERE id = ? AND tenant = ? AND erased_at = 0`,
		[]byte{}, max(micros(e.At), 1), e.Session, e.Tenant); err != nil {
		return err
	}
	_, err := tx.Exec(`DELETE FROM session_facts WHERE session = ?`, e.Session)
	return err
}

// eraseCopies destroys what else may hold the payloads of events from on:
// snapshots, of forks and their forks too, and the stream buffer.
func eraseCopies(tx Tx, tenant, id string, from int64) error {
	if _, err := tx.Exec(`DELETE FROM deltas WHERE session = ? AND seq >= ?`, id, from); err != nil {
		return err
	}
	if _, err := tx.Exec(`DELETE FROM snapshots WHERE session = ? AND seq >= ?`, id, from); err != nil {
		return err
	}
	_, err := tx.Exec(`WITH RECURSIVE heirs (id) AS (
			SELECT id FROM sessions WHERE parent_session = ? AND parent_session <> '' AND parent_seq >= ? AND tenant = ?
			UNION SELECT s.id FROM sessions s JOIN heirs h ON s.parent_session = h.id AND s.parent_session <> '')
		DELETE FROM snapshots WHERE session IN (SELECT id FROM heirs)`, id, from, tenant)
	return err
}

func (db *DB) erasePayloads(tx Tx, tenant, id string, from, to int64) error {
	s := db.span(id, from, to)
	all := append(s.args, tenant)
	addresses, err := collect(tx, func(row scanner) (address string, err error) {
		return address, row.Scan(&address)
	}, s.with+`SELECT DISTINCT e.address FROM `+s.from+`
		WHERE `+s.where+` AND e.tenant = ? AND e.address <> '' ORDER BY e.address`, all...)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`DELETE FROM labels WHERE session = ? AND seq >= ? AND seq <= ? AND tenant = ?
		AND label IN (`+s.with+`SELECT e.label FROM `+s.from+` WHERE `+s.where+` AND e.tenant = ?)`,
		append([]any{id, from, to, tenant}, all...)...); err != nil {
		return err
	}
	if _, err := tx.Exec(`UPDATE events AS e SET payload = ?, label = '', address = '', erased = 1
		WHERE `+s.only()+` AND e.tenant = ? AND e.erased = 0`, append([]any{[]byte{}}, all...)...); err != nil {
		return err
	}
	for _, address := range addresses {
		if _, err := dropPayload(tx, tenant, address); err != nil {
			return err
		}
	}
	return nil
}
