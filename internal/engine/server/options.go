package server

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"
)

// What Options and ModelSpec mean by zero.
const (
	// DefaultParallel is the number of requests of one model that decode together.
	DefaultParallel = 4
	// DefaultContextTokens caps the context of models trained for more; a longer
	// one must be asked for, since its memory is taken at start.
	DefaultContextTokens = 8192
	// DefaultQueue is the number of requests that may wait for a slot.
	DefaultQueue = 64
)

// Options configures Run.
type Options struct {
	// Library is the directory of the llama.cpp shared libraries.
	Library string
	// Models are loaded at start, in order; the first serves requests that name
	// none. At least one.
	Models []ModelSpec
	// Listen is a loopback address such as "127.0.0.1:0"; port 0 picks a free one.
	Listen string
	// Token is the bearer token that every request must carry. Required.
	Token string
	// Threads is the most that compute one model; zero for all cores. Fewer do
	// while other processes need the cores.
	Threads int
	// MemoryLimit is the most memory all models may take, in bytes; zero for
	// what the system says is available.
	MemoryLimit int64
	// Queue is the number of requests per model that may wait; zero for DefaultQueue.
	Queue int
	// Log receives what an operator should know; nil for nothing.
	Log *slog.Logger
	// Ready is called once, with the address, when requests are served.
	Ready func(addr string)
	// Parent ends Run when reading it ends: a child gives its standard input, so
	// that it never outlives a supervisor that was killed. Nil for no watch.
	Parent io.Reader
	// Now, Seed and NewID stand for the clock, the seeds of requests that name
	// none, and the ends of response ids; nil for real ones.
	Now   func() time.Time
	Seed  func() uint32
	NewID func() string
}

// ModelSpec names a model to load.
type ModelSpec struct {
	// Name is what requests call it.
	Name string
	// Path is the GGUF file; of a split model, the first part.
	Path string
	// ContextTokens is the longest prompt and answer together; zero for what the
	// model was trained for, at most DefaultContextTokens.
	ContextTokens int
	// Parallel is the number of requests decoded together; zero for DefaultParallel.
	Parallel int
	// Embedding serves the model for embeddings instead of text.
	Embedding bool
}

// check refuses options that cannot work, and fills in the defaults.
func (o Options) check() (Options, error) {
	if o.Library == "" {
		return o, errors.New("engine: Library is empty; give the directory that `craton engine install` filled")
	}
	if len(o.Models) == 0 {
		return o, errors.New("engine: no models; name at least one GGUF file")
	}
	if o.Token == "" {
		return o, errors.New("engine: Token is empty; the engine serves nobody without one")
	}
	host, _, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return o, fmt.Errorf("engine: listen address %q: %w", o.Listen, err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return o, fmt.Errorf("engine: listen address %q is not a loopback address; the engine serves its own machine only", o.Listen)
	}
	seen := map[string]bool{}
	for _, m := range o.Models {
		if m.Name == "" || m.Path == "" || seen[m.Name] {
			return o, fmt.Errorf("engine: model %q (%s): every model needs a path and a name of its own", m.Name, m.Path)
		}
		seen[m.Name] = true
		if m.ContextTokens < 0 || m.Parallel < 0 {
			return o, fmt.Errorf("engine: model %q: ContextTokens and Parallel are not negative", m.Name)
		}
	}
	if o.Threads <= 0 {
		o.Threads = cores()
	}
	if o.Queue <= 0 {
		o.Queue = DefaultQueue
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o.withSources(), nil
}
