package sqlite_test

import (
	"bytes"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/craton-ai/craton/internal/store/sqlite"
	"github.com/craton-ai/craton/internal/store/sqlstore"
)

// TestLookChangesNothing looks into stores that older, the same and newer
// programs wrote, and into none.
func TestLookChangesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, sqlite.FileName)
	if _, err := sqlite.Look(t.Context(), dir); err == nil {
		t.Error("a database that is not there was opened")
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("looking made a database: %v", err)
	}
	store := open(t, dir)
	if _, err := sqlite.Look(t.Context(), dir); !errors.Is(err, sqlite.ErrInUse) {
		t.Errorf("a store in use: %v", err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	known := sqlstore.SchemaVersion()
	for _, c := range []struct {
		change string
		want   int64
		err    error
	}{
		{"SELECT 1", known, nil},
		{"DELETE FROM schema_versions WHERE version_id = (SELECT max(version_id) FROM schema_versions)", known - 1, nil},
		{"INSERT INTO schema_versions (version_id, is_applied) VALUES (9999, 1)", 9999, sqlstore.ErrNewerSchema},
		{"DROP TABLE schema_versions", 0, nil},
	} {
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = db.Exec(c.change)
		if err = errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := sqlite.Look(t.Context(), dir)
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("after %s: %d, %v; want %d, %v", c.change, got, err, c.want, c.err)
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
			t.Errorf("after %s: looking changed the database, %v", c.change, err)
		}
	}
}
