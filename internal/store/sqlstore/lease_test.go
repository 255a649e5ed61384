package sqlstore

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/session"
)

// slow is an engine on a link so slow that the caller's time is over after some
// number of statements that change something.
type slow struct {
	planner
	left int
	over context.CancelFunc
}

func (s *slow) Write(ctx context.Context, _ Scope, op func(Tx) error) error {
	tx, err := s.db.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return err
	}
	if err := op(slowTx{ctx, s, tx}); err != nil {
		_ = tx.Rollback()
		return err
	}
	return tx.Commit()
}

type slowTx struct {
	ctx    context.Context
	engine *slow
	tx     *sql.Tx
}

func (t slowTx) Exec(query string, args ...any) (int64, error) {
	if t.engine.left--; t.engine.left < 0 {
		t.engine.over()
	}
	if err := t.ctx.Err(); err != nil {
		return 0, err
	}
	result, err := t.tx.Exec(query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (t slowTx) Query(query string, args ...any) (Rows, error) {
	if err := t.ctx.Err(); err != nil {
		return nil, err
	}
	return t.tx.Query(query, args...)
}

// TestDueOnASlowLink grants what could be claimed before the time was over, each
// session once.
func TestDueOnASlowLink(t *testing.T) {
	t.Parallel()
	const sessions, statements = 470, 250
	db := testDB(t)
	if err := Migrate(t.Context(), db, testDialect); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
		INSERT INTO sessions (id, tenant, kind, parent_session, parent_seq, created_at, epoch, seq, head, digest_key, erased_at, version, wake_at, due_at)
		SELECT 's' || i, 't', 'agent', '', 0, 5, 0, 2, X'', X'', 0, 1, i, i FROM n`, sessions); err != nil {
		t.Fatal(err)
	}
	link := &slow{planner: planner{t: t, db: db}}
	store := New(link)
	node := session.Node{ID: "n", TTL: time.Minute, Reads: map[string]int{"agent": 1}}
	granted := make(map[string]int)
	for _, want := range []int{200, 200, 70, 0} {
		ctx, over := context.WithCancel(t.Context())
		link.left, link.over = statements, over
		leases, err := store.Due(ctx, node, 0)
		over()
		if err != nil || len(leases) != want {
			t.Errorf("granted %d, %v, want %d", len(leases), err, want)
		}
		for _, l := range leases {
			granted[l.Head.ID]++
		}
	}
	if len(granted) != sessions || granted["s1"] != 1 {
		t.Errorf("%d of %d sessions were granted, the first %d times", len(granted), sessions, granted["s1"])
	}
	link.left = statements
	if leases, err := store.Due(t.Context(), node, 3); err != nil || len(leases) != 0 {
		t.Errorf("nothing is due, but granted are %v, %v", leases, err)
	}
	if _, err := db.Exec(`UPDATE sessions SET due_at = 1`); err != nil {
		t.Fatal(err)
	}
	link.left = statements
	if leases, err := store.Due(t.Context(), node, 103); err != nil || len(leases) != 103 {
		t.Errorf("asked for 103: %d, %v", len(leases), err)
	}
}
