package sqlite_test

import (
	"bytes"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/store/sqlite"
	"github.com/craton-ai/craton/internal/store/sqlstore"
)

// TestOpenReadOnlyChangesNothing reads and backs up what a killed process left,
// log and all, as the schema of an older and of a newer program.
func TestOpenReadOnlyChangesNothing(t *testing.T) {
	t.Parallel()
	live := t.TempDir()
	store := open(t, live)
	if _, err := store.Put(t.Context(), document.Document{Tenant: "t", Kind: "k", ID: "a", Body: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	known := sqlstore.SchemaVersion()
	for version, change := range map[int64]string{
		known:     "",
		known - 1: "DELETE FROM schema_versions WHERE version_id = (SELECT max(version_id) FROM schema_versions)",
		9999:      "INSERT INTO schema_versions (version_id, is_applied) VALUES (9999, 1)",
	} {
		dir := t.TempDir()
		left := []string{sqlite.FileName, sqlite.FileName + "-wal"}
		for _, name := range left {
			copyInto(t, filepath.Join(live, name), filepath.Join(dir, name))
		}
		if change != "" { // which empties the log
			execute(t, filepath.Join(dir, sqlite.FileName), change)
			left = left[:1]
		}
		before := contents(t, dir, left)
		read, got, err := sqlite.OpenReadOnly(t.Context(), dir)
		if err != nil || got != version {
			t.Fatalf("version %d: found %d, %v", version, got, err)
		}
		if _, err := read.Get(t.Context(), "t", "k", "a"); err != nil {
			t.Errorf("version %d: read: %v", version, err)
		}
		if _, err := read.Put(t.Context(), document.Document{Tenant: "t", Kind: "k", ID: "b", Body: []byte("{}")}); !errors.Is(err, sqlite.ErrReadOnly) {
			t.Errorf("version %d: a write: %v", version, err)
		}
		if _, _, err := sqlite.OpenReadOnly(t.Context(), dir); !errors.Is(err, sqlite.ErrInUse) {
			t.Errorf("version %d: opened twice: %v", version, err)
		}
		to := t.TempDir()
		if err := errors.Join(read.Backup(t.Context(), to), read.Close()); err != nil {
			t.Fatalf("version %d: %v", version, err)
		}
		if !bytes.Equal(contents(t, dir, left), before) {
			t.Errorf("version %d: reading changed the database", version)
		}
		copied, got, err := sqlite.OpenReadOnly(t.Context(), to)
		if err != nil || got != version {
			t.Fatalf("version %d: its backup has version %d, %v", version, got, err)
		}
		_, err = copied.Get(t.Context(), "t", "k", "a")
		if err := errors.Join(err, copied.Close()); err != nil {
			t.Errorf("version %d: the backup: %v", version, err)
		}
	}
	if _, _, err := sqlite.OpenReadOnly(t.Context(), t.TempDir()); err == nil {
		t.Error("a database that is not there was opened")
	}
}

func copyInto(t *testing.T, from, to string) {
	t.Helper()
	raw, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, raw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// contents are the files' bytes, one after the other.
func contents(t *testing.T, dir string, names []string) (all []byte) {
	t.Helper()
	for _, name := range names {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, raw...)
	}
	return all
}

func execute(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec(statement)
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}
