package collection_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/document/collection"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/store/mem"
)

type note struct {
	Text string `json:"text"`
	N    int    `json:"n,omitzero"`
}

// config is that of collections whose clock moves by a second with each look.
func config(docs document.Store) collection.Config {
	var looks, ids atomic.Int64
	return collection.Config{Documents: docs, Kind: "note", Prefix: "note_", Noun: "note", Form: 2,
		Now:   func() time.Time { return time.Unix(1_700_000_000+looks.Add(1), 0).UTC() },
		NewID: func() string { return fmt.Sprintf("%08x-%04x", ids.Add(1), 7) }}
}

func make3(t *testing.T, notes *collection.Collection[note]) (ids []string) {
	t.Helper()
	for i := range 3 {
		r, err := notes.Create(t.Context(), "t", note{Text: "text", N: i})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, r.ID)
	}
	return ids
}

func TestRecords(t *testing.T) {
	t.Parallel()
	ctx, notes := t.Context(), collection.New[note](config(mem.New()))
	made, err := notes.Create(ctx, "t", note{Text: "one"})
	if err != nil || !strings.HasPrefix(made.ID, "note_") || len(made.ID) > 64 || made.Version != 1 {
		t.Fatalf("made %+v, %v", made, err)
	}
	changed, err := notes.Update(ctx, "t", made.ID, func(r *collection.Record[note]) error {
		r.ID, r.Version, r.Created, r.Value.Text = "other", 77, time.Time{}, "two"
		return nil
	})
	want := made
	want.Value.Text, want.Version, want.Updated = "two", 2, changed.Updated
	if diff := cmp.Diff(want, changed); err != nil || diff != "" || !changed.Updated.After(made.Updated) {
		t.Errorf("changed (-want +got), %v:\n%s", err, diff)
	}
	if got, err := notes.Get(ctx, "t", made.ID); err != nil || !cmp.Equal(got, changed) {
		t.Errorf("read %+v, %v", got, err)
	}
	mine := errors.New("mine")
	if _, err := notes.Update(ctx, "t", made.ID, func(*collection.Record[note]) error { return mine }); err != mine {
		t.Errorf("a change's error is %v", err)
	}
	if _, err := notes.CreateAs(ctx, "t", made.ID, note{}); !errors.Is(err, document.ErrConflict) {
		t.Errorf("an id that is taken: %v", err)
	}
	for what, err := range map[string]error{
		"another tenant's": second(notes.Get(ctx, "u", made.ID)), "deleting another tenant's": notes.Delete(ctx, "u", made.ID),
		"deleting": notes.Delete(ctx, "t", made.ID), "deleting again": notes.Delete(ctx, "t", made.ID),
		"changing what is gone": second(notes.Update(ctx, "u", made.ID, nil)),
	} {
		e := model.AsError(err)
		if what != "deleting" && (e == nil || e.Kind != model.NotFound || e.Message != "No such note: '"+made.ID+"'.") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := notes.Delete(ctx, "t", made.ID); !errors.Is(err, document.ErrNotFound) {
		t.Errorf("the store's own error is lost: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestPages(t *testing.T) {
	t.Parallel()
	notes := collection.New[note](config(mem.New()))
	ids := make3(t, notes)
	for _, c := range []struct {
		q    collection.Query
		want []string
		more bool
	}{
		{collection.Query{Limit: 2}, []string{ids[2], ids[1]}, true},
		{collection.Query{Limit: 2, After: ids[1]}, []string{ids[0]}, false},
		{collection.Query{Limit: 3, Ascending: true}, ids, false},
		{collection.Query{Limit: 1, Ascending: true, After: ids[0]}, []string{ids[1]}, true},
		{collection.Query{Limit: 1, Ascending: true, After: ids[2]}, nil, false},
	} {
		page, more, err := notes.List(t.Context(), "t", c.q)
		var got []string
		for _, r := range page {
			got = append(got, r.ID)
		}
		if err != nil || more != c.more || !cmp.Equal(got, c.want) {
			t.Errorf("%+v: %v, more %v, %v", c.q, got, more, err)
		}
	}
}

func TestNoChangeIsLost(t *testing.T) {
	t.Parallel()
	notes := collection.New[note](config(mem.New()))
	id := make3(t, notes)[0]
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			_, err := notes.Update(context.Background(), "t", id, func(r *collection.Record[note]) error { r.Value.N++; return nil })
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if r, err := notes.Get(t.Context(), "t", id); err != nil || r.Value.N != 8 {
		t.Errorf("8 changes made %d, %v", r.Value.N, err)
	}
}

// TestLaterForms reads what an older and a newer server wrote.
func TestLaterForms(t *testing.T) {
	t.Parallel()
	docs := mem.New()
	old, later := config(docs), config(docs)
	old.Form, later.Form = 1, 3
	before := make3(t, collection.New[note](old))
	notes := collection.New[note](config(docs))
	if r, err := notes.Get(t.Context(), "t", before[0]); err != nil || r.Value.Text != "text" {
		t.Errorf("an older form: %+v, %v", r, err)
	}
	id := collection.New[note](later).NewID()
	if _, err := collection.New[note](later).CreateAs(t.Context(), "u", id, note{}); err != nil {
		t.Fatal(err)
	}
	if _, err := notes.Get(t.Context(), "u", id); err == nil || !strings.Contains(err.Error(), "form 3") {
		t.Errorf("a later form: %v", err)
	}
	if _, _, err := notes.List(t.Context(), "u", collection.Query{Limit: 1}); err == nil {
		t.Error("a later form is listed")
	}
}
