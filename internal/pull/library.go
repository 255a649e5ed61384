package pull

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
)

// LibraryVersion is the release of the inference library's packages the
// engine's declared layout belongs to.
const LibraryVersion = "3.22.1"

// library is a platform's package of the inference library.
type library struct {
	pkg string
	// integrity is the registry's published SHA-512 of the archive, base64.
	integrity string
}

// libraries lists the packages by GOOS/GOARCH and variant.
var libraries = map[string]library{
	"linux/amd64":        {"@node-llama-cpp/linux-x64", "5uCCDNqWCNfaAm8aR/Uzxbo4HBpKgNF91kCHPepKhgMgV2OAmatoefbOlMihsqCiH2Od35E/eUHQCFbfRBJuOg=="},
	"linux/amd64/cuda":   {"@node-llama-cpp/linux-x64-cuda", "8rQCjyNNLZJUFit+YpjwlC4hwkKgOMIkB2wuycKBf8NU2O3ySKbiWZQ8aw9ku2nUTXjSnUIrE6KB88itduTBuA=="},
	"linux/amd64/vulkan": {"@node-llama-cpp/linux-x64-vulkan", "bBxqU+JOcBu1nb5Qj2zcMci+JByT1E8EajHvYodyNfVIPkEhXh+/HMwR1/BT7xP08YK0hks+kM8fglER0P8JEg=="},
	"linux/arm64":        {"@node-llama-cpp/linux-arm64", "W+7naKCXX9/eEjjFmRS8vvx91QyLXDbeFxexZc3bh/PtQABZgmRL3C0AtYYXn4YGTj/3Qor4lWZn2tpjZFPLdQ=="},
}

// LibraryDir is where a data directory keeps the inference library.
func LibraryDir(data string) string { return filepath.Join(data, "engine", LibraryVersion) }

// LibraryInstalled reports whether the library lies in dir.
func LibraryInstalled(dir string) bool {
	found, err := filepath.Glob(filepath.Join(dir, "libllama*"))
	return err == nil && len(found) > 0
}

// InstallLibrary downloads the library's package for this machine, checks its
// published digest, and unpacks its shared libraries into dir. variant is
// "cuda", "vulkan" or empty for the processor.
func (f *Fetcher) InstallLibrary(ctx context.Context, dir, variant string, progress Progress) error {
	platform := runtime.GOOS + "/" + runtime.GOARCH
	if variant != "" {
		platform += "/" + variant
	}
	lib, ok := libraries[platform]
	if !ok {
		return fmt.Errorf("there is no inference library for %s: configure engine.command with a llama-server, or another upstream", platform)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	archive := filepath.Join(dir, "library.tgz")
	ref := Ref{Scheme: "npm", Name: lib.pkg, Version: LibraryVersion}
	if err := f.npm(ctx, ref, archive, progress); err != nil {
		return err
	}
	if err := checkIntegrity(archive, lib.integrity); err != nil {
		return errors.Join(err, os.Remove(archive))
	}
	if err := unpackLibraries(archive, dir); err != nil {
		return err
	}
	return os.Remove(archive)
}

// InstallLibraryFrom copies the shared libraries of a directory, for machines
// without a network.
func InstallLibraryFrom(from, dir string) error {
	found, err := filepath.Glob(filepath.Join(from, "lib*"))
	if err != nil {
		return err
	}
	if !LibraryInstalled(from) {
		return fmt.Errorf("%s holds no libllama: unpack the library's package there first", from)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, file := range found {
		if err := copyFile(file, filepath.Join(dir, filepath.Base(file))); err != nil {
			return err
		}
	}
	return nil
}

func checkIntegrity(file, want string) error {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	h := sha512.New()
	if _, err := io.Copy(h, in); err != nil {
		return err
	}
	if got := base64.StdEncoding.EncodeToString(h.Sum(nil)); got != want {
		return fmt.Errorf("the library's archive has SHA-512 %s, not the pinned %s: it was not installed", got, want)
	}
	return nil
}

// unpackLibraries extracts the shared libraries, their licence and build data, flat.
func unpackLibraries(archive, dir string) error {
	in, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer in.Close()
	gz, err := gzip.NewReader(in)
	if err != nil {
		return err
	}
	for t := tar.NewReader(gz); ; {
		head, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := path.Base(head.Name)
		if head.Typeflag != tar.TypeReg || !wanted(name) {
			continue
		}
		out, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o755)
		if err != nil {
			return err
		}
		_, err = io.Copy(out, io.LimitReader(t, 2<<30))
		if err := errors.Join(err, out.Close()); err != nil {
			return err
		}
	}
}

func wanted(name string) bool {
	return strings.HasPrefix(name, "lib") || name == "LICENSE" || name == "_nlcBuildMetadata.json"
}
