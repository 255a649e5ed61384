package sqlstore

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/craton-ai/craton/internal/session"
)

// Claim implements [session.Leaser].
func (db *DB) Claim(ctx context.Context, node session.Node, tenant, id string) (session.Lease, error) {
	if err := node.Check(); err != nil {
		return session.Lease{}, err
	}
	var lease session.Lease
	// A quarantine is stored although it is an error, so it is not op's.
	var refusal error
	err := db.engine.Write(ctx, of(tenant), func(tx Tx) error {
		now, err := db.now(tx)
		if err != nil {
			return err
		}
		e, found, err := readEntry(tx, db.engine.Dialect().ForUpdate, tenant, id)
		if err != nil {
			return err
		}
		if !found {
			return noSession(id)
		}
		var changed bool
		if e, changed, refusal = e.Claim(node, now); changed {
			err = writeClaim(tx, e)
		}
		lease = e.Lease()
		return err
	})
	if err == nil {
		err = refusal
	}
	if err != nil {
		return session.Lease{}, failed("claim session", err)
	}
	return lease, nil
}

// writeClaim stores what [session.Entry.Claim] changed.
func writeClaim(tx Tx, e session.Entry) error {
	_, err := tx.Exec(`UPDATE sessions SET epoch = ?, node = ?, lease_until = ?, due_at = ?, takeovers = ?, quarantine = ?
		WHERE id = ? AND tenant = ?`,
		int64(e.Epoch), e.Node, micros(e.Until), micros(e.DueAt()), int64(e.Takeovers), e.Quarantine, e.ID, e.Tenant)
	return err
}

// Due implements [session.Leaser].
func (db *DB) Due(ctx context.Context, node session.Node, limit int) ([]session.Lease, error) {
	if err := node.Check(); err != nil {
		return nil, err
	}
	if limit <= 0 || limit > session.MaxDue {
		limit = session.MaxDue
	}
	var leases []session.Lease
	for len(leases) < limit {
		chunk := min(limit-len(leases), leaseChunk)
		granted, changed, err := db.due(ctx, node, chunk)
		if err != nil && len(leases) == 0 {
			return nil, failed("claim due sessions", err)
		}
		// What was claimed counts, whatever became of the rest.
		leases = append(leases, granted...)
		if err != nil || changed < chunk {
			break
		}
	}
	return leases, nil
}

// due claims up to limit due sessions and says how many changed: those that are
// granted, and those that were set aside.
func (db *DB) due(ctx context.Context, node session.Node, limit int) (leases []session.Lease, changed int, err error) {
	var readable []string
	var kinds []any
	for _, kind := range slices.Sorted(maps.Keys(node.Reads)) {
		readable = append(readable, "s.kind = ? AND s.version <= ?")
		kinds = append(kinds, kind, int64(node.Reads[kind]))
	}
	query := `SELECT ` + entryColumns + ` FROM sessions s WHERE s.due_at > 0 AND s.due_at <= ? AND (` +
		strings.Join(readable, " OR ") + `) ORDER BY s.due_at LIMIT ?` + db.engine.Dialect().SkipLocked
	err = db.engine.Write(ctx, appending, func(tx Tx) error {
		leases, changed = nil, 0
		now, err := db.now(tx)
		if err != nil {
			return err
		}
		args := append(append([]any{micros(now)}, kinds...), limit)
		due, err := collect(tx, scanEntry, query, args...)
		if err != nil {
			return err
		}
		for _, e := range due {
			e, claimed, refusal := e.Claim(node, now)
			if !claimed {
				continue
			}
			if err := writeClaim(tx, e); err != nil {
				return err
			}
			changed++
			if refusal == nil {
				leases = append(leases, e.Lease())
			}
		}
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	return leases, changed, nil
}

// Renew implements [session.Leaser].
func (db *DB) Renew(ctx context.Context, ttl time.Duration, leases ...session.Lease) ([]session.Lease, error) {
	if len(leases) == 0 {
		return nil, nil
	}
	// In one order everywhere, so that nodes do not wait for each other.
	sorted := slices.SortedFunc(slices.Values(leases), func(a, b session.Lease) int {
		return strings.Compare(a.Head.ID, b.Head.ID)
	})
	var held []session.Lease
	for chunk := range slices.Chunk(sorted, leaseChunk) {
		still, err := db.renew(ctx, ttl, chunk)
		if err != nil {
			return held, failed("renew leases", err)
		}
		held = append(held, still...)
	}
	return held, nil
}

// leaseChunk is how many leases one transaction grants or renews: their sessions
// take no appends meanwhile, and on a slow link more would not be done before the
// caller's time is over, and be undone.
const leaseChunk = 100

func (db *DB) renew(ctx context.Context, ttl time.Duration, leases []session.Lease) (held []session.Lease, err error) {
	err = db.engine.Write(ctx, appending, func(tx Tx) error {
		held = nil
		now, err := db.now(tx)
		if err != nil {
			return err
		}
		until := micros(now.Add(ttl))
		for _, l := range leases {
			n, err := tx.Exec(`UPDATE sessions SET lease_until = ?, due_at = ?
				WHERE id = ? AND tenant = ? AND epoch = ? AND node = ? AND erased_at = 0`,
				until, until, l.Head.ID, l.Head.Tenant, int64(l.Head.Epoch), l.Node)
			if err != nil {
				return err
			}
			if n == 1 {
				l.Until = timeOf(until)
				held = append(held, l)
			}
		}
		return nil
	})
	return held, err
}

// Release implements [session.Leaser].
func (db *DB) Release(ctx context.Context, l session.Lease, quarantine string) error {
	err := db.engine.Write(ctx, of(l.Head.Tenant), func(tx Tx) error {
		n, err := tx.Exec(`UPDATE sessions SET node = '', lease_until = 0, quarantine = ?,
			due_at = CASE WHEN ? = 1 THEN 0 ELSE wake_at END
			WHERE id = ? AND tenant = ? AND epoch = ? AND node = ? AND erased_at = 0`,
			quarantine, flag(quarantine != ""), l.Head.ID, l.Head.Tenant, int64(l.Head.Epoch), l.Node)
		if err != nil || n == 1 {
			return err
		}
		return refused(tx, session.Session{Tenant: l.Head.Tenant, ID: l.Head.ID, Epoch: l.Head.Epoch}, true)
	})
	return failed("release lease", db.hinted(err))
}

// Advertise implements [session.Leaser].
func (db *DB) Advertise(ctx context.Context, node session.Node) (map[string]int, error) {
	if err := node.Check(); err != nil {
		return nil, err
	}
	all := make(map[string]int)
	err := db.engine.Write(ctx, appending, func(tx Tx) error {
		now, err := db.now(tx)
		if err != nil {
			return err
		}
		for _, kind := range slices.Sorted(maps.Keys(node.Reads)) {
			if _, err := tx.Exec(`INSERT INTO nodes (id, kind, reads, live_until) VALUES (?, ?, ?, ?)
				ON CONFLICT (id, kind) DO UPDATE SET reads = excluded.reads, live_until = excluded.live_until`,
				node.ID, kind, int64(node.Reads[kind]), micros(now.Add(node.TTL))); err != nil {
				return err
			}
			var least int64
			if _, err := one(tx, `SELECT MIN(reads) FROM nodes WHERE kind = ? AND live_until > ?`,
				[]any{kind, micros(now)}, &least); err != nil {
				return err
			}
			all[kind] = int(least)
		}
		return nil
	})
	if err != nil {
		return nil, failed("advertise node", err)
	}
	return all, nil
}

// now is the database's clock.
func (db *DB) now(tx Tx) (time.Time, error) {
	d := db.engine.Dialect()
	if d.Clock != nil {
		return d.Clock().UTC().Truncate(time.Microsecond), nil
	}
	var now int64
	_, err := one(tx, d.Now, nil, &now)
	return timeOf(now), err
}
