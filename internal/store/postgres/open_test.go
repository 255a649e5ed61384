package postgres_test

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/craton-ai/craton/internal/store/postgres"
	"github.com/craton-ai/craton/internal/store/postgres/postgrestest"
	"github.com/craton-ai/craton/internal/store/sqlstore"
)

func TestReplicasStartTogether(t *testing.T) {
	t.Parallel()
	address := postgrestest.Database(t)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			store, err := postgres.Open(t.Context(), address)
			if err != nil {
				t.Error(err)
				return
			}
			if err := store.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestNewerSchemaIsRefused(t *testing.T) {
	t.Parallel()
	address := postgrestest.Database(t)
	store, err := postgres.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	newer := sqlstore.SchemaVersion() + 7
	if _, err := db.Exec(`INSERT INTO schema_versions (version_id, is_applied) VALUES ($1, true)`, newer); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = postgres.Open(t.Context(), address)
	if !errors.Is(err, sqlstore.ErrNewerSchema) || !strings.Contains(err.Error(), fmt.Sprint("version ", newer)) {
		t.Errorf("opening a newer schema: %v", err)
	}
}

func TestAddressesAreNotShown(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"postgres://craton:hunter2@localhost:notaport/craton",
		"postgres://craton:hunter2@127.0.0.1:1/craton?connect_timeout=1",
	} {
		_, err := postgres.Open(t.Context(), address)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("opening %s: %v", address, err)
		}
	}
}
