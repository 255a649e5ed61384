package sqlstore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/craton-ai/craton/internal/identity"
	"github.com/go-json-experiment/json"
)

// keyFields is how the descriptive part of a key is stored: as one value, for
// nothing selects by it.
type keyFields struct {
	Name        string            `json:"name"`
	Kind        identity.KeyKind  `json:"kind"`
	Prefix      string            `json:"prefix"`
	Roles       []identity.Role   `json:"roles,omitempty"`
	Scopes      []identity.Scope  `json:"scopes,omitempty"`
	CreatedAt   int64             `json:"created_at"`
	ExpiresAt   int64             `json:"expires_at,omitzero"`
	RevokedAt   int64             `json:"revoked_at,omitzero"`
	Requests    int64             `json:"requests_per_minute,omitzero"`
	Tokens      int64             `json:"tokens_per_minute,omitzero"`
	Concurrent  int64             `json:"concurrent,omitzero"`
	DailyNano   int64             `json:"daily_nano_usd,omitzero"`
	MonthlyNano int64             `json:"monthly_nano_usd,omitzero"`
	Tags        map[string]string `json:"tags,omitempty"`
}

func fieldsOf(k identity.Key) keyFields {
	return keyFields{
		Name: k.Name, Kind: k.Kind, Prefix: k.Prefix, Roles: k.Roles, Scopes: k.Scopes,
		CreatedAt: micros(k.CreatedAt), ExpiresAt: micros(k.ExpiresAt), RevokedAt: micros(k.RevokedAt),
		Requests: k.Limits.RequestsPerMinute, Tokens: k.Limits.TokensPerMinute, Concurrent: k.Limits.Concurrent,
		DailyNano: k.Budgets.DailyNanoUSD, MonthlyNano: k.Budgets.MonthlyNanoUSD, Tags: k.Tags,
	}
}

func (f keyFields) into(k *identity.Key) {
	k.Name, k.Kind, k.Prefix, k.Roles, k.Scopes = f.Name, f.Kind, f.Prefix, f.Roles, f.Scopes
	k.CreatedAt, k.ExpiresAt, k.RevokedAt = timeOf(f.CreatedAt), timeOf(f.ExpiresAt), timeOf(f.RevokedAt)
	k.Limits = identity.Limits{RequestsPerMinute: f.Requests, TokensPerMinute: f.Tokens, Concurrent: f.Concurrent}
	k.Budgets = identity.Budgets{DailyNanoUSD: f.DailyNano, MonthlyNanoUSD: f.MonthlyNano}
	k.Tags = f.Tags
}

// Tenants implements [identity.Store].
func (db *DB) Tenants(ctx context.Context, f identity.TenantFilter) ([]identity.Tenant, error) {
	var w where
	w.equal("id", f.ID)
	w.equal("name", f.Name)
	w.equal("account_id", f.AccountID)
	if f.Root {
		w.and("root = 1")
	}
	if f.After != "" {
		w.and("id > ?", f.After)
	}
	w.args = append(w.args, pageSize(f.Limit))
	var found []identity.Tenant
	err := db.engine.Read(ctx, installation, func(tx Tx) (err error) {
		found, err = collect(tx, scanTenant, `SELECT id, name, account_id, created_at, disabled, root,
			daily_nano_usd, monthly_nano_usd, version
			FROM tenants`+w.sql+` ORDER BY id LIMIT ?`, w.args...)
		return err
	})
	return found, failed("read tenants", err)
}

func scanTenant(row scanner) (identity.Tenant, error) {
	var t identity.Tenant
	var created, disabled, root int64
	err := row.Scan(&t.ID, &t.Name, &t.AccountID, &created, &disabled, &root,
		&t.Budgets.DailyNanoUSD, &t.Budgets.MonthlyNanoUSD, &t.Version)
	t.CreatedAt, t.Disabled, t.Root = timeOf(created), disabled != 0, root != 0
	return t, err
}

// Credentials implements [identity.Store].
func (db *DB) Credentials(ctx context.Context, f identity.CredentialFilter) ([]identity.Credential, error) {
	var w where
	w.equal("tenant", f.TenantID)
	w.equal("id", f.ID)
	w.equal("lookup", f.Lookup)
	if f.After != "" {
		w.and("id > ?", f.After)
	}
	w.args = append(w.args, pageSize(f.Limit))
	var found []identity.Credential
	err := db.engine.Read(ctx, installation, func(tx Tx) (err error) {
		found, err = collect(tx, scanCredential, `SELECT id, tenant, lookup, sealed, key_fields, last_used_at, version
			FROM credentials`+w.sql+` ORDER BY id LIMIT ?`, w.args...)
		return err
	})
	return found, failed("read credentials", err)
}

func scanCredential(row scanner) (identity.Credential, error) {
	var c identity.Credential
	var text []byte
	var used int64
	if err := row.Scan(&c.ID, &c.TenantID, &c.Lookup, &c.Sealed, &text, &used, &c.Version); err != nil {
		return c, err
	}
	var fields keyFields
	if err := json.Unmarshal(text, &fields); err != nil {
		return c, fmt.Errorf("stored key %s: %w", c.ID, err)
	}
	fields.into(&c.Key)
	c.Sealed, c.LastUsedAt = bytesOf(c.Sealed), timeOf(used)
	return c, nil
}

// Write implements [identity.Store].
func (db *DB) Write(ctx context.Context, change identity.Change) error {
	err := db.engine.Write(ctx, installation, func(tx Tx) error {
		for _, t := range change.Tenants {
			if err := db.writeTenant(tx, t); err != nil {
				return err
			}
		}
		for _, c := range change.Credentials {
			if err := db.writeCredential(tx, c); err != nil {
				return err
			}
		}
		return nil
	})
	return failed("write tenants and credentials", err)
}

func (db *DB) writeTenant(tx Tx, t identity.Tenant) (err error) {
	var n int64
	if t.Version == 0 {
		n, err = tx.Exec(`INSERT INTO tenants (id, name, account_id, created_at, disabled, root,
			daily_nano_usd, monthly_nano_usd, version)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1) ON CONFLICT DO NOTHING`,
			t.ID, t.Name, t.AccountID, micros(t.CreatedAt), flag(t.Disabled), flag(t.Root),
			t.Budgets.DailyNanoUSD, t.Budgets.MonthlyNanoUSD)
	} else {
		n, err = tx.Exec(`UPDATE tenants SET name = ?, account_id = ?, created_at = ?, disabled = ?, root = ?,
			daily_nano_usd = ?, monthly_nano_usd = ?, version = version + 1 WHERE id = ? AND version = ?`,
			t.Name, t.AccountID, micros(t.CreatedAt), flag(t.Disabled), flag(t.Root),
			t.Budgets.DailyNanoUSD, t.Budgets.MonthlyNanoUSD, t.ID, t.Version)
	}
	if err == nil && n == 0 || err != nil && db.engine.Dialect().IsConflict(err) {
		return identity.Fault(identity.ErrConflict, t.ID,
			"The tenant was changed meanwhile, or its name or account id is in use.")
	}
	return err
}

func (db *DB) writeCredential(tx Tx, c identity.Credential) error {
	fields, err := json.Marshal(fieldsOf(c.Key), json.Deterministic(true))
	if err != nil {
		return fmt.Errorf("key %s: %w", c.ID, err)
	}
	var n int64
	if c.Version == 0 {
		n, err = tx.Exec(`INSERT INTO credentials (id, tenant, lookup, sealed, key_fields, last_used_at, version)
			VALUES (?, ?, ?, ?, ?, ?, 1) ON CONFLICT DO NOTHING`,
			c.ID, c.TenantID, c.Lookup, blob(c.Sealed), fields, micros(c.LastUsedAt))
	} else {
		n, err = tx.Exec(`UPDATE credentials SET tenant = ?, lookup = ?, sealed = ?, key_fields = ?,
			version = version + 1 WHERE id = ? AND version = ?`,
			c.TenantID, c.Lookup, blob(c.Sealed), fields, c.ID, c.Version)
	}
	if err == nil && n == 0 || err != nil && db.engine.Dialect().IsConflict(err) {
		return identity.Fault(identity.ErrConflict, c.ID, "The key was changed meanwhile, or its credential is in use.")
	}
	return err
}

// Touch implements [identity.Store].
func (db *DB) Touch(ctx context.Context, used map[string]time.Time) error {
	// In order, so that two processes that touch the same keys cannot wait for
	// each other.
	ids := slices.Sorted(maps.Keys(used))
	err := db.engine.Write(ctx, installation, func(tx Tx) error {
		for _, id := range ids {
			at := micros(used[id])
			if _, err := tx.Exec(`UPDATE credentials SET last_used_at = ? WHERE id = ? AND last_used_at < ?`, at, id, at); err != nil {
				return err
			}
		}
		return nil
	})
	return failed("touch keys", err)
}
