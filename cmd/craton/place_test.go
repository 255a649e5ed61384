package main

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/store/sqlite"
	"github.com/craton-ai/craton/internal/store/sqlstore"
)

// oldSchema is a version whose stores this program still reads.
const oldSchema = 6

// oldStore makes an empty store as a program of oldSchema left it.
func oldStore(t *testing.T) (data string) {
	t.Helper()
	data = t.TempDir()
	db, err := sql.Open("sqlite", filepath.Join(data, sqlite.FileName))
	if err != nil {
		t.Fatal(err)
	}
	words := strings.NewReplacer("{{TEXT}}", "TEXT", "{{BYTES}}", "BLOB", "{{JSON}}", "TEXT")
	steps := []string{"CREATE TABLE schema_versions (id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER NOT NULL, is_applied INTEGER NOT NULL, tstamp TIMESTAMP DEFAULT (datetime('now')))",
		"INSERT INTO schema_versions (version_id, is_applied) VALUES (0, 1)"}
	names, err := filepath.Glob("../../internal/store/sqlstore/migrations/*.sql")
	if err != nil || len(names) < oldSchema {
		t.Fatalf("%d migrations, %v", len(names), err)
	}
	slices.Sort(names)
	for i, name := range names[:oldSchema] {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(name, ".postgres.") {
			steps = append(steps, words.Replace(string(text)))
		}
		steps = append(steps, fmt.Sprintf("INSERT INTO schema_versions (version_id, is_applied) VALUES (%d, 1)", i+1))
	}
	for _, step := range steps {
		if _, err := db.Exec(step); err != nil {
			t.Fatalf("%v in %s", err, step)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return data
}

// schemaOf is the version of the schema of a directory's database.
func schemaOf(t *testing.T, dir string) int64 {
	t.Helper()
	version, err := sqlite.Look(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return version
}

// TestOldStoresStayAsTheyAre checks, backs up and opens for copying the store
// that a configuration names, of an older schema.
func TestOldStoresStayAsTheyAre(t *testing.T) {
	t.Parallel()
	data, backups := oldStore(t), filepath.Join(t.TempDir(), "backups")
	path := filepath.Join(t.TempDir(), "craton.yaml")
	text := "data: " + data + "\nbackup_dir: " + backups + "\nlisten: 0.0.0.0:8420\n" // plaintext as a flag of the server's
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(filepath.Join(data, sqlite.FileName))
	if err != nil {
		t.Fatal(err)
	}
	var out, told bytes.Buffer
	s := streams{out: &out, err: &told, getenv: func(string) string { return "" }}
	if code := run([]string{"backup", "--config", path, "kept"}, s); code != 0 || schemaOf(t, filepath.Join(backups, "kept")) != oldSchema {
		t.Errorf("backup: %d, %s", code, &told)
	}
	told.Reset()
	if code := run([]string{"store", "check", "--config", path}, s); code != 0 || !strings.Contains(out.String(), "0 sessions with 0 events verify") ||
		!strings.Contains(told.String(), fmt.Sprintf("has version %d, this program's %d", oldSchema, sqlstore.SchemaVersion())) {
		t.Errorf("check: %d, %s%s", code, &out, &told)
	}
	migrate := storeMigrate{storeSource: storeSource{place: place{Config: path}}}
	cfg, err := migrate.load(s)
	if err != nil {
		t.Fatal(err)
	}
	source, err := migrate.open(t.Context(), cfg, s)
	if err != nil {
		t.Fatal(err)
	}
	if err := source.EverySession(t.Context(), func(string, string) error { return nil }); err != nil {
		t.Errorf("the copy to migrate from: %v", err)
	}
	if err := source.close(); err != nil {
		t.Error(err)
	}
	if after, err := os.ReadFile(filepath.Join(data, sqlite.FileName)); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the store was changed, %v", err)
	}
	if left, err := os.ReadDir(backups); err != nil || len(left) != 1 {
		t.Errorf("left in the directory of backups: %v, %v", left, err)
	}
}

// TestFlagsWinOverTheConfiguration names another directory than the
// configuration, a schema nobody can read, and PostgreSQL.
func TestFlagsWinOverTheConfiguration(t *testing.T) {
	t.Parallel()
	data, empty := oldStore(t), t.TempDir()
	path := filepath.Join(t.TempDir(), "craton.yaml")
	env := map[string]string{"PG": "postgres://user:hunter2@127.0.0.1:1/none?connect_timeout=1"}
	var told bytes.Buffer
	s := streams{out: io.Discard, err: &told, getenv: func(name string) string { return env[name] }}
	refused := func(text, words string, args ...string) {
		t.Helper()
		told.Reset()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if code := run(append(args, "--config", path), s); code != 1 || !strings.Contains(told.String(), words) || strings.Contains(told.String(), "hunter2") {
			t.Errorf("%v with %q: %d, %s, want %q", args, text, code, &told, words)
		}
	}
	for _, args := range [][]string{{"backup", "name"}, {"store", "check"}, {"store", "migrate", "--to", env["PG"]}} {
		refused("data: "+empty, "no store in "+empty, args...)
		refused("data: "+data, "no store in "+empty, append(args, "--data", empty)...)
	}
	if _, err := os.Stat(filepath.Join(empty, sqlite.FileName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a database was made: %v", err)
	}
	inPostgres := "data: " + data + "\nstore: {postgres: {env: PG}}"
	refused(inPostgres, "pg_dump", "backup", "name")
	refused(inPostgres, "none on 127.0.0.1", "store", "check")
	refused(inPostgres, "none on 127.0.0.1", "store", "migrate")
	db, err := sql.Open("sqlite", filepath.Join(data, sqlite.FileName))
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec("INSERT INTO schema_versions (version_id, is_applied) VALUES (9999, 1)")
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	refused("data: "+data, "version 9999", "store", "check")
}
