package postgres_test

import (
	"database/sql"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/document/documenttest"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/identity/identitytest"
	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/session/sessiontest"
	"github.com/craton-ai/craton/internal/store/postgres"
	"github.com/craton-ai/craton/internal/store/postgres/postgrestest"
	"github.com/craton-ai/craton/internal/usage"
	"github.com/craton-ai/craton/internal/usage/usagetest"
)

func open(t *testing.T) *postgres.Store { return openAt(t, prepared(t)) }

// prepared is the address of a database that has the schema.
func prepared(t *testing.T) string {
	t.Helper()
	return postgrestest.Prepared(t, func(address string) error {
		store, err := postgres.Open(t.Context(), address)
		if err != nil {
			return err
		}
		return store.Close()
	})
}

func openAt(t *testing.T, address string, options ...postgres.Option) *postgres.Store {
	t.Helper()
	store, err := postgres.Open(t.Context(), address, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

func TestDocuments(t *testing.T) {
	t.Parallel()
	documenttest.Run(t, func(t *testing.T) document.Store { return open(t) })
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	identitytest.Run(t, func(t *testing.T) identity.Store { return open(t) })
}

func TestSessions(t *testing.T) {
	t.Parallel()
	sessiontest.Run(t, func(t *testing.T) session.Store { return open(t) })
}

func TestUsage(t *testing.T) {
	t.Parallel()
	usagetest.Run(t, func(t *testing.T) usage.Store { return open(t) })
}

func TestRuntime(t *testing.T) {
	t.Parallel()
	sessiontest.RunRuntime(t, func(t *testing.T) (sessiontest.Runtime, func(time.Duration)) {
		address := prepared(t)
		db, err := sql.Open("pgx", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		exec := func(query string, args ...any) {
			if _, err := db.Exec(query, args...); err != nil {
				t.Error(err)
			}
		}
		exec(`CREATE TABLE test_clock AS SELECT CAST(1772366400000000 AS BIGINT) AS micros`)
		exec(`GRANT SELECT ON test_clock TO PUBLIC`)
		store := openAt(t, address, postgres.WithClock("SELECT micros FROM test_clock"))
		return store, func(d time.Duration) { exec(`UPDATE test_clock SET micros = micros + $1`, d.Microseconds()) }
	})
}
