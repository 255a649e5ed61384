package blob_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/blob"
	"github.com/craton-ai/craton/internal/model"
)

// TestAreasAreApart keeps objects where no bucket's name reaches them.
func TestAreasAreApart(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		area, other := f.Area("files"), f.Area("other")
		if _, err := area.Put(t.Context(), "t", "e1/a", strings.NewReader("hello"), blob.Attributes{}); err != nil {
			t.Fatal(err)
		}
		o, r, err := area.Get(t.Context(), "t", "e1/a")
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil || r.Close() != nil || o.Size != 5 || !bytes.Equal(text, []byte("hello")) {
			t.Errorf("read %q, %v, of %d bytes", text, err, o.Size)
		}
		page, err := area.List(t.Context(), "t", blob.Query{Prefix: "e1/"})
		if err != nil || len(page.Objects) != 1 || page.Objects[0].Key != "e1/a" {
			t.Errorf("listed %+v, %v", page, err)
		}
		for what, err := range map[string]error{
			"another area":      third(other.Get(t.Context(), "t", "e1/a")),
			"another tenant":    third(area.Get(t.Context(), "u", "e1/a")),
			"a bucket's object": third(f.Get(t.Context(), "t", "!files", "e1/a")),
			"a bucket":          f.HeadBucket(t.Context(), "t", "!files"),
			"removing by name":  f.Delete(t.Context(), "t", "!files", "e1/a"),
			"listing by name":   outcome(f.List(t.Context(), "t", "!files", blob.Query{})),
			"writing by name":   outcome(f.Put(t.Context(), "t", "!files", "e1/b", strings.NewReader("x"), blob.Attributes{}, nil)),
		} {
			if model.AsError(err) == nil || model.AsError(err).Kind != model.NotFound {
				t.Errorf("%s: %v", what, err)
			}
		}
		if err := area.Delete(t.Context(), "t", "e1/a"); err != nil {
			t.Fatal(err)
		}
		if _, _, err := area.Get(t.Context(), "t", "e1/a"); model.AsError(err) == nil {
			t.Error("a removed object is still there")
		}
	})
}

func outcome[T any](_ T, err error) error       { return err }
func third[T, U any](_ T, _ U, err error) error { return err }
