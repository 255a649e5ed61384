package sqlstore

import (
	"context"

	"github.com/craton-ai/craton/internal/usage"
)

// Lease implements [usage.Store].
func (db *DB) Lease(ctx context.Context, r usage.LeaseRequest) (usage.Grant, error) {
	if err := r.Check(); err != nil {
		return usage.Grant{}, err
	}
	var grant usage.Grant
	err := db.engine.Write(ctx, of(r.Scope.Tenant), func(tx Tx) (err error) {
		grant, err = lease(tx, r)
		return err
	})
	return grant, failed("lease budget", err)
}

func lease(tx Tx, r usage.LeaseRequest) (usage.Grant, error) {
	budget := []any{r.Scope.Tenant, r.Scope.KeyID, string(r.Period)}
	if _, err := tx.Exec(`INSERT INTO budgets (tenant, key_id, period, committed) VALUES (?, ?, ?, 0)
		ON CONFLICT DO NOTHING`, budget...); err != nil {
		return usage.Grant{}, err
	}
	// An update that changes nothing takes hold of the row, so that leases of
	// one budget are decided one after the other.
	var committed int64
	if _, err := one(tx, `UPDATE budgets SET committed = committed WHERE tenant = ? AND key_id = ? AND period = ?
		RETURNING committed`, budget, &committed); err != nil {
		return usage.Grant{}, err
	}
	var granted int64
	repeated, err := one(tx, `SELECT granted FROM leases WHERE tenant = ? AND id = ?`,
		[]any{r.Scope.Tenant, r.ID}, &granted)
	if err != nil {
		return usage.Grant{}, err
	}
	if repeated {
		return usage.Grant{Granted: granted, Remaining: max(r.Limit-committed, 0), Committed: committed}, nil
	}
	grant := r.Decide(committed)
	if grant.Granted == 0 {
		return grant, nil
	}
	if _, err := tx.Exec(`INSERT INTO leases (tenant, id, key_id, period, granted, at) VALUES (?, ?, ?, ?, ?, ?)`,
		r.Scope.Tenant, r.ID, r.Scope.KeyID, string(r.Period), grant.Granted, micros(r.At)); err != nil {
		return usage.Grant{}, err
	}
	return grant, commit(tx, r.Scope, string(r.Period), grant.Granted)
}

func commit(tx Tx, scope usage.Scope, period string, change int64) error {
	_, err := tx.Exec(`UPDATE budgets SET committed = committed + ? WHERE tenant = ? AND key_id = ? AND period = ?`,
		change, scope.Tenant, scope.KeyID, period)
	return err
}

// Settle implements [usage.Store].
func (db *DB) Settle(ctx context.Context, s usage.Settlement) error {
	err := db.engine.Write(ctx, of(s.Scope.Tenant), func(tx Tx) error {
		var period string
		var granted int64
		open, err := one(tx, `DELETE FROM leases WHERE tenant = ? AND id = ? AND key_id = ? RETURNING period, granted`,
			[]any{s.Scope.Tenant, s.LeaseID, s.Scope.KeyID}, &period, &granted)
		if err != nil || !open {
			return err
		}
		return commit(tx, s.Scope, period, s.Spent-granted)
	})
	return failed("settle budget", err)
}
