package environment_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/craton-ai/craton/internal/blob"
	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/document/collection"
	"github.com/craton-ai/craton/internal/environment"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/secret"
	"github.com/craton-ai/craton/internal/store/mem"
	"github.com/craton-ai/craton/internal/store/postgres"
	"github.com/craton-ai/craton/internal/store/postgres/postgrestest"
	"github.com/craton-ai/craton/internal/store/sqlite"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Main(m)) }

// world is a store of environments over one store of documents.
type world struct {
	*environment.Store
	docs  document.Store
	space *blob.Space
	ids   atomic.Int64
	past  atomic.Int64
}

func (w *world) now() time.Time {
	return time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC).Add(time.Duration(w.past.Load()))
}

// everywhere runs a check over every store.
func everywhere(t *testing.T, check func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	for name, open := range map[string]func(t *testing.T) (document.Store, error){
		"mem":    func(*testing.T) (document.Store, error) { return mem.New(), nil },
		"sqlite": func(t *testing.T) (document.Store, error) { return sqlite.Open(t.Context(), t.TempDir()) },
		"postgres": func(t *testing.T) (document.Store, error) {
			return postgres.Open(t.Context(), postgrestest.Database(t))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			docs, err := open(t)
			ok(t, err)
			if c, closes := docs.(io.Closer); closes {
				t.Cleanup(func() { c.Close() })
			}
			check(t, newWorld(t, docs))
		})
	}
}

func newWorld(t *testing.T, docs document.Store) *world {
	t.Helper()
	master, err := secret.NewMasterKey(rand.Reader)
	ok(t, err)
	sealer, err := secret.NewSealer(master)
	ok(t, err)
	w := &world{docs: docs}
	newID := func() string { return fmt.Sprintf("%08d-0000", w.ids.Add(1)) }
	w.space = blob.New(blob.Config{Documents: docs, Content: &blob.Documents{Store: docs, Now: w.now}, Now: w.now, NewID: newID})
	w.Store = environment.New(environment.Config{Documents: docs, Objects: w.space,
		Box: secret.NewKeyring(docs, sealer, w.now), Now: w.now, NewID: newID})
	return w
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// kindOf is the kind of an error, and a text that no kind has for none.
func kindOf(err error) string {
	if err == nil {
		return "no error"
	}
	return model.AsError(err).Kind.String()
}

func refused(t *testing.T, what string, err error, kind model.Kind) {
	t.Helper()
	if kindOf(err) != kind.String() {
		t.Errorf("%s: %v, want %s", what, err, kind)
	}
}

var mine = environment.Spec{Type: environment.SelfHosted, Workspace: "/work"}

func TestEnvironments(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		env, err := w.Create(ctx, "t", mine)
		ok(t, err)
		got, err := w.Get(ctx, "t", env.ID)
		ok(t, err)
		if diff := cmp.Diff(env, got); diff != "" || got.Value.Status != environment.Pending {
			t.Errorf("read back (-made +read): %s", diff)
		}
		_, err = w.Create(ctx, "t", environment.Spec{Type: environment.Hosted})
		refused(t, "a hosted environment", err, model.Unsupported)
		_, err = w.Create(ctx, "t", environment.Spec{Type: "none"})
		refused(t, "an environment of no type", err, model.Invalid)
		_, err = w.Get(ctx, "u", env.ID)
		refused(t, "another tenant's", err, model.NotFound)
		refused(t, "removing another tenant's", w.Remove(ctx, "u", env.ID), model.NotFound)
		w.past.Add(int64(time.Second))
		later, err := w.Create(ctx, "t", mine)
		ok(t, err)
		page, more, err := w.List(ctx, "t", environment.SelfHosted, collection.Query{Limit: 1})
		ok(t, err)
		if len(page) != 1 || page[0].ID != later.ID || !more {
			t.Errorf("the newest one: %v, more %v", page, more)
		}
		none, more, err := w.List(ctx, "t", environment.Hosted, collection.Query{Limit: 1})
		ok(t, err)
		if len(none) != 0 || more {
			t.Errorf("hosted ones: %v", none)
		}
	})
}

func TestCreateOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		var ids sync.Map
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				env, err := w.CreateOnce(ctx, "t", "key_1", "once", mine)
				if err != nil {
					t.Error(err)
				}
				ids.Store(env.ID, true)
			})
		}
		all.Wait()
		var first []string
		ids.Range(func(id, _ any) bool { first = append(first, id.(string)); return true })
		page, _, err := w.List(ctx, "t", environment.SelfHosted, collection.Query{Limit: 10})
		ok(t, err)
		if len(first) != 1 || len(page) != 1 {
			t.Fatalf("8 requests with one key made %v", first)
		}
		_, err = w.CreateOnce(ctx, "t", "key_1", "once", environment.Spec{Type: environment.SelfHosted, Workspace: "/other"})
		refused(t, "the key for something else", err, model.Conflict)
		for what, create := range map[string]func() (environment.Record, error){
			"another creator": func() (environment.Record, error) { return w.CreateOnce(ctx, "t", "key_2", "once", mine) },
			"another tenant":  func() (environment.Record, error) { return w.CreateOnce(ctx, "u", "key_1", "once", mine) },
			"another key":     func() (environment.Record, error) { return w.CreateOnce(ctx, "t", "key_1", "twice", mine) },
			"no key":          func() (environment.Record, error) { return w.CreateOnce(ctx, "t", "key_1", "", mine) },
		} {
			if env, err := create(); err != nil || env.ID == first[0] {
				t.Errorf("%s gives %s, %v", what, env.ID, err)
			}
		}
		_, err = w.CreateOnce(ctx, "t", "key_1", strings.Repeat("k", 257), mine)
		refused(t, "a long key", err, model.Invalid)

		ok(t, w.Remove(ctx, "t", first[0]))
		_, err = w.CreateOnce(ctx, "t", "key_1", "once", mine)
		refused(t, "the key of what was removed", err, model.NotFound)
		if n, err := w.ForgetRequests(ctx, "t"); n != 0 || err != nil {
			t.Errorf("forgot %d keys within their window, %v", n, err)
		}
		w.past.Add(int64(environment.Window))
		if env, err := w.CreateOnce(ctx, "t", "key_1", "once", mine); err != nil || env.ID == first[0] {
			t.Errorf("after the window: %s, %v", env.ID, err)
		}
		if n, err := w.ForgetRequests(ctx, "t"); n != 2 || err != nil {
			t.Errorf("forgot %d keys, %v", n, err)
		}
	})
}

// brokenOnce fails the writes that broken names, once each.
type brokenOnce struct {
	document.Store
	broken func(doc document.Document) bool
}

var errBroken = errors.New("the disk is gone")

func (b *brokenOnce) Put(ctx context.Context, doc document.Document) (document.Document, error) {
	if b.broken != nil && b.broken(doc) {
		b.broken = nil
		return document.Document{}, errBroken
	}
	return b.Store.Put(ctx, doc)
}

// TestCreateOnceGoesOn breaks a creation off after each of its writes.
func TestCreateOnceGoesOn(t *testing.T) {
	t.Parallel()
	for at := range 3 {
		docs := &brokenOnce{Store: mem.New()}
		w := newWorld(t, docs)
		n := 0
		docs.broken = func(document.Document) bool { n++; return n == at+1 }
		if _, err := w.CreateOnce(t.Context(), "t", "k", "once", mine); !errors.Is(err, errBroken) {
			t.Fatalf("write %d did not fail: %v", at, err)
		}
		env, err := w.CreateOnce(t.Context(), "t", "k", "once", mine)
		ok(t, err)
		again, err := w.CreateOnce(t.Context(), "t", "k", "once", mine)
		ok(t, err)
		page, _, err := w.List(t.Context(), "t", environment.SelfHosted, collection.Query{Limit: 10})
		ok(t, err)
		if again.ID != env.ID || len(page) != 1 {
			t.Errorf("broken at write %d: %s, %s and %d in all", at, env.ID, again.ID, len(page))
		}
	}
}

func TestFiles(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		env, err := w.Create(ctx, "t", mine)
		ok(t, err)
		// In the order of their parts: '-' sorts before '/'.
		paths := []string{"/work/a", "/work/a/b", "/work/a-b", "/work/z/1", "/work/ä"}
		for _, p := range slices.Backward(paths) {
			f, err := w.PutFile(ctx, "t", env.ID, p, strings.NewReader(p))
			ok(t, err)
			if f.Size != int64(len(p)) {
				t.Errorf("%s has %d bytes", p, f.Size)
			}
		}
		list := func(q environment.FileQuery) (got []string) {
			t.Helper()
			for {
				page, next, err := w.Files(ctx, "t", env.ID, q)
				ok(t, err)
				for _, f := range page {
					got = append(got, f.Path)
				}
				if q.Token = next; next == "" {
					return got
				}
			}
		}
		if got := list(environment.FileQuery{Ascending: true, Limit: 2}); !cmp.Equal(got, paths) {
			t.Errorf("in order: %v", got)
		}
		back := slices.Clone(paths)
		slices.Reverse(back)
		if got := list(environment.FileQuery{Limit: 1}); !cmp.Equal(got, back) {
			t.Errorf("in reverse: %v", got)
		}
		if got := list(environment.FileQuery{Directory: "/work/a", Limit: 9}); !cmp.Equal(got, []string{"/work/a/b"}) {
			t.Errorf("of a directory: %v", got)
		}
		_, next, err := w.Files(ctx, "t", env.ID, environment.FileQuery{Limit: 1})
		ok(t, err)
		for what, q := range map[string]environment.FileQuery{
			"another order": {Limit: 1, Token: next, Ascending: true}, "another directory": {Limit: 1, Token: next, Directory: "/work/a"},
			"nonsense": {Limit: 1, Token: "%"}, "no path": {Limit: 1, Directory: "work"},
		} {
			_, _, err := w.Files(ctx, "t", env.ID, q)
			refused(t, what, err, model.Invalid)
		}
		replaceFile(t, w, env.ID)
		_, err = w.PutFile(ctx, "u", env.ID, "/work/a", strings.NewReader("x"))
		refused(t, "another tenant's", err, model.NotFound)
		for _, bad := range []string{"", "/", "a", "/a/", "/a/../b", "/a//b", "/a\x01b", "/" + strings.Repeat("a", 900)} {
			_, err := w.PutFile(ctx, "t", env.ID, bad, strings.NewReader("x"))
			refused(t, fmt.Sprintf("%.20q", bad), err, model.Invalid)
		}
		ok(t, w.Remove(ctx, "t", env.ID))
		_, _, err = w.OpenFile(ctx, "t", env.ID, "/work/a")
		refused(t, "a file of what is removed", err, model.NotFound)
		_, _, err = w.Files(ctx, "t", env.ID, environment.FileQuery{Limit: 1})
		refused(t, "the files of what is removed", err, model.NotFound)
	})
}

// replaceFile puts a file in the place of another, and finds one content kept.
func replaceFile(t *testing.T, w *world, id string) {
	t.Helper()
	_, err := w.PutFile(t.Context(), "t", id, "/work/a", strings.NewReader("another"))
	ok(t, err)
	f, r, err := w.OpenFile(t.Context(), "t", id, "/work/a")
	ok(t, err)
	text, err := io.ReadAll(r)
	ok(t, errors.Join(err, r.Close()))
	if string(text) != "another" || f.Size != 7 {
		t.Errorf("read %q of %d bytes", text, f.Size)
	}
	page, err := w.space.Area("environments").List(t.Context(), "t", blob.Query{Prefix: id + "/"})
	ok(t, err)
	if len(page.Objects) != 5 {
		t.Errorf("%d contents are kept of 5 files", len(page.Objects))
	}
}

func fill(env string, file string) environment.Change {
	return func(t *environment.Template, secrets func() (*environment.Secrets, error)) error {
		s, err := secrets()
		if err != nil {
			return err
		}
		s.Env, s.Files = map[string]string{"TOKEN": env}, map[string][]byte{"/workspace/f": []byte(file)}
		t.Files = []environment.Source{{Path: "/workspace/f", Size: int64(len(file))}}
		return nil
	}
}

func rename(name string) environment.Change {
	return func(t *environment.Template, _ func() (*environment.Secrets, error)) error {
		t.Name = &name
		return nil
	}
}

func TestTemplates(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		made, err := w.CreateTemplate(ctx, "t", fill("swordfish", "sesame"))
		ok(t, err)
		plain, err := w.CreateTemplate(ctx, "t", rename("plain"))
		ok(t, err)
		renamed, err := w.UpdateTemplate(ctx, "t", made.ID, rename("mine"))
		ok(t, err)
		if *renamed.Value.Name != "mine" || renamed.Value.Sealed != made.Value.Sealed || plain.Value.Sealed != "" {
			t.Errorf("renamed: %+v; plain: %+v", renamed, plain)
		}
		secrets, err := w.TemplateSecrets(ctx, "t", renamed)
		ok(t, err)
		if secrets.Env["TOKEN"] != "swordfish" || string(secrets.Files["/workspace/f"]) != "sesame" {
			t.Errorf("the secrets are %+v", secrets)
		}
		w.lacks(t, "swordfish", "sesame", "TOKEN")
		changed, err := w.UpdateTemplate(ctx, "t", made.ID, fill("mackerel", "ajar"))
		ok(t, err)
		if n := w.sealed(t, made.ID); n != 1 || changed.Value.Sealed == made.Value.Sealed {
			t.Errorf("%d sealed contents are kept", n)
		}
		_, err = w.UpdateTemplate(ctx, "t", made.ID, func(*environment.Template, func() (*environment.Secrets, error)) error { return errBroken })
		if !errors.Is(err, errBroken) {
			t.Errorf("the error of a change is %v", err)
		}
		page, more, err := w.Templates(ctx, "t", collection.Query{Limit: 9, Ascending: true})
		if ok(t, err); len(page) != 2 || more {
			t.Errorf("listed %v", page)
		}
		_, err = w.Template(ctx, "u", made.ID)
		refused(t, "another tenant's", err, model.NotFound)
		refused(t, "deleting another tenant's", w.DeleteTemplate(ctx, "u", made.ID), model.NotFound)
		ok(t, w.DeleteTemplate(ctx, "t", made.ID))
		refused(t, "deleting twice", w.DeleteTemplate(ctx, "t", made.ID), model.NotFound)
		if n := w.sealed(t, made.ID); n != 0 {
			t.Errorf("%d sealed contents outlive their template", n)
		}
	})
}

// TestTemplateChangesAtOnce changes one template from several requests.
func TestTemplateChangesAtOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		made, err := w.CreateTemplate(t.Context(), "t", fill("0", ""))
		ok(t, err)
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				_, err := w.UpdateTemplate(t.Context(), "t", made.ID, func(_ *environment.Template, secrets func() (*environment.Secrets, error)) error {
					s, err := secrets()
					if err == nil {
						s.Env["TOKEN"] += "+1"
					}
					return err
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		now, err := w.Template(t.Context(), "t", made.ID)
		ok(t, err)
		secrets, err := w.TemplateSecrets(t.Context(), "t", now)
		ok(t, err)
		if n := w.sealed(t, made.ID); secrets.Env["TOKEN"] != "0+1+1+1+1" || n != 1 {
			t.Errorf("the changes gave %q; %d sealed contents", secrets.Env["TOKEN"], n)
		}
	})
}

// sealed counts the sealed contents of a template.
func (w *world) sealed(t *testing.T, id string) int {
	t.Helper()
	page, err := w.space.Area("templates").List(t.Context(), "t", blob.Query{Prefix: id + "/"})
	ok(t, err)
	return len(page.Objects)
}

// lacks reports texts that lie in the store in the clear.
func (w *world) lacks(t *testing.T, texts ...string) {
	t.Helper()
	for _, tenant := range []string{"", "t"} {
		for _, kind := range []string{"environment.template", "blob.object", "blob.piece"} {
			docs, err := w.docs.List(t.Context(), document.Query{Tenant: tenant, Kind: kind})
			ok(t, err)
			for _, doc := range docs {
				for _, text := range texts {
					if bytes.Contains(doc.Body, []byte(text)) {
						t.Errorf("%s %s holds %q", kind, doc.ID, text)
					}
				}
			}
		}
	}
}
