package postgres_test

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/store/postgres"
	"github.com/craton-ai/craton/internal/store/postgres/postgrestest"
	"github.com/craton-ai/craton/internal/store/sqlstore"
)

// TestOpenReadOnlyMigratesNothing opens a database without a store, one of this
// program, one of an older and one of a newer.
func TestOpenReadOnlyMigratesNothing(t *testing.T) {
	t.Parallel()
	address := postgrestest.Database(t)
	db, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	refused := func(words string) error {
		t.Helper()
		store, err := postgres.OpenReadOnly(t.Context(), address)
		if err == nil {
			_ = store.Close()
		}
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("opened: %v, want an error that says %q", err, words)
		}
		return err
	}
	if _, err := db.Exec("DROP SCHEMA public CASCADE; CREATE SCHEMA public"); err != nil {
		t.Fatal(err)
	}
	_ = refused("no store")
	store, err := postgres.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	doc := document.Document{Tenant: "t", Kind: "k", ID: "a", Body: []byte("{}")}
	if _, err := store.Put(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	read, err := postgres.OpenReadOnly(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := read.Get(t.Context(), "t", "k", "a"); err != nil {
		t.Error(err)
	}
	if _, err := read.Put(t.Context(), doc); !errors.Is(err, postgres.ErrReadOnly) {
		t.Errorf("a write: %v", err)
	}
	if err := read.Close(); err != nil {
		t.Error(err)
	}
	known := sqlstore.SchemaVersion()
	if _, err := db.Exec("DELETE FROM schema_versions WHERE version_id = $1", known); err != nil {
		t.Fatal(err)
	}
	_ = refused(fmt.Sprint("has version ", known-1))
	var left int64
	if err := db.QueryRow("SELECT max(version_id) FROM schema_versions").Scan(&left); err != nil || left != known-1 {
		t.Errorf("the schema has version %d now, %v", left, err)
	}
	if _, err := db.Exec("INSERT INTO schema_versions (version_id, is_applied) VALUES (9999, true)"); err != nil {
		t.Fatal(err)
	}
	if err := refused("version 9999"); !errors.Is(err, sqlstore.ErrNewerSchema) {
		t.Errorf("a newer schema: %v", err)
	}
}
