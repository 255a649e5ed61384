package sqlstore

import (
	"database/sql"
	"errors"
	"path/filepath"
	"testing"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

var testDialect = Dialect{Name: "sqlite", Text: "TEXT", Bytes: "BLOB", JSON: "TEXT"}

func testDB(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "test.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func exists(t *testing.T, db *sql.DB, table string) bool {
	t.Helper()
	var n int
	if err := db.QueryRow(`SELECT COUNT(*) FROM sqlite_master WHERE name = ?`, table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n > 0
}

func TestMigrationsGoForwardWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db := testDB(t)
	one := func() *goose.Migration { return migration(1, "CREATE TABLE one (a TEXT);\n") }
	broken := migration(2, "CREATE TABLE two (a TEXT);\nCREATE TABLE one (a TEXT);\n")
	if err := migrate(ctx, db, testDialect, []*goose.Migration{one(), broken}); err == nil {
		t.Fatal("a broken migration succeeded")
	}
	if !exists(t, db, "one") || exists(t, db, "two") {
		t.Error("a broken migration left something, or undid the one before")
	}
	whole := func() *goose.Migration {
		return migration(2, "CREATE TABLE two (a TEXT);\nCREATE TABLE three (a TEXT);\n")
	}
	for range 2 {
		if err := migrate(ctx, db, testDialect, []*goose.Migration{one(), whole()}); err != nil {
			t.Fatal(err)
		}
	}
	if !exists(t, db, "two") || !exists(t, db, "three") {
		t.Error("the mended migration was not applied")
	}
	if err := migrate(ctx, db, testDialect, []*goose.Migration{one()}); !errors.Is(err, ErrNewerSchema) {
		t.Errorf("an older program opened version 2: %v", err)
	}
}

func TestEmbeddedMigrations(t *testing.T) {
	t.Parallel()
	db := testDB(t)
	if err := Migrate(t.Context(), db, testDialect); err != nil {
		t.Fatal(err)
	}
	var version int64
	if err := db.QueryRow(`SELECT MAX(version_id) FROM schema_versions`).Scan(&version); err != nil || version != SchemaVersion() {
		t.Errorf("schema version %d, want %d (%v)", version, SchemaVersion(), err)
	}
}

func TestAfterPrefix(t *testing.T) {
	t.Parallel()
	for prefix, want := range map[string]string{
		"a": "b", "a/": "a0", "ab\U0010ffff": "ac", "\U0010ffff": "", "\ud7ff": "\ue000", "ü": "ý", "": "",
	} {
		if got := afterPrefix(prefix); got != want {
			t.Errorf("afterPrefix(%q) = %q, want %q", prefix, got, want)
		}
	}
}
