package blob_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/craton-ai/craton/internal/blob"
	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/store/mem"
	"github.com/craton-ai/craton/internal/store/postgres"
	"github.com/craton-ai/craton/internal/store/postgres/postgrestest"
	"github.com/craton-ai/craton/internal/store/sqlite"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Main(m)) }

var start = time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)

// fixture is a Space over one store and one sort of content.
type fixture struct {
	*blob.Space
	docs    document.Store
	content blob.Content
	// past is how far the clock is beyond start.
	past atomic.Int64
}

func (f *fixture) now() time.Time { return start.Add(time.Duration(f.past.Load())) }

func newSpace(t *testing.T, docs document.Store, content blob.Content) *fixture {
	t.Helper()
	return newQuota(t, docs, content, 0)
}

func newQuota(t *testing.T, docs document.Store, content blob.Content, quota int64) *fixture {
	t.Helper()
	var n atomic.Int64
	f := &fixture{docs: docs, content: content}
	if content == nil {
		f.content = &blob.Documents{Store: docs, Now: f.now}
	}
	f.Space = blob.New(blob.Config{Documents: docs, Content: f.content, Now: f.now, Quota: quota,
		NewID: func() string { return ref(n.Add(1)) }})
	if err := f.CreateBucket(t.Context(), "t", "bucket"); err != nil {
		t.Fatal(err)
	}
	return f
}

func ref(n int64) string { return fmt.Sprintf("ref-%06d", n) }

// everywhere runs a check over every sort of content and every store.
func everywhere(t *testing.T, check func(t *testing.T, f *fixture)) {
	t.Helper()
	t.Parallel()
	t.Run("directory", func(t *testing.T) {
		t.Parallel()
		dir, err := blob.OpenDirectory(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { dir.Close() })
		check(t, newSpace(t, mem.New(), dir))
	})
	t.Run("documents", func(t *testing.T) {
		t.Parallel()
		check(t, newSpace(t, mem.New(), nil))
	})
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		store, err := sqlite.Open(t.Context(), t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { store.Close() })
		check(t, newSpace(t, store, nil))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		store, err := postgres.Open(t.Context(), postgrestest.Database(t))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { store.Close() })
		check(t, newSpace(t, store, nil))
	})
}

func (f *fixture) put(t *testing.T, key, body string) *blob.Object {
	t.Helper()
	o, err := f.Put(t.Context(), "t", "bucket", key, strings.NewReader(body), blob.Attributes{ContentType: "text/plain"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (f *fixture) get(t *testing.T, key string) string {
	t.Helper()
	_, r, err := f.Get(t.Context(), "t", "bucket", key)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	raw, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// left counts what content still lies there.
func (f *fixture) left(t *testing.T, refs int) int {
	t.Helper()
	if _, err := f.Sweep(t.Context(), start.Add(blob.Grace)); err != nil {
		t.Fatal(err)
	}
	n := 0
	for i := 1; i <= refs; i++ {
		r, err := f.content.Open(t.Context(), fmt.Sprintf("ref-%06d", i))
		switch {
		case err == nil:
			n++
			r.Close()
		case !errors.Is(err, fs.ErrNotExist):
			t.Fatal(err)
		}
	}
	return n
}

func TestObjects(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		o := f.put(t, "a/b", "hello")
		if o.ETag != "5d41402abc4b2a76b9719d911017c592" || o.Size != 5 || !o.Modified.Equal(start) {
			t.Errorf("stored as %+v", o)
		}
		if got := f.get(t, "a/b"); got != "hello" {
			t.Errorf("read %q", got)
		}
		f.put(t, "a/b", "")
		if got := f.get(t, "a/b"); got != "" {
			t.Errorf("an empty object reads %q", got)
		}
		large := strings.Repeat("0123456789abcdef", 150_000) // 2.4 MB: three pieces
		f.put(t, "a/b", large)
		if f.get(t, "a/b") != large {
			t.Error("a large object reads differently")
		}
		if n := f.left(t, 3); n != 1 {
			t.Errorf("%d contents are kept for one object", n)
		}
		if err := errors.Join(f.Delete(t.Context(), "t", "bucket", "a/b"), f.Delete(t.Context(), "t", "bucket", "a/b")); err != nil {
			t.Error(err)
		}
		if n := f.left(t, 3); n != 0 {
			t.Errorf("%d contents are kept for no object", n)
		}
		if err := errors.Join(f.DeleteBucket(t.Context(), "t", "bucket")); err != nil {
			t.Error(err)
		}
	})
}

func TestSeeking(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		body := strings.Repeat("0123456789", 110_000) // 1.1 MB: two pieces
		f.put(t, "k", body)
		_, r, err := f.Get(t.Context(), "t", "bucket", "k")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for _, at := range []int64{0, 1, 1<<20 - 3, 1 << 20, int64(len(body)) - 2, int64(len(body)), int64(len(body)) + 5} {
			if _, err := r.Seek(at, io.SeekStart); err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(io.LimitReader(r, 7))
			want := body[min(at, int64(len(body))):min(at+7, int64(len(body)))]
			if err != nil || string(got) != want {
				t.Errorf("at %d: read %q, %v; want %q", at, got, err, want)
			}
		}
		if n, err := r.Seek(-4, io.SeekEnd); err != nil || n != int64(len(body))-4 {
			t.Errorf("seeking from the end: %d, %v", n, err)
		}
		if n, err := r.Seek(1, io.SeekCurrent); err != nil || n != int64(len(body))-3 {
			t.Errorf("seeking onwards: %d, %v", n, err)
		}
		if _, err := r.Seek(-1, io.SeekStart); err == nil {
			t.Error("it may be sought before the start")
		}
	})
}

// broken fails after some bytes.
type broken struct{ left int }

func (b *broken) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, errors.New("the client is gone")
	}
	n := min(len(p), b.left)
	b.left -= n
	return n, nil
}

// TestFailedWrites leave what was there before, and nothing beside it.
func TestFailedWrites(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		f.put(t, "k", "before")
		if _, err := f.Put(t.Context(), "t", "bucket", "k", &broken{left: 2 << 20}, blob.Attributes{}, nil); err == nil {
			t.Error("a broken upload was stored")
		}
		refused := errors.New("the digest differs")
		if _, err := f.Put(t.Context(), "t", "bucket", "k", strings.NewReader("after"), blob.Attributes{}, func() error { return refused }); !errors.Is(err, refused) {
			t.Errorf("a refused upload: %v", err)
		}
		if got := f.get(t, "k"); got != "before" {
			t.Errorf("the object reads %q", got)
		}
		if n := f.left(t, 3); n != 1 {
			t.Errorf("%d contents are kept for one object", n)
		}
		for _, bad := range []string{"../escape", "a/b", "", "UPPERCASE", strings.Repeat("x", 65)} {
			if _, err := f.content.Write(t.Context(), bad, strings.NewReader("x")); err == nil {
				t.Errorf("content was written under %q", bad)
			}
		}
	})
}

// TestCutWrites takes a body that was cut off for what it is, although its
// error is the one io.ReadFull has for a last piece.
func TestCutWrites(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		for _, cut := range []error{io.ErrUnexpectedEOF, fmt.Errorf("the body: %w", io.ErrUnexpectedEOF), fmt.Errorf("the form: %w", io.EOF)} {
			body := io.MultiReader(strings.NewReader("half of "), iotest.ErrReader(cut))
			if _, err := f.Put(t.Context(), "t", "bucket", "k", body, blob.Attributes{}, nil); !errors.Is(err, cut) {
				t.Errorf("%v: stored with %v", cut, err)
			}
		}
		if n := f.left(t, 3); n != 0 {
			t.Errorf("%d contents are kept", n)
		}
	})
}

// TestReadersKeepWhatTheyOpened replaces and removes objects under a reader.
func TestReadersKeepWhatTheyOpened(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		body := strings.Repeat("first.", 400_000) // 2.4 MB
		for _, end := range []func() error{
			func() error {
				_, err := f.Put(t.Context(), "t", "bucket", "k", strings.NewReader("second"), blob.Attributes{}, nil)
				return err
			},
			func() error { return f.Delete(t.Context(), "t", "bucket", "k") },
		} {
			f.put(t, "k", body)
			_, r, err := f.Get(t.Context(), "t", "bucket", "k")
			if err != nil {
				t.Fatal(err)
			}
			head := make([]byte, 6)
			if _, err := io.ReadFull(r, head); err != nil {
				t.Fatal(err)
			}
			if err := end(); err != nil {
				t.Fatal(err)
			}
			rest, err := io.ReadAll(r)
			if err != nil || string(head)+string(rest) != body {
				t.Errorf("a reader lost what it had opened after %d bytes: %v", 6+len(rest), err)
			}
			r.Close()
		}
		if n, err := f.Sweep(t.Context(), start); n != 0 || err != nil {
			t.Errorf("%d contents are removed too early, %v", n, err)
		}
		if n := f.left(t, 4); n != 0 {
			t.Errorf("%d contents are kept for no object", n)
		}
	})
}

func TestListing(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		for _, dir := range []string{"", "a/", "a/b/", "b/", "ü/", "z"} {
			for i := range 4 {
				f.put(t, fmt.Sprintf("%s%d", dir, i), "x")
			}
		}
		for _, c := range []struct{ prefix, delimiter, want string }{
			{"", "", "0 1 2 3 a/0 a/1 a/2 a/3 a/b/0 a/b/1 a/b/2 a/b/3 b/0 b/1 b/2 b/3 z0 z1 z2 z3 ü/0 ü/1 ü/2 ü/3"},
			{"", "/", "0 1 2 3 a/ b/ z0 z1 z2 z3 ü/"}, {"a/", "/", "a/0 a/1 a/2 a/3 a/b/"}, {"a", "/", "a/"}, {"a/b/", "/", "a/b/0 a/b/1 a/b/2 a/b/3"},
			{"z", "", "z0 z1 z2 z3"}, {"none", "/", ""}, {"", "b/", "0 1 2 3 a/0 a/1 a/2 a/3 a/b/ b/ z0 z1 z2 z3 ü/0 ü/1 ü/2 ü/3"},
		} {
			for _, limit := range []int{0, 1, 2, 3, 1000} {
				var got []string
				pages := 0
				for after := ""; ; {
					page, err := f.List(t.Context(), "t", "bucket", blob.Query{Prefix: c.prefix, Delimiter: c.delimiter, After: after, Limit: limit})
					if err != nil {
						t.Fatal(err)
					}
					if n := len(page.Objects) + len(page.Prefixes); limit > 0 && n > limit || n == 0 && pages > 0 {
						t.Errorf("page %d of %q %q has %d entries", pages, c.prefix, c.delimiter, n)
					}
					got = append(got, merged(page)...)
					if pages++; page.Next == "" || pages > 50 {
						break
					}
					after = page.Next
				}
				if text := strings.Join(got, " "); text != c.want {
					t.Errorf("%q %q by %d: %s\nwant %s", c.prefix, c.delimiter, limit, text, c.want)
				}
			}
		}
		if _, err := f.List(t.Context(), "t", "nobucket", blob.Query{}); model.AsError(err).Kind != model.NotFound {
			t.Errorf("listing no bucket: %v", err)
		}
	})
}

// merged is a page in the order of its keys.
func merged(p *blob.Page) []string {
	var list []string
	o, c := p.Objects, p.Prefixes
	for len(o)+len(c) > 0 {
		if len(c) == 0 || len(o) > 0 && o[0].Key < c[0] {
			list, o = append(list, o[0].Key), o[1:]
		} else {
			list, c = append(list, c[0]), c[1:]
		}
	}
	return list
}

// TestTenantsOfObjects uses the same names in two tenants.
func TestTenantsOfObjects(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		f.put(t, "k", "mine")
		if _, _, err := f.Get(t.Context(), "u", "bucket", "k"); model.AsError(err).Kind != model.NotFound || model.AsError(err).Subject != "bucket" {
			t.Errorf("another tenant's object: %v", err)
		}
		if err := f.CreateBucket(t.Context(), "u", "bucket"); err != nil {
			t.Fatal(err)
		}
		if err := f.Delete(t.Context(), "u", "bucket", "k"); err != nil {
			t.Fatal(err)
		}
		if got := f.get(t, "k"); got != "mine" {
			t.Errorf("read %q", got)
		}
		if list, err := f.Buckets(t.Context(), "u"); err != nil || len(list) != 1 {
			t.Errorf("buckets %v, %v", list, err)
		}
	})
}

// TestManyWritersOfOneKey lets writers race: one of them wins whole, and
// nothing is left of the others.
func TestManyWritersOfOneKey(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		const writers = 8
		var wg sync.WaitGroup
		for i := range writers {
			wg.Go(func() {
				body := bytes.Repeat([]byte{byte('a' + i)}, 1000)
				if _, err := f.Put(context.Background(), "t", "bucket", "k", bytes.NewReader(body), blob.Attributes{}, nil); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := f.get(t, "k"); len(got) != 1000 || strings.Trim(got, got[:1]) != "" {
			t.Errorf("the object is a mixture: %.40q…", got)
		}
		if n := f.left(t, writers); n != 1 {
			t.Errorf("%d contents are kept for one object", n)
		}
	})
}
