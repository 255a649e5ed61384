package blob_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/craton-ai/craton/internal/blob"
	"github.com/craton-ai/craton/internal/model"
)

// TestQuota fills a tenant's space in every way, and empties it again.
func TestQuota(t *testing.T) {
	everywhere(t, func(t *testing.T, g *fixture) {
		g.put(t, "before", "1234567890") // stored while there was no quota
		f := newSpaceOver(t, g, 100)
		put := func(key string, n int) error {
			_, err := f.Put(t.Context(), "t", "bucket", key, strings.NewReader(strings.Repeat("x", n)), blob.Attributes{}, nil)
			return err
		}
		full := func(what string, err error) {
			t.Helper()
			if e := model.AsError(err); e == nil || e.Kind != model.Forbidden || e.Code != blob.QuotaExceeded || !strings.Contains(e.Hint, "limits.tenant_object_bytes") {
				t.Errorf("%s: got %v", what, err)
			}
		}
		counts := func(want int64) {
			t.Helper()
			if n, err := f.Count(t.Context(), "t"); n != want || err != nil {
				t.Errorf("counted %d bytes, want %d, %v", n, want, err)
			}
		}
		full("beyond the quota at once", put("a", 91))
		if err := put("a", 40); err != nil {
			t.Fatal(err)
		}
		full("beyond what is left", put("b", 51))
		if err := put("a", 45); err != nil { // what it replaces is given back
			t.Fatal(err)
		}
		counts(55)
		id, list := f.parts(t, "0123456789", "0123456789")
		counts(75)
		full("a part", second(f.PutPart(t.Context(), "t", "bucket", "k", id, 3, strings.NewReader(strings.Repeat("x", 26)), nil)))
		if _, err := f.CompleteUpload(t.Context(), "t", "bucket", "k", id, list[1:]); err != nil {
			t.Fatal(err)
		}
		counts(65)
		id, _ = f.parts(t, "0123456789", "0123456789")
		if err := f.AbortUpload(t.Context(), "t", "bucket", "k", id); err != nil {
			t.Fatal(err)
		}
		if err := f.CreateBucket(t.Context(), "u", "bucket"); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Put(t.Context(), "u", "bucket", "k", strings.NewReader(strings.Repeat("x", 100)), blob.Attributes{}, nil); err != nil {
			t.Errorf("another tenant's quota: %v", err)
		}
		for _, key := range []string{"before", "a", "k", "k"} {
			if err := f.Delete(t.Context(), "t", "bucket", key); err != nil {
				t.Fatal(err)
			}
		}
		if err := put("a", 100); err != nil {
			t.Errorf("an empty space: %v", err)
		}
		counts(100)
	})
}

// newSpaceOver is a space with a quota over what another one holds.
func newSpaceOver(t *testing.T, g *fixture, quota int64) *fixture {
	t.Helper()
	f := &fixture{docs: g.docs, content: g.content}
	var n atomic.Int64
	n.Store(1000)
	f.Space = blob.New(blob.Config{Documents: g.docs, Content: g.content, Now: f.now, Quota: quota, NewID: func() string { return ref(n.Add(1)) }})
	return f
}

// TestQuotaHoldsAtOnce lets many writers race for the last room.
func TestQuotaHoldsAtOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, g *fixture) {
		f := newSpaceOver(t, g, 100)
		var wg sync.WaitGroup
		var stored atomic.Int64
		for i := range 8 {
			wg.Go(func() {
				_, err := f.Put(context.Background(), "t", "bucket", ref(int64(i)), strings.NewReader(strings.Repeat("x", 30)), blob.Attributes{}, nil)
				switch {
				case err == nil:
					stored.Add(30)
				case model.AsError(err).Code != blob.QuotaExceeded:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n, err := f.Count(t.Context(), "t"); stored.Load() != 90 || n != 90 || err != nil {
			t.Errorf("%d bytes were stored and %d counted within 100, %v", stored.Load(), n, err)
		}
	})
}
