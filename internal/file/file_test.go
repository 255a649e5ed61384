package file_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/blob"
	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/file"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/store/mem"
)

var start = time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)

// world is a file store with a clock that moves a second with each file.
type world struct {
	*file.Store
	docs  document.Store
	space *blob.Space
	past  atomic.Int64
	ids   atomic.Int64
}

func (w *world) now() time.Time { return start.Add(time.Duration(w.past.Load())) }

func newWorld(docs document.Store, quota, most int64) *world {
	w := &world{docs: docs}
	newID := func() string { return fmt.Sprintf("%012d", w.ids.Add(1)) }
	w.space = blob.New(blob.Config{Documents: docs, Content: &blob.Documents{Store: docs, Now: w.now}, Now: w.now, NewID: newID, Quota: quota})
	w.Store = file.New(file.Config{Documents: docs, Space: w.space, Now: w.now, NewID: newID, MaxBytes: most})
	return w
}

func (w *world) upload(tenant, name, content string, terms file.Terms) (file.File, error) {
	w.past.Add(int64(time.Second))
	return w.Create(context.Background(), tenant, file.Upload{Name: name, Content: strings.NewReader(content), Finish: func() (file.Terms, error) { return terms, nil }})
}

func (w *world) must(t *testing.T, name, content string, terms file.Terms) file.File {
	t.Helper()
	f, err := w.upload("t1", name, content, terms)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// held counts the pieces of contents.
func (w *world) held(t *testing.T) int {
	t.Helper()
	docs, err := w.docs.List(t.Context(), document.Query{Kind: "blob.piece"})
	if err != nil {
		t.Fatal(err)
	}
	return len(docs)
}

func kind(err error) model.Kind { return model.AsError(err).Kind }

func TestFilesLiveAndDie(t *testing.T) {
	t.Parallel()
	w := newWorld(mem.New(), 0, 0)
	ctx := t.Context()
	f := w.must(t, " notes.md ", "hello", file.Terms{Purpose: "user_data"})
	if f.Name != "notes.md" || f.MIME != "text/markdown" || f.Size != 5 || !f.Expires.IsZero() || !strings.HasPrefix(f.ID, "file-") {
		t.Errorf("%+v", f)
	}
	got, r, err := w.Open(ctx, "t1", f.ID)
	if err != nil || got != f {
		t.Fatalf("%+v %v", got, err)
	}
	if text, err := io.ReadAll(r); err != nil || string(text) != "hello" || r.Close() != nil {
		t.Errorf("%q %v", text, err)
	}
	for _, tenant := range []string{"t2", "", "file:t1"} {
		if _, _, err := w.Open(ctx, tenant, f.ID); err == nil || kind(err) != model.NotFound {
			t.Errorf("tenant %q reads it: %v", tenant, err)
		}
		if err := w.Delete(ctx, tenant, f.ID); err == nil || kind(err) != model.NotFound {
			t.Errorf("tenant %q deletes it: %v", tenant, err)
		}
	}
	if buckets, err := w.space.Buckets(ctx, "t1"); err != nil || len(buckets) != 0 {
		t.Errorf("the object space shows files: %v %v", buckets, err)
	}
	if err := w.Delete(ctx, "t1", f.ID); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{f.ID, "", "file-unknown", "\x00", strings.Repeat("x", 2000)} {
		if _, err := w.Get(ctx, "t1", id); err == nil || kind(err) != model.NotFound {
			t.Errorf("%.20q: %v", id, err)
		}
	}
}

func TestRefusedUploadsLeaveNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(mem.New(), 0, 10)
	stop := errors.New("stop")
	for name, up := range map[string]file.Upload{
		"too large":   {Name: "a", Content: strings.NewReader("01234567890")},
		"no name":     {Name: " ", Content: strings.NewReader("x")},
		"a bad name":  {Name: "a\nb", Content: strings.NewReader("x")},
		"a long name": {Name: strings.Repeat("x", 600), Content: strings.NewReader("x")},
		"no purpose":  {Name: "a", Content: strings.NewReader("x"), Finish: func() (file.Terms, error) { return file.Terms{}, nil }},
		"cut short":   {Name: "a", Content: io.MultiReader(strings.NewReader("x"), failing{stop})},
		"bad after":   {Name: "a", Content: strings.NewReader("x"), Finish: func() (file.Terms, error) { return file.Terms{}, stop }},
	} {
		if up.Finish == nil {
			up.Finish = func() (file.Terms, error) { return file.Terms{Purpose: "user_data"}, nil }
		}
		if f, err := w.Create(t.Context(), "t1", up); err == nil {
			t.Errorf("%s: kept as %+v", name, f)
		}
	}
	if n := w.held(t); n != 0 {
		t.Errorf("%d contents are left", n)
	}
	if page, _, err := w.List(t.Context(), "t1", file.List{Limit: 10}); err != nil || len(page) != 0 {
		t.Errorf("%v %v", page, err)
	}
	if _, err := w.upload("t1", "a", "0123456789", file.Terms{Purpose: "user_data"}); err != nil {
		t.Errorf("the largest: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestQuota(t *testing.T) {
	t.Parallel()
	w := newWorld(mem.New(), 10, 0)
	data := file.Terms{Purpose: "user_data"}
	first := w.must(t, "a", "123456", data)
	_, err := w.upload("t1", "b", "123456", data)
	if e := model.AsError(err); e == nil || e.Kind != model.TooLarge || e.Code != blob.QuotaExceeded || !strings.Contains(e.Public(), "tenant_file_bytes") {
		t.Errorf("beyond the quota: %v", err)
	}
	if _, err := w.upload("t2", "b", "123456", data); err != nil {
		t.Errorf("another tenant: %v", err)
	}
	if err := w.Delete(t.Context(), "t1", first.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.upload("t1", "b", "123456", data); err != nil {
		t.Errorf("after a deletion: %v", err)
	}
}

func TestLists(t *testing.T) {
	t.Parallel()
	w := newWorld(mem.New(), 0, 0)
	var all, batch []string
	for i := range 9 {
		terms := file.Terms{Purpose: []file.Purpose{"user_data", "batch", "assistants"}[i%3]}
		f := w.must(t, fmt.Sprintf("f%d.txt", i), "x", terms)
		all = append(all, f.ID)
		if terms.Purpose == "batch" {
			batch = append(batch, f.ID)
		}
	}
	collect := func(list file.List) (got []string) {
		for {
			page, more, err := w.List(t.Context(), "t1", list)
			if err != nil || len(page) > list.Limit || more && len(page) < list.Limit {
				t.Fatal(len(page), more, err)
			}
			for _, f := range page {
				got = append(got, f.ID)
			}
			if !more {
				return got
			}
			list.After = got[len(got)-1]
		}
	}
	for _, limit := range []int{1, 2, 3, 9, 100} {
		if got := collect(file.List{Limit: limit, Ascending: true}); !slices.Equal(got, all) {
			t.Errorf("by %d: %v", limit, got)
		}
		if got := collect(file.List{Limit: limit, Ascending: true, Purpose: "batch"}); !slices.Equal(got, batch) {
			t.Errorf("batches by %d: %v", limit, got)
		}
		got := collect(file.List{Limit: limit})
		slices.Reverse(got)
		if !slices.Equal(got, all) {
			t.Errorf("newest first by %d: %v", limit, got)
		}
	}
	var seen []string
	err := w.Each(t.Context(), "t1", func(f file.File, open func() (io.ReadCloser, error)) error {
		r, err := open()
		if err != nil {
			return err
		}
		seen = append(seen, f.Name)
		return r.Close()
	})
	if want := []string{"f8.txt", "f6.txt", "f5.txt", "f3.txt", "f2.txt", "f0.txt"}; err != nil || !slices.Equal(seen, want) {
		t.Errorf("searched %v: %v", seen, err)
	}
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	w := newWorld(mem.New(), 100, 0)
	short := w.must(t, "a", "aaa", file.Terms{Purpose: "user_data", Life: time.Hour})
	batch := w.must(t, "b", "bbb", file.Terms{Purpose: "batch"})
	kept := w.must(t, "c", "ccc", file.Terms{Purpose: "user_data"})
	// Clients see whole seconds, and the difference must be what they asked for.
	w.past.Add(int64(700 * time.Millisecond))
	odd, err := w.Create(t.Context(), "t3", file.Upload{Name: "d", Content: strings.NewReader("d"), Finish: func() (file.Terms, error) {
		w.past.Add(int64(500 * time.Millisecond)) // the file is created in the next second
		return file.Terms{Purpose: "user_data", Life: time.Hour}, nil
	}})
	if err != nil || odd.Expires.Unix()-odd.Created.Unix() != 3600 {
		t.Errorf("%+v %v", odd, err)
	}
	if d := batch.Expires.Sub(batch.Created); d != file.BatchLife {
		t.Errorf("a batch lives for %s", d)
	}
	w.past.Add(int64(time.Hour))
	if _, err := w.Get(t.Context(), "t1", short.ID); err == nil || kind(err) != model.NotFound {
		t.Errorf("an expired file: %v", err)
	}
	if page, more, err := w.List(t.Context(), "t1", file.List{Limit: 2}); err != nil || more || len(page) != 2 {
		t.Errorf("listed %v %v %v", page, more, err)
	}
	for _, step := range []struct {
		after   time.Duration
		removed int
	}{{0, 1}, {0, 0}, {file.BatchLife, 1}} {
		w.past.Add(int64(step.after))
		if n, err := w.Sweep(t.Context(), "t1"); err != nil || n != step.removed {
			t.Errorf("%d removed, want %d: %v", n, step.removed, err)
		}
	}
	if _, r, err := w.Open(t.Context(), "t1", kept.ID); err != nil || r.Close() != nil {
		t.Errorf("the kept one: %v", err)
	}
	if n, err := w.Sweep(t.Context(), "t2"); err != nil || n != 0 {
		t.Errorf("a tenant without files: %d %v", n, err)
	}
}

// failingAt is a store that fails at writes of one kind.
type failingAt struct {
	document.Store
	kind string
}

func (f *failingAt) Put(ctx context.Context, d document.Document) (document.Document, error) {
	if f.kind == d.Kind {
		return d, errors.New("the server stopped here")
	}
	return f.Store.Put(ctx, d)
}

// TestCrashBeforeTheRecord leaves a content that nobody names: it is swept, but
// not while its upload may still be under way.
func TestCrashBeforeTheRecord(t *testing.T) {
	t.Parallel()
	docs := &failingAt{Store: mem.New(), kind: "file"}
	w := newWorld(docs, 10, 0)
	if _, err := w.upload("t1", "a", "123456", file.Terms{Purpose: "user_data"}); err == nil {
		t.Fatal("kept")
	}
	docs.kind = ""
	if n, err := w.Sweep(t.Context(), "t1"); err != nil || n != 0 {
		t.Errorf("%d swept too early: %v", n, err)
	}
	w.past.Add(int64(time.Hour))
	if n, err := w.Sweep(t.Context(), "t1"); err != nil || n != 1 {
		t.Errorf("%d swept: %v", n, err)
	}
	if _, err := w.upload("t1", "a", "123456", file.Terms{Purpose: "user_data"}); err != nil {
		t.Errorf("its room is not free: %v", err)
	}
}

func TestMediaTypes(t *testing.T) {
	t.Parallel()
	w := newWorld(mem.New(), 0, 0)
	for _, tc := range []struct{ name, given, want string }{
		{"a.PDF", "", "application/pdf"},
		{"a.md", "application/octet-stream", "text/markdown"},
		{"a.md", "text/plain; charset=utf-8", "text/plain"},
		{"a", "", "application/octet-stream"},
		{"a.unknown", "nonsense", "application/octet-stream"},
	} {
		f, err := w.Create(t.Context(), "t1", file.Upload{Name: tc.name, MIME: tc.given, Content: strings.NewReader(""),
			Finish: func() (file.Terms, error) { return file.Terms{Purpose: "user_data"}, nil }})
		if err != nil || f.MIME != tc.want {
			t.Errorf("%s as %q: %q %v", tc.name, tc.given, f.MIME, err)
		}
	}
}
