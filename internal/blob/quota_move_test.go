package blob_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/store/mem"
)

// watched tells of each change of an object, a part or a count.
type watched struct {
	document.Store
	mu   sync.Mutex
	seen func(kind string)
}

func (w *watched) tell(kind string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.seen != nil && slices.Contains([]string{"blob.object", "blob.part", "blob.tally"}, kind) {
		w.seen(kind)
	}
}

func (w *watched) Put(ctx context.Context, d document.Document) (document.Document, error) {
	w.tell(d.Kind)
	return w.Store.Put(ctx, d)
}

func (w *watched) Delete(ctx context.Context, tenant, kind, id string, version int64) error {
	w.tell(kind)
	return w.Store.Delete(ctx, tenant, kind, id, version)
}

// TestNoCountInBetween: while bytes are counted and the object is not noted, or
// the object is gone and its bytes are not, no count may correct either.
func TestNoCountInBetween(t *testing.T) {
	t.Parallel()
	w := &watched{Store: mem.New()}
	f := newQuota(t, w, nil, 1000)
	f.put(t, "first", "x") // the process counts once before anything else
	changes := 0
	w.seen = func(kind string) {
		if changes++; f.MayCount("t") {
			t.Errorf("a count may run at a change of %s", kind)
		}
	}
	f.put(t, "k", "one")
	f.put(t, "k", "two")
	if err := f.Delete(t.Context(), "t", "bucket", "k"); err != nil {
		t.Fatal(err)
	}
	id, list := f.parts(t, "whole")
	if _, err := f.PutPart(t.Context(), "t", "bucket", "k", id, 2, strings.NewReader("more"), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := f.CompleteUpload(t.Context(), "t", "bucket", "k", id, list); err != nil {
		t.Fatal(err)
	}
	id, _ = f.parts(t, "given up")
	if err := f.AbortUpload(t.Context(), "t", "bucket", "k", id); err != nil {
		t.Fatal(err)
	}
	w.seen = nil
	if changes < 12 || !f.MayCount("t") {
		t.Errorf("%d changes were seen", changes)
	}
	if n, err := f.Count(t.Context(), "t"); n != 6 || err != nil {
		t.Errorf("counted %d bytes, %v", n, err)
	}
}
