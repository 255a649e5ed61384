package transfer_test

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/session/sessiontest"
	"github.com/craton-ai/craton/internal/store/postgres"
	"github.com/craton-ai/craton/internal/store/postgres/postgrestest"
	"github.com/craton-ai/craton/internal/store/sqlite"
	"github.com/craton-ai/craton/internal/store/sqlstore"
	"github.com/craton-ai/craton/internal/store/transfer"
	"github.com/craton-ai/craton/internal/usage"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Main(m)) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, dir string) *sqlite.Store {
	t.Helper()
	store, err := sqlite.Open(t.Context(), dir)
	must(t, err)
	t.Cleanup(func() { must(t, store.Close()) })
	return store
}

// fill puts something of everything into a store.
func fill(t *testing.T, store *sqlite.Store) {
	t.Helper()
	ctx := t.Context()
	must(t, store.Write(ctx, identity.Change{Tenants: []identity.Tenant{{ID: "t1", Name: "one", AccountID: "111111111111"}}}))
	journal := sessiontest.NewJournal(t, store)
	var drafts []session.Draft
	for i := range 450 {
		drafts = append(drafts, session.Draft{Type: "said", Version: 1 + i%3, Label: fmt.Sprint("l", i), Payload: []byte(strings.Repeat("x", i))})
	}
	for _, tenant := range []string{"t1", "tënant 'two'"} {
		head, err := journal.Begin(tenant, "test")
		must(t, err)
		head, err = journal.Apply(ctx, head, session.Change{Drafts: drafts, Wake: &session.AtOnce,
			Facts: &session.Facts{Status: "idle", Metadata: map[string]string{`k"`: "v"}}})
		must(t, err)
		fork, err := journal.Continue(ctx, tenant, "l7")
		must(t, err)
		_, err = journal.Append(ctx, fork, session.Draft{Type: "said", Version: 1, Payload: []byte{0, 255}})
		must(t, err)
		must(t, journal.Erase(ctx, tenant, head.ID, 3, 5))
		must(t, store.SaveSnapshot(ctx, session.Snapshot{Tenant: tenant, Session: head.ID, Fold: "f", Seq: 9, Body: []byte("{}")}))
		must(t, store.AppendDeltas(ctx, session.Deltas{Tenant: tenant, Session: head.ID, TTL: time.Hour,
			Deltas: []session.Delta{{ID: session.EventID{Seq: 1, Attempt: 1, N: 1}, Data: []byte("d")}}}))
		_, err = store.Put(ctx, document.Document{Tenant: tenant, Kind: "k", ID: "a", Body: []byte("{}")})
		must(t, err)
		must(t, store.AppendBatch(ctx, []usage.Record{{Tenant: tenant, ID: "r" + tenant, At: sessiontest.Now, Tags: map[string]string{"a": "b"}}}))
	}
}

func TestCopyToPostgres(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	source := open(t, t.TempDir())
	fill(t, source)
	target, err := postgres.Open(ctx, postgrestest.Database(t))
	must(t, err)
	t.Cleanup(func() { must(t, target.Close()) })
	copied, err := transfer.Copy(ctx, source.DB, target.DB, false)
	must(t, err)
	if !reflect.DeepEqual(copied.Source, copied.Target) || copied.Source.Sessions != 4 || copied.Source.Events != 902 ||
		copied.Source.Erased != 6 || copied.Rows["events"] != 902 {
		t.Errorf("copied %+v", copied)
	}
	must(t, source.EverySession(ctx, func(tenant, id string) error {
		compare(t, id, func(s session.Index) (any, error) { return s.Describe(ctx, tenant, id) }, source, target)
		compare(t, id, func(s session.Store) (any, error) { return s.Read(ctx, tenant, id, 0, 0) }, source, target)
		compare(t, id, func(s session.Buffer) (any, error) { return s.ReadDeltas(ctx, tenant, id, session.EventID{}, 0) }, source, target)
		compare(t, tenant, func(s document.Store) (any, error) { return s.Get(ctx, tenant, "k", "a") }, source, target)
		compare(t, tenant, func(s usage.Store) (any, error) {
			return s.Records(ctx, usage.Filter{Tenant: tenant, Tag: "a", TagValue: "b"}, "", 0)
		}, source, target)
		return nil
	}))
	if _, err := transfer.Copy(ctx, source.DB, target.DB, false); !errors.Is(err, sqlstore.ErrNotEmpty) {
		t.Errorf("copying into a full database: %v", err)
	}
	journal := sessiontest.NewJournal(t, target)
	extra, err := journal.Begin("t3", "test")
	must(t, err)
	extra.ID = "ses_extra"
	_, err = journal.Append(ctx, extra, session.Draft{Type: "said", Version: 1})
	must(t, err)
	if again, err := transfer.Copy(ctx, source.DB, target.DB, true); err != nil || again.Target.Sessions != 4 {
		t.Errorf("replacing: %+v, %v", again, err)
	}
}

// compare reads the same from two stores.
func compare[S any](t *testing.T, what string, read func(S) (any, error), from, to any) {
	t.Helper()
	want, err := read(from.(S))
	must(t, err)
	got, err := read(to.(S))
	must(t, err)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

// TestCheckFindsDamage damages copies of a database in every way that a check
// is there to find.
func TestCheckFindsDamage(t *testing.T) {
	t.Parallel()
	sound := t.TempDir()
	store := open(t, sound)
	fill(t, store)
	if report, err := transfer.Check(t.Context(), store); err != nil || report.Faulty != 0 {
		t.Fatalf("a sound store: %+v, %v", report, err)
	}
	for name, statement := range map[string]string{
		"a payload":       `UPDATE events SET payload = X'00' WHERE seq = 2`,
		"a large payload": `UPDATE payloads SET body = X'00'`,
		"a lost payload":  `DELETE FROM payloads`,
		"a lost event":    `DELETE FROM events WHERE seq = 300`,
		"a lost end":      `DELETE FROM events WHERE seq = 450`,
		"a link":          `UPDATE events SET previous = previous - 1 WHERE seq = 300`,
		"a circle":        `UPDATE events SET previous = id + 1 WHERE seq = 300`,
		"a newest event":  `UPDATE sessions SET newest = 0`,
		"a type":          `UPDATE events SET type = 'sad' WHERE seq = 1`,
		"a time":          `UPDATE events SET at = at + 1 WHERE seq = 4`,
		"a head":          `UPDATE sessions SET seq = seq - 1`,
		"a lost label":    `DELETE FROM labels WHERE seq = 9`,
		"a wrong label":   `UPDATE labels SET seq = 10 WHERE seq = 9`,
		"a parent":        `UPDATE sessions SET parent_seq = parent_seq + 1 WHERE parent_seq > 0`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "copy")
			must(t, store.Backup(t.Context(), dir))
			db, err := sql.Open("sqlite", filepath.Join(dir, sqlite.FileName))
			must(t, err)
			_, err = db.Exec(statement)
			must(t, err)
			must(t, db.Close())
			damaged := open(t, dir)
			report, err := transfer.Check(t.Context(), damaged)
			must(t, err)
			if report.Faulty == 0 || len(report.Faults) != report.Faulty {
				t.Errorf("the check found %+v", report)
			}
			target := open(t, t.TempDir())
			if _, err := transfer.Copy(t.Context(), damaged.DB, target.DB, false); !errors.Is(err, transfer.ErrCorrupt) {
				t.Errorf("a damaged store was copied: %v", err)
			}
		})
	}
}
