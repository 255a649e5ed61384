package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/store/sqlite"
	"github.com/craton-ai/craton/internal/store/sqlstore"
	"go.uber.org/goleak"
)

func put(t *testing.T, store *sqlite.Store, id string) {
	t.Helper()
	if _, err := store.Put(t.Context(), document.Document{Tenant: "t1", Kind: "k", ID: id, Body: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
}

func ids(t *testing.T, store *sqlite.Store) (out string) {
	t.Helper()
	page, err := store.List(t.Context(), document.Query{Tenant: "t1", Kind: "k"})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range page {
		out += d.ID
	}
	return out
}

func TestDirectoryHasOneOwner(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a ?#%20 b", "data")
	store := open(t, dir)
	_, err := sqlite.Open(t.Context(), dir)
	if !errors.Is(err, sqlite.ErrInUse) || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("a second opening: %v", err)
	}
	if err := sqlite.Restore(t.Context(), dir, dir); !errors.Is(err, sqlite.ErrInUse) {
		t.Errorf("a restore into a directory in use: %v", err)
	}
	put(t, store, "a")
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, sqlite.FileName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("database file: %v, %v", info, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*-wal")); len(left) != 0 {
		t.Errorf("a closed store left %v", left)
	}
	if got := ids(t, open(t, dir)); got != "a" {
		t.Errorf("after reopening: %q", got)
	}
}

func TestBackup(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	dir, backup, restored := t.TempDir(), filepath.Join(t.TempDir(), "b"), filepath.Join(t.TempDir(), "r")
	store := open(t, dir)
	put(t, store, "a")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { // writes go on meanwhile
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				put(t, store, fmt.Sprint("z", i))
			}
		}
	})
	err := store.Backup(ctx, backup)
	close(stop)
	wg.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Backup(ctx, backup); !errors.Is(err, sqlite.ErrExists) {
		t.Errorf("a backup over a backup: %v", err)
	}
	if err := sqlite.Restore(ctx, backup, restored); err != nil {
		t.Fatal(err)
	}
	if err := sqlite.Restore(ctx, backup, restored); !errors.Is(err, sqlite.ErrExists) {
		t.Errorf("a restore over data: %v", err)
	}
	if got := ids(t, open(t, restored)); !strings.HasPrefix(got, "a") {
		t.Errorf("restored: %q", got)
	}
	broken := t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, sqlite.FileName), []byte(strings.Repeat("no database", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	target := t.TempDir()
	if err := sqlite.Restore(ctx, broken, target); err == nil {
		t.Error("a broken backup was restored")
	}
	if left, _ := filepath.Glob(filepath.Join(target, sqlite.FileName+"*")); len(left) != 0 {
		t.Errorf("a refused restore left %v", left)
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store := open(t, dir)
	put(t, store, "a")
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, sqlite.FileName))
	if err != nil {
		t.Fatal(err)
	}
	newer := sqlstore.SchemaVersion() + 7
	if _, err := db.Exec(`INSERT INTO schema_versions (version_id, is_applied) VALUES (?, 1)`, newer); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = sqlite.Open(t.Context(), dir)
	if !errors.Is(err, sqlstore.ErrNewerSchema) || !strings.Contains(err.Error(), fmt.Sprint("version ", newer)) ||
		!strings.Contains(err.Error(), fmt.Sprint("up to ", sqlstore.SchemaVersion())) {
		t.Errorf("opening a newer schema: %v", err)
	}
}

func TestCloseAnswersEveryWriter(t *testing.T) {
	// Not parallel: it looks at all goroutines.
	ignore := goleak.IgnoreCurrent()
	dir := t.TempDir()
	store, err := sqlite.Open(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	const writers = 32
	var started, wg sync.WaitGroup
	acknowledged := make([]int, writers)
	started.Add(writers)
	for w := range writers {
		wg.Go(func() {
			for i := 0; ; i++ {
				_, err := store.Put(context.Background(), document.Document{Tenant: "t1", Kind: "k", ID: fmt.Sprintf("%d-%d", w, i)})
				if i == 0 {
					started.Done()
				}
				if errors.Is(err, sqlite.ErrClosed) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				acknowledged[w]++
			}
		})
	}
	started.Wait()
	if err := store.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	goleak.VerifyNone(t, ignore)
	again := open(t, dir)
	for w, n := range acknowledged {
		if _, err := again.Get(t.Context(), "t1", "k", fmt.Sprintf("%d-%d", w, n-1)); err != nil {
			t.Errorf("acknowledged write %d of writer %d: %v", n-1, w, err)
		}
	}
}
