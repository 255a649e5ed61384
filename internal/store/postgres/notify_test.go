package postgres

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/session/sessiontest"
	"github.com/craton-ai/craton/internal/store/postgres/postgrestest"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

func replica(t *testing.T, address string, options ...Option) *Store {
	t.Helper()
	store, err := Open(t.Context(), address, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// TestReplicasHint: input that one replica takes wakes another.
func TestReplicasHint(t *testing.T) {
	t.Parallel()
	address := postgrestest.Database(t)
	one, other := replica(t, address), replica(t, address)
	<-other.Hints() // it listens
	journal := sessiontest.NewJournal(t, one)
	head, err := journal.Begin("t1", "test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := journal.Apply(t.Context(), head, session.Change{
		Drafts: []session.Draft{{Type: "said", Version: 1}}, Wake: &session.AtOnce}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-other.Hints():
	case <-time.After(20 * time.Second):
		t.Error("no hint came")
	}
}

// TestNothingOutlivesATransaction lets the pool forget everything about a
// connection whenever it is given back, as a pooler that hands out another one
// for each transaction would.
func TestNothingOutlivesATransaction(t *testing.T) {
	t.Parallel()
	forget := withPool(func(c *pgxpool.Config) {
		c.AfterRelease = func(conn *pgx.Conn) bool {
			_, err := conn.Exec(context.Background(), "DISCARD ALL")
			if err != nil {
				t.Error(err)
			}
			return true
		}
	})
	store := replica(t, postgrestest.Database(t), forget)
	journal := sessiontest.NewJournal(t, store)
	for _, tenant := range []string{"t1", "t2", "t1"} {
		head, err := journal.Begin(tenant, "test")
		for i := range 3 {
			if err == nil {
				head, err = journal.Append(t.Context(), head, session.Draft{Type: "said", Version: 1, Label: fmt.Sprint(head.ID, i)})
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		fork, err := journal.Continue(t.Context(), tenant, head.ID+"1")
		if err == nil {
			_, err = journal.Append(t.Context(), fork, session.Draft{Type: "said", Version: 1})
		}
		if err != nil {
			t.Fatal(err)
		}
		if past, err := journal.History(t.Context(), head); err != nil || len(past) != 3 {
			t.Errorf("read %d events, %v", len(past), err)
		}
		if _, err := store.Head(t.Context(), "t3", head.ID); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("another tenant: %v", err)
		}
	}
	leases, err := store.Due(t.Context(), session.Node{ID: "n", TTL: time.Minute, Reads: map[string]int{"test": 1}}, 0)
	if err != nil || len(leases) != 0 {
		t.Errorf("due are %v, %v", leases, err)
	}
	if page, err := store.Sessions(t.Context(), session.Query{Tenant: "t1"}); err != nil || len(page) != 4 {
		t.Errorf("%d sessions are listed, %v", len(page), err)
	}
}
