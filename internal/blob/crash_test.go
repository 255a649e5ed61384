package blob_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/blob"
	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/store/mem"
)

var errCrash = errors.New("the server stopped here")

// crashing is a store that stops working at the writes of one kind, and then
// altogether, as it does for a process that is killed there.
type crashing struct {
	document.Store
	mu       sync.Mutex
	put, del string // the kind at whose write it stops
	stopped  bool
}

func (c *crashing) stop(put, del string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put, c.del, c.stopped = put, del, false
}

func (c *crashing) at(hit bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped = c.stopped || hit; c.stopped {
		return errCrash
	}
	return nil
}

func (c *crashing) Put(ctx context.Context, d document.Document) (document.Document, error) {
	if err := c.at(c.put == d.Kind); err != nil {
		return d, err
	}
	return c.Store.Put(ctx, d)
}

func (c *crashing) Delete(ctx context.Context, tenant, kind, id string, version int64) error {
	if err := c.at(c.del == kind); err != nil {
		return err
	}
	return c.Store.Delete(ctx, tenant, kind, id, version)
}

func (c *crashing) kinds(t *testing.T, tenant, kind string) int {
	t.Helper()
	docs, err := c.List(t.Context(), document.Query{Tenant: tenant, Kind: kind})
	if err != nil {
		t.Fatal(err)
	}
	return len(docs)
}

func crashSpace(t *testing.T, quota int64) (*fixture, *crashing) {
	t.Helper()
	store := &crashing{Store: mem.New()}
	f := newQuota(t, store, nil, quota)
	f.content = &blob.Documents{Store: store.Store, Now: f.now}
	return f, store
}

// TestCrashBeforeNote kills the server between the content and its note: the
// content is swept once nobody can be writing it, and nothing else is.
func TestCrashBeforeNote(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		put, del string
		kept     int
	}{
		"before the note": {put: "blob.object"}, "in the content": {put: "blob.piece"}, "after the note": {del: "blob.intent", kept: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, store := crashSpace(t, 1000)
			store.stop(c.put, c.del)
			if _, err := f.Put(t.Context(), "t", "bucket", "k", strings.NewReader("content"), blob.Attributes{}, nil); !errors.Is(err, errCrash) {
				t.Fatalf("got %v", err)
			}
			store.stop("", "")
			f.past.Store(int64(blob.Unfinished))
			if n, err := f.SweepUnfinished(t.Context(), start); n != 0 || err != nil {
				t.Errorf("%d swept too early, %v", n, err)
			}
			if n, err := f.SweepUnfinished(t.Context(), f.now()); n != 1-c.kept || err != nil {
				t.Errorf("%d swept, %v", n, err)
			}
			if _, err := f.Sweep(t.Context(), f.now().Add(time.Second)); err != nil {
				t.Fatal(err)
			}
			if n := store.kinds(t, "", "blob.piece"); n != c.kept {
				t.Errorf("%d contents are left of %d objects", n, c.kept)
			}
			if n := store.kinds(t, "", "blob.intent"); n != 0 {
				t.Errorf("%d intents are left", n)
			}
			if n, err := f.Count(t.Context(), "t"); n != int64(7*c.kept) || err != nil {
				t.Errorf("counted %d bytes, %v", n, err)
			}
		})
	}
}

// TestSlowWrite: a write that takes so long that it could be swept is refused.
func TestSlowWrite(t *testing.T) {
	t.Parallel()
	f, store := crashSpace(t, 0)
	_, err := f.Put(t.Context(), "t", "bucket", "k", strings.NewReader("content"), blob.Attributes{}, func() error {
		f.past.Store(int64(blob.Unfinished / 2))
		return nil
	})
	if model.AsError(err).Kind != model.Timeout || store.kinds(t, "", "blob.piece") != 0 || store.kinds(t, "", "blob.intent") != 0 {
		t.Errorf("got %v", err)
	}
}

// TestCrashWhileCompleting kills the server in the steps of a completion: the
// object is whole or not there, and the sweep clears the rest away.
func TestCrashWhileCompleting(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		put, del string
		kept     bool
	}{
		"before the object": {put: "blob.object"}, "after the object": {del: "blob.part", kept: true}, "at the very end": {del: "blob.upload", kept: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, store := crashSpace(t, 1000)
			id, list := f.parts(t, "unused", "content")
			store.stop(c.put, c.del)
			if _, err := f.CompleteUpload(t.Context(), "t", "bucket", "k", id, list[1:]); !errors.Is(err, errCrash) {
				t.Fatalf("got %v", err)
			}
			store.stop("", "")
			if n, err := f.SweepUploads(t.Context(), "t", start); n != 0 || err != nil {
				t.Errorf("%d cleared too early, %v", n, err)
			}
			f.past.Store(int64(blob.Grace))
			if n, err := f.SweepUploads(t.Context(), "t", start); n != 1 || err != nil {
				t.Errorf("%d cleared, %v", n, err)
			}
			want := 0
			if c.kept {
				want = 1
				if got := f.get(t, "k"); got != "content" {
					t.Errorf("the object is %q", got)
				}
			}
			if store.kinds(t, "", "blob.piece") != want || store.kinds(t, "t", "blob.part") != 0 || store.kinds(t, "t", "blob.upload") != 0 {
				t.Errorf("%d contents are left", store.kinds(t, "", "blob.piece"))
			}
			if n, err := f.Count(t.Context(), "t"); n != int64(7*want) || err != nil {
				t.Errorf("counted %d bytes, %v", n, err)
			}
		})
	}
}

// TestAbandonedUploads gives old uploads up and leaves young ones.
func TestAbandonedUploads(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		f.parts(t, "old", "parts")
		f.past.Store(int64(time.Hour))
		id, list := f.parts(t, "young")
		if n, err := f.SweepUploads(t.Context(), "t", f.now()); n != 1 || err != nil {
			t.Fatalf("%d given up, %v", n, err)
		}
		if n := f.left(t, 8); n != 1 {
			t.Errorf("%d contents of one part", n)
		}
		if _, err := f.CompleteUpload(t.Context(), "t", "bucket", "k", id, list); err != nil || f.get(t, "k") != "young" {
			t.Errorf("the young upload: %v", err)
		}
	})
}
