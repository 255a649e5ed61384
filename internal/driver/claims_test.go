package driver

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/store/mem"
)

// silent is a model that says nothing until its call ends.
type silent struct{}

func (silent) Ask(ctx context.Context, _ Asker, _ *model.Request) (*Answer, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestClaimsCross: of two claims by one node the later one counts, in whatever
// order they come back.
func TestClaimsCross(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := mem.New()
		journal, err := session.New(session.Config{Store: store, Now: time.Now, Random: strings.NewReader(strings.Repeat("x", 100)),
			ContentKey: func(context.Context, string) ([]byte, error) { return []byte("k"), nil }})
		if err != nil {
			t.Fatal(err)
		}
		d, err := New(Config{Store: Store{Journals: store, Leases: store, Snapshots: store, Buffer: store, Index: store},
			Journal: journal, Models: silent{}, Node: "n1", Now: time.Now, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { d.stop(); d.group.Wait() }()
		// Input would have the session claimed; it comes by another way.
		v, err := d.Sessions().Create(t.Context(), Creation{Tenant: "t1", Created: agent.Created{
			Definition: agent.Definition{ID: "agent_1", Model: "m"}, Mode: agent.Parking}})
		if err != nil {
			t.Fatal(err)
		}
		var leases [2]session.Lease
		for i := range leases {
			if leases[i], err = store.Claim(t.Context(), d.node, "t1", v.State.Session); err != nil {
				t.Fatal(err)
			}
		}
		d.start(leases[1], time.Now())
		d.start(leases[0], time.Now())
		synctest.Wait()
		d.mu.Lock()
		a := d.actors[key{"t1", v.State.Session}]
		d.mu.Unlock()
		if a == nil || a.lease.Head.Epoch != leases[1].Head.Epoch || a.isLost() {
			t.Errorf("the later claim, of epoch %d, does not drive the session: %+v", leases[1].Head.Epoch, a)
		}
	})
}
