package sqlstore

import (
	"context"
	"math"

	"github.com/craton-ai/craton/internal/session"
)

// litter is a kind of what is to be removed: find looks for it in a read, and
// drop removes one if it still is such, in a write, and returns how many rows
// that were.
type litter struct {
	find func(tx Tx, now int64, limit int) ([][]any, error)
	drop func(tx Tx, now int64, what []any) (int64, error)
}

// Expire implements [session.Buffer].
func (db *DB) Expire(ctx context.Context) (int, error) {
	gone, err := db.remove(ctx, math.MaxInt, litter{expiredStreams, dropStream})
	return gone, failed("remove expired streams", err)
}

// Sweep implements [session.Index].
func (db *DB) Sweep(ctx context.Context, limit int) (swept session.Swept, err error) {
	if limit <= 0 {
		limit = maxPage
	}
	if swept.Payloads, err = db.remove(ctx, limit, litter{unusedPayloads, dropUnused}); err != nil {
		return swept, failed("sweep", err)
	}
	err = db.engine.Write(ctx, appending, func(tx Tx) error {
		now, err := db.now(tx)
		if err != nil {
			return err
		}
		gone, err := tx.Exec(`DELETE FROM nodes WHERE live_until <= ?`, micros(now))
		swept.Nodes = int(gone)
		return err
	})
	return swept, failed("sweep", err)
}

// remove removes up to limit of a kind, a page in each transaction, and returns
// how many.
func (db *DB) remove(ctx context.Context, limit int, kind litter) (all int, err error) {
	for all < limit {
		page := min(limit-all, maxPage)
		found, gone, err := db.removePage(ctx, page, kind)
		all += gone
		// A page that others removed meanwhile is left to them, with the next.
		if err != nil || found < page || gone == 0 {
			return all, err
		}
	}
	return all, nil
}

func (db *DB) removePage(ctx context.Context, page int, kind litter) (found, gone int, err error) {
	var now int64
	var all [][]any
	err = db.engine.Read(ctx, appending, func(tx Tx) error {
		at, err := db.now(tx)
		if err != nil {
			return err
		}
		now = micros(at)
		all, err = kind.find(tx, now, page)
		return err
	})
	if err != nil || len(all) == 0 {
		return 0, 0, err
	}
	err = db.engine.Write(ctx, appending, func(tx Tx) error {
		gone = 0
		for _, what := range all {
			n, err := kind.drop(tx, now, what)
			if err != nil {
				return err
			}
			gone += int(min(n, 1))
		}
		return nil
	})
	if err != nil {
		gone = 0
	}
	return len(all), gone, err
}

// expiredStreams finds events all of whose deltas expired. The sum keeps SQLite
// from reading the whole table in the order of its key, for the sake of DISTINCT.
func expiredStreams(tx Tx, now int64, limit int) ([][]any, error) {
	return collect(tx, scanPair[int64], `SELECT DISTINCT session, seq + 0 FROM deltas d WHERE expires_at <= ? AND NOT EXISTS
		(SELECT 1 FROM deltas l WHERE l.session = d.session AND l.seq = d.seq AND l.expires_at > ?) LIMIT ?`, now, now, limit)
}

func dropStream(tx Tx, now int64, stream []any) (int64, error) {
	return tx.Exec(`DELETE FROM deltas WHERE session = ? AND seq = ? AND NOT EXISTS
		(SELECT 1 FROM deltas l WHERE l.session = ? AND l.seq = ? AND l.expires_at > ?)`,
		stream[0], stream[1], stream[0], stream[1], now)
}

// unusedPayloads finds payloads that no event has.
func unusedPayloads(tx Tx, _ int64, limit int) ([][]any, error) {
	return collect(tx, scanPair[string], `SELECT tenant, address FROM payloads p WHERE NOT EXISTS
		(SELECT 1 FROM events e WHERE e.tenant = p.tenant AND e.address = p.address AND e.address <> '') LIMIT ?`, limit)
}

func dropUnused(tx Tx, _ int64, payload []any) (int64, error) {
	return dropPayload(tx, payload[0].(string), payload[1].(string))
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
