package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/session"
)

// planner is an engine that asks SQLite how it would run each query, and runs
// it too.
type planner struct {
	t  *testing.T
	db *sql.DB
	// scans are the steps that read a whole table, sorts those that sort.
	scans, sorts []string
}

// recursive are steps over what a statement finds as it goes.
var recursive = map[string]bool{"SCAN walk": true, "SCAN h": true, "SCAN heirs": true}

func (p *planner) Dialect() Dialect {
	d := testDialect
	d.Clock = func() time.Time { return time.Unix(1000, 0) }
	d.Members = "json_each(?)"
	d.Member = func(column string) string {
		return "(SELECT CAST(value AS TEXT) FROM json_each(" + column + ") WHERE key = ?)"
	}
	return d
}

func (p *planner) Read(_ context.Context, _ Scope, op func(Tx) error) error  { return op(p) }
func (p *planner) Write(_ context.Context, _ Scope, op func(Tx) error) error { return op(p) }

func (p *planner) Exec(query string, args ...any) (int64, error) {
	p.plan(query, args)
	result, err := p.db.Exec(query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (p *planner) Query(query string, args ...any) (Rows, error) {
	p.plan(query, args)
	return p.db.Query(query, args...)
}

func (p *planner) plan(query string, args []any) {
	if p.t == nil { // it is only to be run
		return
	}
	p.t.Helper()
	rows, err := p.db.Query("EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		p.t.Fatalf("%v in %s", err, query)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			p.t.Fatal(err)
		}
		switch {
		case strings.Contains(step, "TEMP B-TREE"):
			p.sorts = append(p.sorts, step)
		case strings.HasPrefix(step, "SCAN") && !strings.Contains(step, "json_each") && !strings.HasPrefix(step, "SCAN k ") && !strings.Contains(step, "CONSTANT") && step != "SCAN n" && !recursive[step]:
			p.scans = append(p.scans, step+" in "+query)
		}
	}
	if err := rows.Err(); err != nil {
		p.t.Fatal(err)
	}
}

// TestNothingReadsEverySession asks for the plans of what a store with very many
// sessions is asked all the time. A plan is the same however many there are, for
// SQLite is given no statistics.
func TestNothingReadsEverySession(t *testing.T) {
	t.Parallel()
	db := testDB(t)
	if err := Migrate(t.Context(), db, testDialect); err != nil {
		t.Fatal(err)
	}
	p := &planner{t: t, db: db}
	store := New(p)
	ctx, node := t.Context(), session.Node{ID: "n", TTL: time.Second, Reads: map[string]int{"agent": 1, "other": 1}}
	if _, err := db.Exec(`INSERT INTO sessions (id, tenant, kind, parent_session, parent_seq, created_at, epoch, seq, head, digest_key, erased_at)
		VALUES ('s', 't', 'agent', '', 0, 5, 0, 2, X'', X'01', 0)`); err != nil {
		t.Fatal(err)
	}
	list := func(q session.Query) func() error {
		return func() error {
			q.Tenant, q.Kind, q.Limit = "t", "agent", 20
			_, err := store.Sessions(ctx, q)
			return err
		}
	}
	fork := session.Batch{
		Session: session.Session{Tenant: "t", ID: "f", Kind: "agent", Parent: session.Ref{Session: "s", Seq: 2}, Head: session.Hash{1}, Key: make([]byte, session.KeySize)},
		Events:  []session.Event{{Tenant: "t", Session: "f", Seq: 1, Type: "said", Version: 1, At: time.Unix(1, 0)}},
	}
	fork.Events[0].Hash = session.Link(fork.Session.Head, fork.Events[0])
	both := map[string]string{"\x01mode": "parking", "team": "red"}
	for name, ask := range map[string]struct {
		do    func() error
		sorts bool
	}{
		"newest":           {do: list(session.Query{})},
		"oldest, page two": {do: list(session.Query{Oldest: true, After: "s"})},
		"metadata":         {do: list(session.Query{Metadata: both})},
		"metadata, after":  {do: list(session.Query{Metadata: both, After: "s"})},
		"metadata, status": {do: list(session.Query{Metadata: both, Status: "failed"})},
		"status":           {do: list(session.Query{Status: "failed"}), sorts: true},
		"idle":             {do: list(session.Query{Status: "idle"})},
		"forks":            {do: list(session.Query{Parent: "s"}), sorts: true},
		"describe":         {do: func() error { _, err := store.Describe(ctx, "t", "s"); return err }},
		"due":              {do: func() error { _, err := store.Due(ctx, node, 10); return err }},
		"claim":            {do: func() error { _, err := store.Claim(ctx, node, "t", "s"); return err }},
		"renew": {do: func() error {
			_, err := store.Renew(ctx, time.Second, session.Lease{Head: session.Session{Tenant: "t", ID: "s"}, Node: "n"})
			return err
		}},
		"moved":    {do: func() error { _, err := store.Moved(ctx, map[string]uint64{"s": 2, "u": 1}); return err }},
		"requeue":  {do: func() error { return store.Requeue(ctx, "t", "s") }},
		"snapshot": {do: func() error { _, err := store.LoadSnapshot(ctx, "t", "s", "f", 9); return ignore(err) }},
		"deltas":   {do: func() error { _, err := store.ReadDeltas(ctx, "t", "s", session.EventID{}, 9); return err }},
		"expire":   {do: func() error { _, err := store.Expire(ctx); return err }, sorts: true},
		"label":    {do: func() error { _, err := store.Find(ctx, "t", "l"); return ignore(err) }},
		"events":   {do: func() error { _, err := store.Read(ctx, "t", "s", 3, 9); return err }},
		"fork":     {do: func() error { return ignore(store.Append(ctx, fork)) }},
		"erase":    {do: func() error { return store.Erase(ctx, session.Erasure{Tenant: "t", Session: "s", From: 2, To: 3}) }, sorts: true},
	} {
		p.scans, p.sorts = nil, nil
		if err := ask.do(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(p.scans) > 0 || len(p.sorts) > 0 && !ask.sorts {
			t.Errorf("%s: %q %q", name, p.scans, p.sorts)
		}
	}
}

// ignore makes nothing of what is not found.
func ignore(err error) error {
	if errors.Is(err, session.ErrNotFound) {
		return nil
	}
	return err
}
