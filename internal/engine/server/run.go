package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/craton-ai/craton/internal/engine/llama"
)

// shutdownGrace is how long running answers may take to notice the end.
const shutdownGrace = 5 * time.Second

// Run loads the models, serves them and returns when ctx ends, when Parent ends,
// or when it cannot go on. A clean end answers nil. It prints nothing.
func Run(ctx context.Context, options Options) error {
	o, err := options.check()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if o.Parent != nil {
		go func() {
			_, _ = io.Copy(io.Discard, o.Parent)
			cancel()
		}()
	}
	engines, err := openAll(o)
	if err != nil {
		return err
	}
	var running sync.WaitGroup
	defer func() {
		cancel()
		running.Wait()
		for _, e := range engines {
			e.close()
		}
	}()
	for _, e := range engines {
		running.Go(func() { e.run(ctx) })
	}
	return serve(ctx, o, newAPI(o, engines))
}

func (e *engine) run(ctx context.Context) {
	if e.embedder != nil {
		e.embedder.run(ctx)
		return
	}
	e.sched.run(ctx)
}

func openAll(o Options) ([]*engine, error) {
	lib, err := llama.Load(o.Library)
	if err != nil {
		return nil, err
	}
	memory := newBudget(o.MemoryLimit)
	var engines []*engine
	for _, spec := range o.Models {
		e, err := openEngine(lib, spec, o, memory)
		if err != nil {
			for _, opened := range engines {
				opened.close()
			}
			return nil, err
		}
		o.Log.Info("model loaded", "model", spec.Name, "description", e.info.Description,
			"context", e.spec.ContextTokens, "parallel", e.spec.Parallel, "threads", o.Threads)
		engines = append(engines, e)
	}
	return engines, nil
}

func serve(ctx context.Context, o Options, handler http.Handler) error {
	listener, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
		defer cancel()
		if server.Shutdown(grace) != nil {
			_ = server.Close()
		}
	})
	if o.Ready != nil {
		o.Ready(listener.Addr().String())
	}
	err = server.Serve(listener)
	if !stop() {
		<-done
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("engine: %w", err)
}

// withSources fills in the real clock and sources of chance.
func (o Options) withSources() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Seed == nil {
		o.Seed = rand.Uint32
	}
	if o.NewID == nil {
		o.NewID = func() string { return strconv.FormatUint(rand.Uint64(), 36) + strconv.FormatUint(rand.Uint64(), 36) }
	}
	return o
}
