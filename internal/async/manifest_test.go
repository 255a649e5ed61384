package async_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/async"
	"github.com/craton-ai/craton/internal/blob"
	"github.com/craton-ai/craton/internal/store/mem"
)

// TestManifestComesLast leaves room for the answer alone: who waits for a
// manifest must find what it names, so that it is the answer that is stored.
func TestManifestComesLast(t *testing.T) {
	t.Parallel()
	for range 8 { // an order of chance would pass now and then
		answer := strings.Repeat("x", 200) // longer than the manifest
		var ids atomic.Uint32
		newID := func() string { return fmt.Sprintf("%08x-ref", ids.Add(1)) }
		now := func() time.Time { return time.Date(2026, 3, 14, 15, 0, 0, 0, time.UTC) }
		store := mem.New()
		o := &office{}
		o.objects = blob.New(blob.Config{Documents: store, Content: &blob.Documents{Store: store, Now: now}, Now: now, NewID: newID, Quota: int64(len(answer))})
		o.Runner = async.New(async.Config{Documents: store, Objects: o.objects, Now: now, NewID: newID, Log: slog.New(slog.DiscardHandler), Parallel: 1,
			Invoke: func(context.Context, *async.Job) ([]byte, error) { return []byte(answer), nil }})
		t.Cleanup(o.Close)
		if err := o.objects.CreateBucket(t.Context(), "t", "results"); err != nil {
			t.Fatal(err)
		}
		if _, err := o.Start(t.Context(), job("t", "", `{}`)); err != nil {
			t.Fatal(err)
		}
		jobs := o.ended(t, "t")
		page, err := o.objects.List(t.Context(), "t", "results", blob.Query{})
		if err != nil || len(page.Objects) != 1 || !strings.HasSuffix(page.Objects[0].Key, "/output.json") || jobs[0].Status != async.Failed {
			t.Fatalf("stored %v for a job that %s, %v", page.Objects, jobs[0].Status, err)
		}
	}
}
