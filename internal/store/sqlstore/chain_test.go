package sqlstore

import (
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/session"
)

// chains are sessions whose events lie among each other's.
type chains struct {
	*testing.T
	store *DB
	heads map[string]session.Session
}

// grow appends n events at once.
func (c *chains) grow(id string, n int) {
	c.Helper()
	head, known := c.heads[id]
	if !known {
		head = session.Session{Tenant: "t", ID: id, Kind: "agent", Key: make([]byte, session.KeySize)}
	}
	b := session.Batch{Session: head}
	for range n {
		e := session.Event{Tenant: "t", Session: id, Seq: head.Seq + 1, Type: "said", Version: 1, At: time.Unix(1, 0)}
		e.Label, e.Payload = fmt.Sprint(id, e.Seq), fmt.Append(nil, id, " said ", e.Seq)
		if e.Seq%3 == 0 {
			e.Address = fmt.Sprint("at ", e.Label)
		}
		e.Digest = session.Digest(head.Key, e.Label, e.Payload)
		e.Hash = session.Link(head.Head, e)
		head.Seq, head.Head, b.Events = e.Seq, e.Hash, append(b.Events, e)
	}
	if err := c.store.Append(c.Context(), b); err != nil {
		c.Fatal(err)
	}
	c.heads[id] = head
}

// whole reads every page of every session, and compares it with what was said.
func (c *chains) whole() {
	c.Helper()
	for id, head := range c.heads {
		for after := range head.Seq + 2 {
			for _, limit := range []int{1, 8, 0} {
				page, err := c.store.Read(c.Context(), "t", id, after, limit)
				want := min(pageSize(limit), max(0, int(head.Seq)-int(after)))
				if err != nil || len(page) != want {
					c.Fatalf("%s after %d: %d of %d events, %v", id, after, len(page), want, err)
				}
				for i, e := range page {
					if seq := after + uint64(i) + 1; e.Seq != seq || !e.Erased && string(e.Payload) != fmt.Sprint(id, " said ", seq) {
						c.Fatalf("%s after %d: event %d is %+v", id, after, seq, e)
					}
				}
			}
		}
	}
}

func newChains(t *testing.T, db *sql.DB) *chains {
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("PRAGMA synchronous = OFF"); err != nil {
		t.Fatal(err)
	}
	return &chains{T: t, store: New(&planner{db: db}), heads: map[string]session.Session{}}
}

// TestEverySpanIsFound reads sessions of every length around what is indexed.
func TestEverySpanIsFound(t *testing.T) {
	t.Parallel()
	db := testDB(t)
	if err := Migrate(t.Context(), db, testDialect); err != nil {
		t.Fatal(err)
	}
	c := newChains(t, db)
	for i := range 8 {
		for j := range 4 {
			c.grow(fmt.Sprint("s", j), 1+(i+j)%4)
		}
	}
	for j := range 9 {
		c.grow(fmt.Sprint("short", j), j+1)
	}
	c.whole()
	if page, err := c.store.Read(t.Context(), "t", "s1", 1<<63+5, 0); err != nil || len(page) != 0 {
		t.Errorf("after the last possible event: %d events, %v", len(page), err)
	}
	if _, err := c.store.Read(t.Context(), "other", "s1", 0, 0); err == nil {
		t.Error("another tenant reads the session")
	}
	if err := c.store.Erase(t.Context(), session.Erasure{Tenant: "t", Session: "s1", From: 3, To: 11}); err != nil {
		t.Fatal(err)
	}
	page, err := c.store.Read(t.Context(), "t", "s1", 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range page {
		if gone := e.Seq >= 3 && e.Seq <= 11; e.Erased != gone || gone && (e.Label != "" || e.Payload != nil || e.Address != "") {
			t.Errorf("events 3 to 11 were erased, and event %d is %+v", e.Seq, e)
		}
		_, err := c.store.Find(t.Context(), "t", fmt.Sprint("s1", e.Seq))
		if (err != nil) != e.Erased {
			t.Errorf("label of event %d: %v", e.Seq, err)
		}
	}
	c.whole()
}

// TestEventsAreLinkedWhenMigrated brings sessions from before version 8 forward,
// and goes on with them.
func TestEventsAreLinkedWhenMigrated(t *testing.T) {
	t.Parallel()
	db := testDB(t)
	all, err := migrations(testDialect)
	if err != nil {
		t.Fatal(err)
	}
	if err := migrate(t.Context(), db, testDialect, all[:7]); err != nil {
		t.Fatal(err)
	}
	c := newChains(t, db)
	c.store.linked = false // as programs knew it
	for i := range 6 {
		c.grow("a", 4)
		c.grow("b", 1+i)
		c.grow(fmt.Sprint("c", i), 8+i)
	}
	if err := c.store.Erase(t.Context(), session.Erasure{Tenant: "t", Session: "c1"}); err != nil {
		t.Fatal(err)
	}
	const content = `SELECT session || seq || tenant || type || version || at || label || address || hex(digest) || hex(hash) || erased ||
		hex(payload) FROM events ORDER BY session, seq`
	before := texts(t, db, content)
	if err := Migrate(t.Context(), db, testDialect); err != nil {
		t.Fatal(err)
	}
	if after := texts(t, db, content); len(after) != 108 || fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("%d events before, %d after", len(before), len(after))
	}
	c.store = New(&planner{db: db})
	c.whole()
	delete(c.heads, "c1")
	for _, id := range []string{"a", "b", "c0", "new"} {
		c.grow(id, 5)
		c.grow(id, 6)
	}
	c.whole()
}
