package sqlstore

import (
	"context"
	"time"

	"github.com/craton-ai/craton/internal/session"
)

// Sweep implements [session.Index]. What to remove is looked for in reads, and
// each is looked at again in the write that removes it.
func (db *DB) Sweep(ctx context.Context, limit int) (session.Swept, error) {
	var swept session.Swept
	if limit <= 0 || limit > maxPage {
		limit = maxPage
	}
	var now time.Time
	var streams [][]any
	var payloads [][]any
	err := db.engine.Read(ctx, appending, func(tx Tx) (err error) {
		if now, err = db.now(tx); err != nil {
			return err
		}
		if streams, err = collect(tx, scanPair[int64], `SELECT DISTINCT session, seq FROM deltas d WHERE expires_at <= ? AND NOT EXISTS
			(SELECT 1 FROM deltas l WHERE l.session = d.session AND l.seq = d.seq AND l.expires_at > ?) LIMIT ?`,
			micros(now), micros(now), limit); err != nil {
			return err
		}
		payloads, err = collect(tx, scanPair[string], `SELECT tenant, address FROM payloads p WHERE NOT EXISTS
			(SELECT 1 FROM events e WHERE e.tenant = p.tenant AND e.address = p.address AND e.address <> '') LIMIT ?`, limit)
		return err
	})
	if err != nil {
		return swept, failed("sweep", err)
	}
	err = db.engine.Write(ctx, appending, func(tx Tx) error {
		swept = session.Swept{}
		for _, s := range streams {
			n, err := tx.Exec(`DELETE FROM deltas WHERE session = ? AND seq = ? AND NOT EXISTS
				(SELECT 1 FROM deltas l WHERE l.session = ? AND l.seq = ? AND l.expires_at > ?)`,
				append(append(append([]any{}, s...), s...), micros(now))...)
			if err != nil {
				return err
			}
			swept.Streams += int(min(n, 1))
		}
		for _, p := range payloads {
			n, err := dropPayload(tx, p[0].(string), p[1].(string))
			if err != nil {
				return err
			}
			swept.Payloads += int(n)
		}
		gone, err := tx.Exec(`DELETE FROM nodes WHERE live_until <= ?`, micros(now))
		swept.Nodes = int(gone)
		return err
	})
	return swept, failed("sweep", err)
}

// scanPair reads a text and another value.
func scanPair[T any](row scanner) ([]any, error) {
	var a string
	var b T
	err := row.Scan(&a, &b)
	return []any{a, b}, err
}

// dropPayload removes a payload that no event has. It takes hold of it before
// it looks for events, in a statement of its own: see insertEvent.
func dropPayload(tx Tx, tenant, address string) (int64, error) {
	if _, err := tx.Exec(`UPDATE payloads SET address = address WHERE tenant = ? AND address = ?`, tenant, address); err != nil {
		return 0, err
	}
	return tx.Exec(`DELETE FROM payloads WHERE tenant = ? AND address = ? AND NOT EXISTS
		(SELECT 1 FROM events WHERE tenant = ? AND address = ? AND address <> '')`, tenant, address, tenant, address)
}
