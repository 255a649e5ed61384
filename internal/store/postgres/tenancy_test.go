package postgres_test

import (
	"context"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/session/sessiontest"
	"github.com/craton-ai/craton/internal/store/postgres"
	"github.com/craton-ai/craton/internal/store/postgres/postgrestest"
	"github.com/jackc/pgx/v5"
)

// protected are the tables that hold tenants' rows.
var protected = []string{
	"documents", "sessions", "events", "labels", "payloads", "session_facts", "session_tags", "snapshots", "deltas", "usage_records",
}

// populated returns a connection that owns the tables but is no superuser, to
// a database where every journal table has a row.
func populated(t *testing.T) *pgx.Conn {
	t.Helper()
	ctx := t.Context()
	address := postgrestest.Database(t)
	admin := connect(t, address)
	run(t, admin, `DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'craton_app') THEN
		CREATE ROLE craton_app LOGIN CREATEROLE; END IF; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$`)
	run(t, admin, `GRANT ALL ON SCHEMA public TO craton_app`)
	address = strings.Replace(address, "user=postgres", "user=craton_app", 1)
	store, err := postgres.Open(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	journal := sessiontest.NewJournal(t, store)
	head, err := journal.Begin("t1", "test")
	if err != nil {
		t.Fatal(err)
	}
	if head, err = journal.Apply(ctx, head, session.Change{
		Drafts: []session.Draft{{Type: "said", Version: 1, Label: "l", Payload: []byte(strings.Repeat("x", 1000))}},
		Wake:   &session.AtOnce, Facts: &session.Facts{Status: "idle", Metadata: map[string]string{"team": "red"}},
	}); err != nil {
		t.Fatal(err)
	}
	if err := store.SaveSnapshot(ctx, session.Snapshot{Tenant: "t1", Session: head.ID, Fold: "f", Seq: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Put(ctx, document.Document{Tenant: "t1", Kind: "k", ID: "a"}); err != nil {
		t.Fatal(err)
	}
	return connect(t, address)
}

func connect(t *testing.T, address string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return conn
}

func run(t *testing.T, conn *pgx.Conn, statement string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func count(t *testing.T, conn *pgx.Conn, table string) (n int) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), "SELECT COUNT(*) FROM "+table).Scan(&n); err != nil {
		t.Fatalf("%s: %v", table, err)
	}
	return n
}

// TestConnectionsSeeOneTenant: not even the owner of the tables sees a row
// unless its transaction names the tenant.
func TestConnectionsSeeOneTenant(t *testing.T) {
	t.Parallel()
	conn := populated(t)
	for _, begin := range []string{
		``,
		`SET craton.tenant = ''`,
		`SET craton.tenant = 't1'`,
		`SET craton.tenant = ':t2'`,
		`SET ROLE craton_tenant`,
	} {
		run(t, conn, "RESET ROLE; RESET craton.tenant;"+begin)
		for _, table := range protected {
			if n := count(t, conn, table); n != 0 {
				t.Errorf("after %q a connection sees %d rows of %s", begin, n, table)
			}
		}
	}
	run(t, conn, "SET craton.tenant = ':t1'")
	for _, table := range protected {
		if n := count(t, conn, table); (n == 0) != (table == "deltas" || table == "usage_records") {
			t.Errorf("the tenant sees %d rows of %s", n, table)
		}
	}
	for _, table := range protected {
		run(t, conn, "BEGIN")
		if _, err := conn.Exec(t.Context(), "UPDATE "+table+" SET tenant = 't2'"); err == nil && table != "deltas" && table != "usage_records" {
			t.Errorf("a tenant gave rows of %s to another", table)
		}
		run(t, conn, "ROLLBACK")
	}
}

// TestAppendRoleIsNarrow: the exception from row-level security may append, and
// neither read what is not the journal's nor change what is written.
func TestAppendRoleIsNarrow(t *testing.T) {
	t.Parallel()
	conn := populated(t)
	run(t, conn, "SET ROLE craton_append")
	if n := count(t, conn, "events"); n != 1 {
		t.Errorf("the role sees %d events", n)
	}
	for _, statement := range []string{
		"SELECT * FROM documents", "SELECT * FROM credentials", "SELECT * FROM tenants", "SELECT * FROM snapshots",
		"UPDATE events SET payload = ''", "DELETE FROM events", "DELETE FROM sessions", "DELETE FROM labels",
		"UPDATE labels SET seq = 0", "UPDATE usage_records SET cost = 0", "DELETE FROM usage_records",
		"UPDATE deltas SET body = ''", "TRUNCATE events", "DROP TABLE events",
		"ALTER TABLE events DISABLE ROW LEVEL SECURITY",
	} {
		if _, err := conn.Exec(t.Context(), statement); err == nil || !strings.Contains(err.Error(), "42501") {
			t.Errorf("%s: %v", statement, err)
		}
	}
}
