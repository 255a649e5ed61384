// Package documenttest is the conformance suite of document.Store. It is for
// authors of stores; a store that passes keeps every promise of the contract.
//
// It guarantees to use its own tenants only and to run its cases in parallel,
// each with a store of its own.
//
// Example:
//
//	func TestDocuments(t *testing.T) {
//		documenttest.Run(t, func(t *testing.T) document.Store { return mem.New() })
//	}
package documenttest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/document"
)

// Opener returns an empty store that is closed with the test.
type Opener func(t *testing.T) document.Store

// Run tests a kind of store.
func Run(t *testing.T, open Opener) {
	cases := []struct {
		name string
		test func(*testing.T, document.Store)
	}{
		{"a document comes back as it was put", roundTrip},
		{"a write names the version it replaces", versions},
		{"one of many concurrent writers wins", race},
		{"a listing is ordered and paged", listing},
		{"a listing is by prefix", prefixes},
		{"tenants and kinds are apart", isolation},
		{"bad names are refused", badNames},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, open(t))
		})
	}
}

var (
	early = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)
	late  = early.Add(time.Hour)
)

func doc(id string) document.Document {
	return document.Document{Tenant: "t1", Kind: "job", ID: id, Body: []byte(`{"n":1}`), CreatedAt: early, UpdatedAt: early}
}

func put(t *testing.T, s document.Store, d document.Document) document.Document {
	t.Helper()
	out, err := s.Put(t.Context(), d)
	if err != nil {
		t.Fatalf("Put %s: %v", d.ID, err)
	}
	return out
}

func want(t *testing.T, err, cause error) {
	t.Helper()
	if !errors.Is(err, cause) {
		t.Errorf("got error %v, want %v", err, cause)
	}
}

func roundTrip(t *testing.T, s document.Store) {
	d := doc("a/ü 日本")
	d.Body = []byte("\x00\xff not even JSON")
	stored := put(t, s, d)
	if stored.Version != 1 {
		t.Errorf("version of a new document is %d, want 1", stored.Version)
	}
	got, err := s.Get(t.Context(), "t1", "job", d.ID)
	if err != nil {
		t.Fatal(err)
	}
	if string(got.Body) != string(d.Body) || !got.CreatedAt.Equal(early) || got.Version != 1 || got.CreatedAt.Location() != time.UTC {
		t.Errorf("got %+v, want what was put: %+v", got, d)
	}
	got.Body[0] = 'x'
	if again, _ := s.Get(t.Context(), "t1", "job", d.ID); string(again.Body) != string(d.Body) {
		t.Error("writing into an answer changed the store")
	}
	_, err = s.Get(t.Context(), "t1", "job", "none")
	want(t, err, document.ErrNotFound)
}

func versions(t *testing.T, s document.Store) {
	ctx := t.Context()
	first := put(t, s, doc("a"))
	_, err := s.Put(ctx, doc("a"))
	want(t, err, document.ErrConflict)

	first.Body, first.UpdatedAt, first.CreatedAt = []byte("2"), late, late
	second := put(t, s, first)
	if second.Version != 2 {
		t.Errorf("second version is %d", second.Version)
	}
	_, err = s.Put(ctx, first)
	want(t, err, document.ErrConflict)
	got, _ := s.Get(ctx, "t1", "job", "a")
	if string(got.Body) != "2" || !got.CreatedAt.Equal(early) || !got.UpdatedAt.Equal(late) || got.Version != 2 {
		t.Errorf("after an update: %+v", got)
	}
	missing := doc("b")
	missing.Version = 1
	_, err = s.Put(ctx, missing)
	want(t, err, document.ErrConflict)

	missing.Version = document.Any
	if got := put(t, s, missing); got.Version != 1 {
		t.Errorf("Any creates version %d", got.Version)
	}
	if got := put(t, s, missing); got.Version != 2 {
		t.Errorf("Any replaces version 1 by %d", got.Version)
	}
	want(t, s.Delete(ctx, "t1", "job", "a", 1), document.ErrConflict)
	want(t, s.Delete(ctx, "t1", "job", "c", 1), document.ErrNotFound)
	want(t, s.Delete(ctx, "t1", "job", "c", document.Any), document.ErrNotFound)
	if err := s.Delete(ctx, "t1", "job", "a", 2); err != nil {
		t.Error(err)
	}
	if err := s.Delete(ctx, "t1", "job", "b", document.Any); err != nil {
		t.Error(err)
	}
	_, err = s.Get(ctx, "t1", "job", "a")
	want(t, err, document.ErrNotFound)
	if again := put(t, s, doc("a")); again.Version != 1 {
		t.Errorf("a document made after a deletion has version %d", again.Version)
	}
}

func race(t *testing.T, s document.Store) {
	const writers, rounds = 8, 5
	put(t, s, doc("a"))
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for done := 0; done < rounds; {
				d, err := s.Get(t.Context(), "t1", "job", "a")
				if err != nil {
					t.Error(err)
					return
				}
				_, err = s.Put(t.Context(), d)
				if err == nil {
					done++
				} else if !errors.Is(err, document.ErrConflict) {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	got, _ := s.Get(t.Context(), "t1", "job", "a")
	if got.Version != 1+writers*rounds {
		t.Errorf("%d updates led to version %d", writers*rounds, got.Version)
	}
}

func list(t *testing.T, s document.Store, q document.Query) []string {
	t.Helper()
	q.Tenant, q.Kind = "t1", "job"
	page, err := s.List(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	ids := []string{}
	for _, d := range page {
		ids = append(ids, d.ID)
	}
	return ids
}

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("listed %q, want %q", got, want)
	}
}

func listing(t *testing.T, s document.Store) {
	for _, id := range []string{"b", "a", "B", "ä", "a/b", "a-b"} {
		put(t, s, doc(id))
	}
	expect(t, list(t, s, document.Query{}), "B", "a", "a-b", "a/b", "b", "ä")
	expect(t, list(t, s, document.Query{Limit: 2}), "B", "a")
	expect(t, list(t, s, document.Query{After: "a", Limit: 2}), "a-b", "a/b")
	expect(t, list(t, s, document.Query{After: "aa"}), "b", "ä")
	expect(t, list(t, s, document.Query{Descending: true, Limit: 2}), "ä", "b")
	expect(t, list(t, s, document.Query{Descending: true, After: "a-b"}), "a", "B")
	expect(t, list(t, s, document.Query{After: "ä"}))
}

func prefixes(t *testing.T, s document.Store) {
	for _, id := range []string{"x/1", "x/2", "x0", "x%", "x_", "y", "x/\U0010ffff", "\U0010ffff\U0010ffff"} {
		put(t, s, doc(id))
	}
	expect(t, list(t, s, document.Query{Prefix: "x/"}), "x/1", "x/2", "x/\U0010ffff")
	expect(t, list(t, s, document.Query{Prefix: "x/", After: "x/1"}), "x/2", "x/\U0010ffff")
	expect(t, list(t, s, document.Query{Prefix: "x/", After: "a"}), "x/1", "x/2", "x/\U0010ffff")
	expect(t, list(t, s, document.Query{Prefix: "x/", Descending: true, After: "x/2"}), "x/1")
	expect(t, list(t, s, document.Query{Prefix: "x%"}), "x%")
	expect(t, list(t, s, document.Query{Prefix: "\U0010ffff"}), "\U0010ffff\U0010ffff")
	expect(t, list(t, s, document.Query{Prefix: "z"}))
	var wg sync.WaitGroup
	for w := range 22 {
		wg.Go(func() {
			for i := range 50 {
				if _, err := s.Put(t.Context(), doc(fmt.Sprintf("many/%02d%02d", w, i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(list(t, s, document.Query{Prefix: "many/", Limit: 5000})); n != 1000 {
		t.Errorf("a page has %d documents, the maximum is 1000", n)
	}
}

func isolation(t *testing.T, s document.Store) {
	ctx := t.Context()
	put(t, s, doc("a"))
	_, err := s.Get(ctx, "t2", "job", "a")
	want(t, err, document.ErrNotFound)
	_, err = s.Get(ctx, "t1", "other", "a")
	want(t, err, document.ErrNotFound)
	want(t, s.Delete(ctx, "t2", "job", "a", document.Any), document.ErrNotFound)
	other := doc("a")
	other.Tenant, other.Version = "t2", 1
	_, err = s.Put(ctx, other)
	want(t, err, document.ErrConflict)
	if page, err := s.List(ctx, document.Query{Tenant: "t2", Kind: "job"}); err != nil || len(page) != 0 {
		t.Errorf("another tenant lists %v, %v", page, err)
	}
	system := doc("a")
	system.Tenant = ""
	put(t, s, system)
}

func badNames(t *testing.T, s document.Store) {
	for _, change := range []func(*document.Document){
		func(d *document.Document) { d.ID = "" },
		func(d *document.Document) { d.Kind = "" },
		func(d *document.Document) { d.ID = "a\x00b" },
		func(d *document.Document) { d.ID = "a\xff" },
		func(d *document.Document) { d.ID = strings.Repeat("x", document.MaxID+1) },
		func(d *document.Document) { d.Version = -2 },
	} {
		d := doc("a")
		change(&d)
		_, err := s.Put(t.Context(), d)
		want(t, err, document.ErrInvalid)
	}
	long := doc(strings.Repeat("x", document.MaxID))
	put(t, s, long)
}
