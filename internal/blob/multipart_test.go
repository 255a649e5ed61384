package blob_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/craton-ai/craton/internal/blob"
	"github.com/craton-ai/craton/internal/model"
)

// parts uploads parts of an object and returns the upload and what to name.
func (f *fixture) parts(t *testing.T, bodies ...string) (string, []blob.Part) {
	t.Helper()
	id, err := f.CreateUpload(t.Context(), "t", "bucket", "k", blob.Attributes{ContentType: "text/plain"})
	if err != nil {
		t.Fatal(err)
	}
	var list []blob.Part
	for i, body := range bodies {
		p, err := f.PutPart(t.Context(), "t", "bucket", "k", id, i+1, strings.NewReader(body), nil)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, blob.Part{Number: p.Number, ETag: p.ETag})
	}
	return id, list
}

func TestMultipart(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		big := strings.Repeat("0123456789abcdef", blob.MinPart/16)
		id, list := f.parts(t, big, big+"x", "end")
		o, err := f.CompleteUpload(t.Context(), "t", "bucket", "k", id, list)
		if err != nil {
			t.Fatal(err)
		}
		if want := int64(2*len(big) + 4); o.Size != want || !strings.HasSuffix(o.ETag, "-3") {
			t.Errorf("made %+v", o)
		}
		_, r, err := f.Get(t.Context(), "t", "bucket", "k")
		if err != nil {
			t.Fatal(err)
		}
		whole := big + big + "xend"
		for _, at := range []int{0, len(big) - 2, len(big), 2*len(big) - 1, 2*len(big) + 1, len(whole) - 1, len(whole)} {
			if _, err := r.Seek(int64(at), io.SeekStart); err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(io.LimitReader(r, 6))
			if want := whole[at:min(at+6, len(whole))]; err != nil || string(got) != want {
				t.Errorf("at %d: read %q, %v; want %q", at, got, err, want)
			}
		}
		r.Close()
		if f.get(t, "k") != whole {
			t.Error("the object is not its parts")
		}
		if _, err := f.CompleteUpload(t.Context(), "t", "bucket", "k", id, list); model.AsError(err).Kind != model.NotFound {
			t.Errorf("completing twice: %v", err)
		}
		if err := f.Delete(t.Context(), "t", "bucket", "k"); err != nil {
			t.Fatal(err)
		}
		if n := f.left(t, 4); n != 0 {
			t.Errorf("%d contents are kept for no object", n)
		}
	})
}

// TestUnusedParts go with the upload, whether it is completed or aborted.
func TestUnusedParts(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		id, list := f.parts(t, "one", "two")
		if _, err := f.PutPart(t.Context(), "t", "bucket", "k", id, 1, strings.NewReader("one again"), nil); err != nil {
			t.Fatal(err)
		}
		if n := f.left(t, 4); n != 2 {
			t.Errorf("%d contents of two parts", n)
		}
		if _, err := f.CompleteUpload(t.Context(), "t", "bucket", "k", id, list[1:]); err != nil {
			t.Fatal(err)
		}
		if got := f.get(t, "k"); got != "two" {
			t.Errorf("read %q", got)
		}
		if n := f.left(t, 4); n != 1 {
			t.Errorf("%d contents of one object", n)
		}
		id, _ = f.parts(t, "one", "two")
		if err := f.AbortUpload(t.Context(), "t", "bucket", "k", id); err != nil {
			t.Fatal(err)
		}
		if n := f.left(t, 8); n != 1 {
			t.Errorf("%d contents of one object after an aborted upload", n)
		}
		if err := f.AbortUpload(t.Context(), "t", "bucket", "k", id); model.AsError(err).Kind != model.NotFound {
			t.Errorf("aborting twice: %v", err)
		}
		for name, err := range map[string]error{
			"another key":    second(f.Parts(t.Context(), "t", "bucket", "other", id)),
			"another tenant": second(f.Parts(t.Context(), "u", "bucket", "k", id)),
		} {
			if model.AsError(err).Kind != model.NotFound {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }

// TestCompletingAtOnce completes one upload from several requests, as clients
// do that did not hear the first answer: the object survives it.
func TestCompletingAtOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		for round := range 10 {
			id, list := f.parts(t, fmt.Sprintf("round %d", round))
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					_, err := f.CompleteUpload(context.Background(), "t", "bucket", "k", id, list)
					if err != nil && model.AsError(err).Kind != model.NotFound && model.AsError(err).Kind != model.Invalid {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if got, want := f.get(t, "k"), fmt.Sprintf("round %d", round); got != want {
				t.Fatalf("read %q, want %q", got, want)
			}
		}
	})
}

// TestPartBesideCompletion: a part that is sent again while its upload is
// completed leaves the object whole.
func TestPartBesideCompletion(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		if err := f.CreateBucket(t.Context(), "t", "late"); err != nil {
			t.Fatal(err)
		}
		id, err := f.CreateUpload(t.Context(), "t", "late", "k", blob.Attributes{})
		if err != nil {
			t.Fatal(err)
		}
		first, err := f.PutPart(t.Context(), "t", "late", "k", id, 1, strings.NewReader("first"), nil)
		if err != nil {
			t.Fatal(err)
		}
		complete := func() error {
			_, err := f.CompleteUpload(t.Context(), "t", "late", "k", id, []blob.Part{*first})
			return err
		}
		if _, err := f.PutPart(t.Context(), "t", "late", "k", id, 1, strings.NewReader("second"), complete); model.AsError(err).Kind != model.NotFound {
			t.Errorf("a part of a completed upload gives %v", err)
		}
		_, r, err := f.Get(t.Context(), "t", "late", "k")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if got, err := io.ReadAll(r); string(got) != "first" || err != nil {
			t.Errorf("the object is %q, %v", got, err)
		}
	})
}

// TestUploadsBelongToTheirBucket completes an upload in another bucket, in its
// own once that is gone, and in a later one of the same name.
func TestUploadsBelongToTheirBucket(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		if err := f.CreateBucket(t.Context(), "t", "other"); err != nil {
			t.Fatal(err)
		}
		id, list := f.parts(t, "content")
		complete := func(bucket, key, subject string) {
			t.Helper()
			_, err := f.CompleteUpload(t.Context(), "t", bucket, key, id, list)
			if e := model.AsError(err); e == nil || e.Kind != model.NotFound || e.Subject != subject {
				t.Errorf("completing in %s gives %v", bucket, err)
			}
			_, err = f.PutPart(t.Context(), "t", bucket, key, id, 2, strings.NewReader("more"), nil)
			if e := model.AsError(err); e == nil || e.Kind != model.NotFound || e.Subject != subject {
				t.Errorf("a part in %s gives %v", bucket, err)
			}
		}
		complete("other", "k", "uploadId")
		complete("bucket", "another", "uploadId")
		complete("none", "k", "bucket")
		if err := f.DeleteBucket(t.Context(), "t", "bucket"); err != nil {
			t.Fatal(err)
		}
		if n := f.left(t, 3); n != 0 {
			t.Errorf("%d contents are kept for a bucket that is gone", n)
		}
		complete("bucket", "k", "bucket")
		if err := f.CreateBucket(t.Context(), "t", "bucket"); err != nil {
			t.Fatal(err)
		}
		complete("bucket", "k", "uploadId")
	})
}
