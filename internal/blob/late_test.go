package blob_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/blob"
	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/store/mem"
)

// between runs something once, right before or after a document of a kind is
// written or removed.
type between struct {
	document.Store
	before, after, deleting atomic.Pointer[step]
}

type step struct {
	kind string
	run  func()
}

func at(p *atomic.Pointer[step], kind string) {
	if s := p.Load(); s != nil && s.kind == kind && p.CompareAndSwap(s, nil) {
		s.run()
	}
}

func (b *between) Put(ctx context.Context, d document.Document) (document.Document, error) {
	at(&b.before, d.Kind)
	stored, err := b.Store.Put(ctx, d)
	at(&b.after, d.Kind)
	return stored, err
}

func (b *between) Delete(ctx context.Context, tenant, kind, id string, version int64) error {
	at(&b.deleting, kind)
	return b.Store.Delete(ctx, tenant, kind, id, version)
}

func betweenSpace(t *testing.T) (*fixture, *between) {
	t.Helper()
	store := &between{Store: mem.New()}
	return newQuota(t, store, nil, 1000), store
}

// settled sweeps everything, as time does, and checks what is left.
func (f *fixture) settled(t *testing.T, store document.Store, contents int, bytes int64) {
	t.Helper()
	f.past.Add(int64(blob.Unfinished + time.Hour))
	if _, err := f.SweepUnfinished(t.Context(), f.now().Add(-blob.Unfinished)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Sweep(t.Context(), f.now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if n, err := f.Count(t.Context(), "t"); n != bytes || err != nil {
		t.Errorf("counted %d bytes, want %d, %v", n, bytes, err)
	}
	for kind, want := range map[string]int{"blob.piece": contents, "blob.intent": 0} {
		if docs, err := store.List(t.Context(), document.Query{Kind: kind}); err != nil || len(docs) != want {
			t.Errorf("%d %s are left, want %d, %v", len(docs), kind, want, err)
		}
	}
	if docs, err := store.List(t.Context(), document.Query{Tenant: "t", Kind: "blob.part"}); err != nil || len(docs) != 0 {
		t.Errorf("%d parts are left, %v", len(docs), err)
	}
}

// TestRepeatedPart sends a part twice; the slow attempt is noted last, and the
// upload is completed with it before the attempt sees that. The object keeps
// its content, now and after the sweeps.
func TestRepeatedPart(t *testing.T) {
	t.Parallel()
	f, store := betweenSpace(t)
	id, list := f.parts(t, "body")
	store.after.Store(&step{"blob.part", func() {
		if _, err := f.CompleteUpload(t.Context(), "t", "bucket", "k", id, list); err != nil {
			t.Error(err)
		}
	}})
	_, err := f.PutPart(t.Context(), "t", "bucket", "k", id, 1, strings.NewReader("body"), nil)
	if model.AsError(err).Kind != model.NotFound {
		t.Errorf("the late attempt gives %v", err)
	}
	if got := f.get(t, "k"); got != "body" {
		t.Errorf("read %q", got)
	}
	f.settled(t, store, 1, 4)
	if got := f.get(t, "k"); got != "body" {
		t.Errorf("read %q after the sweeps", got)
	}
}

// TestPartBesideTheNote: the attempt looks between the end of the upload and
// the note of the object, when nothing says yet that its content is the
// object's.
func TestPartBesideTheNote(t *testing.T) {
	t.Parallel()
	f, store := betweenSpace(t)
	id, list := f.parts(t, "body")
	noted, ended, looked := make(chan struct{}), make(chan struct{}), make(chan struct{})
	store.after.Store(&step{"blob.part", func() { close(noted); <-ended }})
	store.before.Store(&step{"blob.object", func() { close(ended); <-looked }})
	go func() {
		defer close(looked)
		_, err := f.PutPart(t.Context(), "t", "bucket", "k", id, 1, strings.NewReader("body"), nil)
		if model.AsError(err).Kind != model.NotFound {
			t.Errorf("the late attempt gives %v", err)
		}
	}()
	<-noted
	if _, err := f.CompleteUpload(t.Context(), "t", "bucket", "k", id, list); err != nil {
		t.Fatal(err)
	}
	f.settled(t, store, 1, 4)
	if got := f.get(t, "k"); got != "body" {
		t.Errorf("read %q", got)
	}
}

// TestPartBesideTheEnd: nothing is left of parts that were noted while their
// upload was cleared away, or of those that they replaced.
func TestPartBesideTheEnd(t *testing.T) {
	t.Parallel()
	t.Run("aborted after the note", func(t *testing.T) {
		t.Parallel()
		f, store := betweenSpace(t)
		id, _ := f.parts(t, "first")
		store.after.Store(&step{"blob.part", func() {
			if err := f.AbortUpload(t.Context(), "t", "bucket", "k", id); err != nil {
				t.Error(err)
			}
		}})
		if _, err := f.PutPart(t.Context(), "t", "bucket", "k", id, 1, strings.NewReader("second"), nil); err == nil {
			t.Error("a part of an aborted upload was stored")
		}
		f.settled(t, store, 0, 0)
	})
	t.Run("noted and seen within the clearing", func(t *testing.T) {
		t.Parallel()
		f, store := betweenSpace(t)
		id, list := f.parts(t, "first")
		resume, done := make(chan struct{}), make(chan struct{})
		started := make(chan struct{})
		go func() {
			defer close(done)
			_, err := f.PutPart(t.Context(), "t", "bucket", "k", id, 2, strings.NewReader("second"), func() error {
				close(started)
				<-resume
				return nil
			})
			if model.AsError(err).Kind != model.NotFound {
				t.Errorf("got %v", err)
			}
		}()
		<-started
		store.deleting.Store(&step{"blob.upload", func() { close(resume); <-done }})
		if _, err := f.CompleteUpload(t.Context(), "t", "bucket", "k", id, list); err != nil {
			t.Error(err)
		}
		f.settled(t, store, 1, 5)
		if got := f.get(t, "k"); got != "first" {
			t.Errorf("read %q", got)
		}
	})
}
