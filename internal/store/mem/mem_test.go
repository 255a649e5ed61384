package mem_test

import (
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/document/documenttest"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/identity/identitytest"
	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/session/sessiontest"
	"github.com/craton-ai/craton/internal/store/mem"
	"github.com/craton-ai/craton/internal/usage"
	"github.com/craton-ai/craton/internal/usage/usagetest"
)

func TestDocuments(t *testing.T) {
	t.Parallel()
	documenttest.Run(t, func(*testing.T) document.Store { return mem.New() })
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	identitytest.Run(t, func(*testing.T) identity.Store { return mem.New() })
}

func TestSessions(t *testing.T) {
	t.Parallel()
	sessiontest.Run(t, func(*testing.T) session.Store { return mem.New() })
}

func TestUsage(t *testing.T) {
	t.Parallel()
	usagetest.Run(t, func(*testing.T) usage.Store { return mem.New() })
}

func TestRuntime(t *testing.T) {
	t.Parallel()
	sessiontest.RunRuntime(t, func(*testing.T) (sessiontest.Runtime, func(time.Duration)) {
		clock := sessiontest.NewClock()
		return mem.New(mem.WithClock(clock.Now)), clock.Advance
	})
}
