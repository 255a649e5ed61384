package engine

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/craton-ai/craton/internal/model"
)

// Defaults of Options.
const (
	DefaultIdle    = 15 * time.Minute
	DefaultStartup = 2 * time.Minute
	maxBackoff     = 30 * time.Second
)

// Child is a running child process.
type Child struct {
	// URL is its base address, Token the bearer it demands.
	URL, Token string
	// Done is closed when it has ended; Reason then says why, for the operator.
	Done   <-chan struct{}
	Reason func() error
	// Stop ends it and returns when it has ended.
	Stop func()
}

// Options is what an Engine needs. Launch, Dial, Cards, Now and Log are required.
type Options struct {
	// Launch starts the child and returns when it is ready.
	Launch func(ctx context.Context) (*Child, error)
	// Dial returns the provider that speaks to a child.
	Dial func(url, token string) (model.Provider, error)
	// Cards lists the models the engine can serve.
	Cards func() ([]model.Card, error)
	// Stale reports whether the child that Launch started last lacks a model
	// that is there now; it is then started anew when no request is under way.
	// Nil means never.
	Stale func() bool
	// Idle is how long the child stays without a request; 0 means DefaultIdle,
	// negative for ever.
	Idle time.Duration
	// Startup bounds Launch; 0 means DefaultStartup.
	Startup time.Duration
	Now     func() time.Time
	Log     *slog.Logger
}

// Engine is the supervised engine. It is safe for concurrent use.
type Engine struct {
	opts Options
	// life ends with Close, which end brings about.
	life context.Context
	end  context.CancelFunc

	// mu guards everything below. It is not held while a child starts.
	mu       sync.Mutex
	child    *Child
	provider model.Provider
	starting chan struct{} // closed when the start under way has ended
	failure  error         // why the last start failed
	failures int           // starts and crashes since the last good answer
	notUntil time.Time
	busy     int
	idle     *time.Timer
	closed   bool
}

// New returns an engine whose child is not started yet.
func New(opts Options) *Engine {
	if opts.Idle == 0 {
		opts.Idle = DefaultIdle
	}
	if opts.Startup == 0 {
		opts.Startup = DefaultStartup
	}
	life, end := context.WithCancel(context.Background())
	return &Engine{opts: opts, life: life, end: end}
}

// acquire returns the child and its provider, starting the child if need be.
// The caller calls release when its request is over.
func (e *Engine) acquire(ctx context.Context) (model.Provider, *Child, error) {
	for {
		e.mu.Lock()
		switch {
		case e.closed:
			e.mu.Unlock()
			return nil, nil, model.Errorf(model.UpstreamDown, "engine", "The server is stopping.")
		case e.child != nil && e.busy == 0 && e.opts.Stale != nil && e.opts.Stale():
			child := e.child
			e.child, e.provider = nil, nil
			e.mu.Unlock()
			e.opts.Log.Info("the engine starts anew with the models that are there now")
			child.Stop()
			continue
		case e.child != nil:
			e.busy++
			if e.idle != nil {
				e.idle.Stop()
			}
			p, child := e.provider, e.child
			e.mu.Unlock()
			return p, child, nil
		case e.starting == nil:
			if wait := e.notUntil.Sub(e.opts.Now()); wait > 0 {
				err := e.down(wait)
				e.mu.Unlock()
				return nil, nil, err
			}
			e.starting = make(chan struct{})
			go e.start()
		}
		started := e.starting
		e.mu.Unlock()
		select {
		case <-started:
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
		e.mu.Lock()
		failed := e.child == nil && e.failure != nil
		err := e.down(e.notUntil.Sub(e.opts.Now()))
		e.mu.Unlock()
		if failed {
			return nil, nil, err
		}
	}
}

// down is the error while the child cannot be used; e.mu is held.
func (e *Engine) down(wait time.Duration) error {
	return &model.Error{Kind: model.NotReady, Op: "engine.acquire", Subject: "engine", Err: e.failure, RetryAfter: max(wait, 0),
		Message: "The built-in engine does not run.", Hint: "It is started again by itself; `craton doctor` says what is wrong."}
}

// start launches the child, once at a time.
func (e *Engine) start() {
	ctx, cancel := context.WithTimeout(e.life, e.opts.Startup)
	defer cancel()
	child, err := e.opts.Launch(ctx)
	var provider model.Provider
	if err == nil {
		if provider, err = e.opts.Dial(child.URL, child.Token); err != nil {
			child.Stop()
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	started := e.starting
	e.starting = nil
	if e.closed {
		go func() { // not under the lock: it takes as long as the child does
			if err == nil {
				child.Stop()
			}
			close(started)
		}()
		return
	}
	close(started)
	if err != nil {
		e.failed(err)
		return
	}
	e.child, e.provider, e.failure = child, provider, nil
	e.opts.Log.Info("the engine runs", "url", child.URL)
	go e.watch(child)
}

// failed notes a failure and sets when the next start may be tried; e.mu is held.
func (e *Engine) failed(err error) {
	e.failure = err
	e.failures++
	pause := min(time.Second<<min(e.failures-1, 10), maxBackoff)
	e.notUntil = e.opts.Now().Add(pause)
	e.opts.Log.Error("the engine does not run", "err", err, "next_try", pause)
}

// watch waits for the child's end.
func (e *Engine) watch(child *Child) {
	<-child.Done
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.child != child {
		return // stopped on purpose
	}
	e.child, e.provider = nil, nil
	e.failed(child.Reason())
}

// release ends a request. good says that the child answered it; of a child that
// has ended since it tells nothing about the next one.
func (e *Engine) release(by *Child, good bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.busy--
	if good && e.child == by {
		e.failures = 0
	}
	if e.busy > 0 || e.child == nil || e.opts.Idle < 0 {
		return
	}
	child := e.child
	e.idle = time.AfterFunc(e.opts.Idle, func() { e.unload(child) })
}

// unload stops an idle child.
func (e *Engine) unload(child *Child) {
	e.mu.Lock()
	if e.child != child || e.busy > 0 {
		e.mu.Unlock()
		return
	}
	e.child, e.provider = nil, nil
	e.mu.Unlock()
	child.Stop()
	e.opts.Log.Info("the idle engine was unloaded")
}

// Running reports whether the child runs, and if not why the last start failed, if it did.
func (e *Engine) Running() (bool, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.child != nil, e.failure
}

// Close stops the child, or its start, and refuses further requests. It
// returns when the child has ended.
func (e *Engine) Close() error {
	e.mu.Lock()
	child, starting := e.child, e.starting
	e.child, e.provider, e.closed = nil, nil, true
	if e.idle != nil {
		e.idle.Stop()
	}
	e.mu.Unlock()
	e.end()
	if child != nil {
		child.Stop()
	}
	if starting != nil {
		<-starting
	}
	return nil
}
