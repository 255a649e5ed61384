package blob_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/craton-ai/craton/internal/blob"
	"github.com/craton-ai/craton/internal/model"
)

func (f *fixture) putIf(ctx context.Context, body string, c blob.Condition) (*blob.Object, error) {
	return f.PutIf(ctx, "t", "bucket", "k", strings.NewReader(body), blob.Attributes{}, nil, c)
}

func failed(err error) bool { return err != nil && model.AsError(err).Code == blob.PreconditionFailed }
func missing(err error) bool {
	return err != nil && model.AsError(err).Kind == model.NotFound && model.AsError(err).Subject == "key"
}

// TestConditions writes, removes and completes with demands on what is there.
func TestConditions(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		absent, other := blob.Condition{Absent: true}, blob.Condition{Match: `"other"`}
		if _, err := f.putIf(t.Context(), "x", other); !missing(err) {
			t.Errorf("an ETag of no object: %v", err)
		}
		if err := f.DeleteIf(t.Context(), "t", "bucket", "k", other); !missing(err) {
			t.Errorf("removing no object: %v", err)
		}
		first, err := f.putIf(t.Context(), "first", absent)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []blob.Condition{absent, other} {
			if _, err := f.putIf(t.Context(), "x", c); !failed(err) {
				t.Errorf("%+v: %v", c, err)
			}
		}
		if err := f.DeleteIf(t.Context(), "t", "bucket", "k", other); !failed(err) || f.get(t, "k") != "first" {
			t.Errorf("removing another object: %v", err)
		}
		for _, tag := range []string{first.ETag, `"` + first.ETag + `"`, "*"} {
			if _, err := f.putIf(t.Context(), "first", blob.Condition{Match: tag}); err != nil {
				t.Errorf("%s: %v", tag, err)
			}
		}
		id, list := f.parts(t, "second")
		if _, err := f.CompleteUploadIf(t.Context(), "t", "bucket", "k", id, list, absent); !failed(err) {
			t.Errorf("completing over an object: %v", err)
		}
		whole, err := f.CompleteUploadIf(t.Context(), "t", "bucket", "k", id, list, blob.Condition{Match: first.ETag})
		if err != nil || f.get(t, "k") != "second" {
			t.Fatalf("the upload did not stay: %v", err)
		}
		if err := f.DeleteIf(t.Context(), "t", "bucket", "k", blob.Condition{Match: whole.ETag}); err != nil {
			t.Error(err)
		}
		if n := f.left(t, 12); n != 0 {
			t.Errorf("%d contents are kept for no object", n)
		}
	})
}

// TestOneOfManyWriters: of writers that demand the same, one succeeds, and
// nothing is left of the others.
func TestOneOfManyWriters(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		condition := blob.Condition{Absent: true}
		for round := range 2 {
			var wg sync.WaitGroup
			var won atomic.Pointer[blob.Object]
			ready := make(chan struct{})
			var arrived sync.WaitGroup
			arrived.Add(4)
			for i := range 4 {
				wg.Go(func() {
					body := fmt.Sprintf("round %d, writer %d", round, i)
					// Every writer is past the first look before one may be noted.
					o, err := f.PutIf(context.Background(), "t", "bucket", "k", strings.NewReader(body), blob.Attributes{}, func() error {
						arrived.Done()
						<-ready
						return nil
					}, condition)
					if err == nil && !won.CompareAndSwap(nil, o) {
						t.Error("a second writer succeeded")
					}
					if err != nil && !failed(err) {
						t.Error(err)
					}
				})
			}
			arrived.Wait()
			close(ready)
			wg.Wait()
			if won.Load() == nil {
				t.Fatal("no writer succeeded")
			}
			condition = blob.Condition{Match: won.Load().ETag}
		}
		if n := f.left(t, 8); n != 1 {
			t.Errorf("%d contents are kept for one object", n)
		}
	})
}

// TestConditionBrokenAtTheEnd lets another writer come between the look and the
// note: nothing is left of the upload, and the count is right.
func TestConditionBrokenAtTheEnd(t *testing.T) {
	t.Parallel()
	f, store := betweenSpace(t)
	id, list := f.parts(t, "parts")
	store.before.Store(&step{"blob.upload", func() { f.put(t, "k", "other") }})
	if _, err := f.CompleteUploadIf(t.Context(), "t", "bucket", "k", id, list, blob.Condition{Absent: true}); !failed(err) {
		t.Errorf("got %v", err)
	}
	store.before.Store(&step{"blob.object", func() { f.put(t, "k", "another") }})
	if _, err := f.putIf(t.Context(), "x", blob.Condition{Match: "*"}); err != nil {
		t.Error(err)
	}
	f.settled(t, store, 1, 1)
}
