package postgres_test

import (
	"os"
	"testing"

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

func TestMain(m *testing.M) { os.Exit(postgrestest.Main(m)) }

func open(t *testing.T) *postgres.Store {
	t.Helper()
	store, err := postgres.Open(t.Context(), postgrestest.Database(t))
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
