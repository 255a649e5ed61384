package sqlstore

import (
	"context"

	"github.com/craton-ai/craton/internal/document"
)

func noDocument(kind, id string) error {
	return document.Fault(document.ErrNotFound, id, "There is no %s %q.", kind, id)
}

// Get implements [document.Store].
func (db *DB) Get(ctx context.Context, tenant, kind, id string) (document.Document, error) {
	d := document.Document{Tenant: tenant, Kind: kind, ID: id}
	var found bool
	err := db.engine.Read(ctx, of(tenant), func(tx Tx) (err error) {
		var created, updated int64
		found, err = one(tx, `SELECT version, body, created_at, updated_at FROM documents
			WHERE tenant = ? AND kind = ? AND id = ?`, []any{tenant, kind, id},
			&d.Version, &d.Body, &created, &updated)
		d.CreatedAt, d.UpdatedAt = timeOf(created), timeOf(updated)
		return err
	})
	if err == nil && !found {
		err = noDocument(kind, id)
	}
	return d, failed("get document", err)
}

// Put implements [document.Store].
func (db *DB) Put(ctx context.Context, d document.Document) (document.Document, error) {
	if err := d.Check(); err != nil {
		return document.Document{}, err
	}
	created := micros(d.CreatedAt)
	args := []any{d.Tenant, d.Kind, d.ID, blob(d.Body), created, micros(d.UpdatedAt)}
	// An insert that meets a stored document does nothing; with Any it
	// replaces. Both answer no row where the write must not happen.
	query := `INSERT INTO documents (tenant, kind, id, version, body, created_at, updated_at)
		VALUES (?, ?, ?, 1, ?, ?, ?) ON CONFLICT `
	switch d.Version {
	case 0:
		query += `DO NOTHING RETURNING version, created_at`
	case document.Any:
		query += `(tenant, kind, id) DO UPDATE SET version = documents.version + 1,
			body = excluded.body, updated_at = excluded.updated_at RETURNING version, created_at`
	default:
		query = `UPDATE documents SET version = version + 1, body = ?, updated_at = ?
			WHERE tenant = ? AND kind = ? AND id = ? AND version = ? RETURNING version, created_at`
		args = []any{blob(d.Body), micros(d.UpdatedAt), d.Tenant, d.Kind, d.ID, d.Version}
	}
	given := d.Version
	err := db.engine.Write(ctx, of(d.Tenant), func(tx Tx) error {
		written, err := one(tx, query, args, &d.Version, &created)
		if err == nil && !written {
			return document.Fault(document.ErrConflict, d.ID, "The %s %q does not have version %d.", d.Kind, d.ID, given)
		}
		return err
	})
	d.CreatedAt, d.UpdatedAt = timeOf(created), timeOf(micros(d.UpdatedAt))
	return d, failed("put document", err)
}

// Delete implements [document.Store].
func (db *DB) Delete(ctx context.Context, tenant, kind, id string, version int64) error {
	err := db.engine.Write(ctx, of(tenant), func(tx Tx) error {
		n, err := tx.Exec(`DELETE FROM documents WHERE tenant = ? AND kind = ? AND id = ? AND (version = ? OR ? = -1)`,
			tenant, kind, id, version, version)
		if err != nil || n > 0 {
			return err
		}
		var stored int64
		found, err := one(tx, `SELECT version FROM documents WHERE tenant = ? AND kind = ? AND id = ?`,
			[]any{tenant, kind, id}, &stored)
		switch {
		case err != nil:
			return err
		case !found:
			return noDocument(kind, id)
		}
		return document.Fault(document.ErrConflict, id, "The %s %q has version %d, not %d.", kind, id, stored, version)
	})
	return failed("delete document", err)
}

// List implements [document.Store].
func (db *DB) List(ctx context.Context, q document.Query) ([]document.Document, error) {
	var w where
	w.and("tenant = ? AND kind = ?", q.Tenant, q.Kind)
	if q.Prefix != "" {
		w.and("id >= ?", q.Prefix)
		if end := afterPrefix(q.Prefix); end != "" {
			w.and("id < ?", end)
		}
	}
	order := "id"
	if q.Descending {
		order = "id DESC"
	}
	if q.After != "" && q.Descending {
		w.and("id < ?", q.After)
	} else if q.After != "" {
		w.and("id > ?", q.After)
	}
	w.args = append(w.args, pageSize(q.Limit))
	var page []document.Document
	err := db.engine.Read(ctx, of(q.Tenant), func(tx Tx) (err error) {
		page, err = collect(tx, func(row scanner) (document.Document, error) {
			d := document.Document{Tenant: q.Tenant, Kind: q.Kind}
			var created, updated int64
			err := row.Scan(&d.ID, &d.Version, &d.Body, &created, &updated)
			d.CreatedAt, d.UpdatedAt = timeOf(created), timeOf(updated)
			return d, err
		}, `SELECT id, version, body, created_at, updated_at FROM documents`+w.sql+
			` ORDER BY `+order+` LIMIT ?`, w.args...)
		return err
	})
	return page, failed("list documents", err)
}

// afterPrefix is the least valid string greater than all that begin with
// prefix, or "" if there is none. It steps whole runes: databases refuse text
// that is not UTF-8.
func afterPrefix(prefix string) string {
	runes := []rune(prefix)
	for i := len(runes) - 1; i >= 0; i-- {
		switch runes[i] {
		case '\U0010ffff':
			continue
		case 0xd7ff: // surrogates are no runes
			runes[i] = 0xe000
		default:
			runes[i]++
		}
		return string(runes[:i+1])
	}
	return ""
}
