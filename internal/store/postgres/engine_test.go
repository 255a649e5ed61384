package postgres

import (
	"strings"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/session/sessiontest"
	"github.com/craton-ai/craton/internal/store/postgres/postgrestest"
	"github.com/craton-ai/craton/internal/store/sqlstore"
)

// TestCommitsWait reads which transactions wait for the disk: all.
func TestCommitsWait(t *testing.T) {
	t.Parallel()
	for _, loose := range []bool{false, true} {
		if got := begin(sqlstore.Scope{Tenant: "t1", Loose: loose}); !strings.Contains(got, "'synchronous_commit', 'on'") {
			t.Errorf("a transaction that is loose (%t) begins with %s", loose, got)
		}
	}
}

// TestStreamsOutliveTheServer breaks the database server down under the owner of
// a stream, who goes on with it: what readers were told stays, under its
// numbers. It is not parallel because nobody else could use the server.
func TestStreamsOutliveTheServer(t *testing.T) {
	store, err := Open(t.Context(), postgrestest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	journal := sessiontest.NewJournal(t, store)
	head, err := journal.Begin("t1", "test")
	if err == nil {
		head, err = journal.Append(t.Context(), head, session.Draft{Type: "intent", Version: 1})
	}
	if err != nil {
		t.Fatal(err)
	}
	for round := range 3 {
		for n := range 20 {
			if err := store.AppendDeltas(t.Context(), session.Deltas{
				Tenant: "t1", Session: head.ID, Epoch: head.Epoch, TTL: time.Minute,
				Deltas: []session.Delta{{ID: session.EventID{Seq: 1, Attempt: 1, N: uint32(20*round + n + 1)}, Data: []byte{byte(n)}}},
			}); err != nil {
				t.Fatal(err)
			}
		}
		postgrestest.Restart(t)
		all, err := store.ReadDeltas(t.Context(), "t1", head.ID, session.EventID{}, 0)
		for try := 0; err != nil && try < maxConnections; try++ { // connections that broke
			all, err = store.ReadDeltas(t.Context(), "t1", head.ID, session.EventID{}, 0)
		}
		if err != nil || len(all) != 20*(round+1) {
			t.Fatalf("of %d deltas %d are there, %v", 20*(round+1), len(all), err)
		}
		for i, d := range all {
			if d.ID.N != uint32(i+1) || d.Data[0] != byte(i%20) {
				t.Fatalf("delta %d is %s", i+1, d.ID)
			}
		}
	}
}
