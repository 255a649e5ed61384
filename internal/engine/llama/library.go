package llama

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
)

// Token is an index into a model's vocabulary, valid for that model only.
type Token int32

// NoToken stands for a special token that a vocabulary does not have.
const NoToken Token = -1

var (
	// ErrUnavailable means that this build of the program cannot load the
	// library at all: it was built without cgo, or for a system without dlopen.
	ErrUnavailable = errors.New("the built-in engine needs a build with cgo on Linux or macOS; use a llama-server command instead")
	// ErrNoSpace means that a batch does not fit the context's free cells. Free
	// sequences and decode again: nothing of the batch was kept.
	ErrNoSpace = errors.New("the context has no free cells for this batch")
	// ErrGrammar means that GBNF source is wrong, or has no rule "root".
	ErrGrammar = errors.New("the grammar does not parse")
	// ErrNoToken means that a grammar forbids every token of the vocabulary.
	ErrNoToken = errors.New("the grammar allows no token of this model's vocabulary")
)

// Library is the opened llama.cpp library. The library keeps process-wide
// state, so a process holds one, and never closes it. Safe for concurrent use.
type Library struct {
	dir     string
	version string
	gpu     bool
}

// opened remembers the one library of the process: dlopen, backend registration
// and the library's own globals cannot be undone or repeated.
var opened struct {
	sync.Mutex
	lib *Library
}

// Load opens the library in dir, checks that it is the release this package
// knows (version and default parameters) and starts the best compute backend
// for this processor. Loading the same directory again answers the same
// Library; another directory is refused. A refusal says what differs.
func Load(dir string) (*Library, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("engine library %q: %w", dir, err)
	}
	opened.Lock()
	defer opened.Unlock()
	if opened.lib != nil {
		if opened.lib.dir != abs {
			return nil, fmt.Errorf("engine library %s: this process already uses the one in %s", abs, opened.lib.dir)
		}
		return opened.lib, nil
	}
	if !rawAvailable {
		return nil, ErrUnavailable
	}
	files, err := libraryFiles(abs)
	if err != nil {
		return nil, err
	}
	if err := rawOpen(abs, files); err != nil {
		return nil, fmt.Errorf("engine library %s: %w; run `craton engine install` to fetch the right build", abs, err)
	}
	opened.lib = &Library{dir: abs, version: rawVersion(), gpu: rawSupportsGPU()}
	return opened.lib, nil
}

// Version is the library's own version, such as "0.5.0".
func (l *Library) Version() string { return l.version }

// SupportsGPU tells whether a loaded backend can hold layers outside main memory.
func (l *Library) SupportsGPU() bool { return l.gpu }

// libraryFiles lists the shared objects to open, dependencies first. Installed
// names carry the release ("libllama.v0.5.0.so") or do not ("libllama.so").
func libraryFiles(dir string) ([]string, error) {
	suffix := ".so"
	if runtime.GOOS == "darwin" {
		suffix = ".dylib"
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("engine library: %w; run `craton engine install`", err)
	}
	files := make([]string, 0, 3)
	for _, stem := range []string{"libggml-base", "libggml", "libllama"} {
		name := ""
		for _, entry := range entries {
			rest, ok := strings.CutPrefix(entry.Name(), stem)
			if ok && strings.HasSuffix(rest, suffix) && rest[0] == '.' {
				name = entry.Name()
				break
			}
		}
		if name == "" {
			return nil, fmt.Errorf("engine library: %s holds no %s*%s; run `craton engine install`", dir, stem, suffix)
		}
		files = append(files, filepath.Join(dir, name))
	}
	return files, nil
}
