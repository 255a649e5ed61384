package sqlstore

import (
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
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
	var told []int64
	words := testDialect
	words.Migrating = func(from, to int64) { told = append(told, from, to) }
	for range 2 {
		if err := migrate(ctx, db, words, []*goose.Migration{one(), whole(), migration(3, "CREATE TABLE four (a TEXT);\n")}); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(told, []int64{2, 3}) {
		t.Errorf("one step from 2 to 3 was told as %v", told)
	}
	if !exists(t, db, "two") || !exists(t, db, "three") {
		t.Error("the mended migration was not applied")
	}
	if err := migrate(ctx, db, testDialect, []*goose.Migration{one()}); !errors.Is(err, ErrNewerSchema) {
		t.Errorf("an older program opened version 3: %v", err)
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

// TestTablesAreAllCopied compares what is copied with the schema.
func TestTablesAreAllCopied(t *testing.T) {
	t.Parallel()
	db := testDB(t)
	if err := Migrate(t.Context(), db, testDialect); err != nil {
		t.Fatal(err)
	}
	rows, err := db.Query(`SELECT m.name, c.name, c.type, c.pk FROM sqlite_master m JOIN pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name <> 'schema_versions' ORDER BY m.name, c.cid`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	schema := map[string]string{}
	for rows.Next() {
		var name, column, kind string
		var key int
		if err := rows.Scan(&name, &column, &kind, &key); err != nil {
			t.Fatal(err)
		}
		schema[name] += fmt.Sprintf("%s:%s:%v ", column, kind, key > 0)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	delete(schema, "session_tags") // triggers fill it
	copied := map[string]string{}
	for _, table := range tables() {
		for i, c := range table.columns {
			kind := map[byte]string{'t': "TEXT", 'n': "BIGINT", 'b': "BLOB", 'j': "TEXT", 'i': "INTEGER"}[c.kind]
			copied[table.name] += fmt.Sprintf("%s:%s:%v ", c.name, kind, i < table.key)
		}
	}
	if !maps.Equal(schema, copied) {
		t.Errorf("the schema has\n%v\nand copied is\n%v", schema, copied)
	}
}

// TestOlderSessionsAreBroughtForward migrates sessions of the first release.
func TestOlderSessionsAreBroughtForward(t *testing.T) {
	t.Parallel()
	db := testDB(t)
	all, err := migrations(testDialect)
	if err != nil {
		t.Fatal(err)
	}
	if err := migrate(t.Context(), db, testDialect, all[:1]); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`
		INSERT INTO sessions VALUES ('s', 't', 'k', '', 0, 5, 0, 2, X'', X'', 0);
		INSERT INTO events VALUES ('s', 1, 't', 'a', 3, 6, '', '', X'', X'', 0, X''), ('s', 2, 't', 'a', 1, 7, '', '', X'', X'', 0, X'')`); err != nil {
		t.Fatal(err)
	}
	if err := Migrate(t.Context(), db, testDialect); err != nil {
		t.Fatal(err)
	}
	var version, updated, due int64
	if err := db.QueryRow(`SELECT version, updated_at, due_at FROM sessions`).Scan(&version, &updated, &due); err != nil {
		t.Fatal(err)
	}
	if version != 3 || updated != 7 || due != 0 {
		t.Errorf("version %d, updated at %d, due at %d; want 3, 7 and never", version, updated, due)
	}
}

// TestUsageSurvivesItsMigration brings records from before version 4 forward.
func TestUsageSurvivesItsMigration(t *testing.T) {
	t.Parallel()
	ctx, db := t.Context(), testDB(t)
	all, err := migrations(testDialect)
	if err != nil {
		t.Fatal(err)
	}
	if err := migrate(ctx, db, testDialect, all[:3]); err != nil {
		t.Fatal(err)
	}
	const values = `VALUES (?, ?, ?, 'key', 'model', 'upstream', 'dialect', 'request', '{}', 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 200, 1, 2)`
	const row = `SELECT tenant || id || at || key_id || model || upstream || dialect || request_id || tags || input || cached_read ||
		cache_write_5m || cache_write_1h || output || reasoning || audio_input || audio_output || cost || latency_ms || ttft_ms ||
		status || estimated || attempts FROM usage_records ORDER BY tenant, at DESC, id DESC`
	for i, tenant := range []string{"t2", "t1", "t1"} {
		if _, err := db.Exec(`INSERT INTO usage_records (tenant, id, at, key_id, model, upstream, dialect, request_id, tags, input,
			cached_read, cache_write_5m, cache_write_1h, output, reasoning, audio_input, audio_output, cost, latency_ms, ttft_ms,
			status, estimated, attempts) `+values, tenant, fmt.Sprint("id", 9-i), i); err != nil {
			t.Fatal(err)
		}
	}
	before := texts(t, db, row)
	all, err = migrations(testDialect)
	if err != nil {
		t.Fatal(err)
	}
	if err := migrate(ctx, db, testDialect, all); err != nil {
		t.Fatal(err)
	}
	if after := texts(t, db, row); len(after) != 3 || !slices.Equal(before, after) {
		t.Errorf("before %v, after %v", before, after)
	}
}

func texts(t *testing.T, db *sql.DB, query string) (found []string) {
	t.Helper()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		found = append(found, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}
