package sqlite_test

import (
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/document/documenttest"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/identity/identitytest"
	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/session/sessiontest"
	"github.com/craton-ai/craton/internal/store/sqlite"
	"github.com/craton-ai/craton/internal/usage"
	"github.com/craton-ai/craton/internal/usage/usagetest"
)

func open(t testing.TB, dir string, options ...sqlite.Option) *sqlite.Store {
	t.Helper()
	store, err := sqlite.Open(t.Context(), dir, options...)
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
	documenttest.Run(t, func(t *testing.T) document.Store { return open(t, t.TempDir()) })
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	identitytest.Run(t, func(t *testing.T) identity.Store { return open(t, t.TempDir()) })
}

func TestSessions(t *testing.T) {
	t.Parallel()
	sessiontest.Run(t, func(t *testing.T) session.Store { return open(t, t.TempDir()) })
}

func TestUsage(t *testing.T) {
	t.Parallel()
	usagetest.Run(t, func(t *testing.T) usage.Store { return open(t, t.TempDir()) })
}

func TestRuntime(t *testing.T) {
	t.Parallel()
	sessiontest.RunRuntime(t, func(t *testing.T) (sessiontest.Runtime, func(time.Duration)) {
		clock := sessiontest.NewClock()
		return open(t, t.TempDir(), sqlite.WithClock(clock.Now)), clock.Advance
	})
}
