package edge

import (
	"context"
	"sync"
	"time"

	"github.com/craton-ai/craton/internal/agent"
)

// readers counts the clients of this process that read a response which is not
// to be kept, by the response's id: what made it stays until the last has left.
// It is safe for concurrent use.
type readers struct {
	mu sync.Mutex
	of map[string]*audience
}

// audience is who reads one response; gone is closed when nobody does any more.
type audience struct {
	n    int
	gone chan struct{}
}

// enter counts a client in. It has to come before the session can end, so
// before it is created.
func (r *readers) enter(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.of == nil {
		r.of = map[string]*audience{}
	}
	if r.of[id] == nil {
		r.of[id] = &audience{gone: make(chan struct{})}
	}
	r.of[id].n++
}

// leave counts a client out, and tells whether it was the last.
func (r *readers) leave(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := r.of[id]
	if a.n--; a.n > 0 {
		return false
	}
	close(a.gone)
	delete(r.of, id)
	return true
}

// gone is closed once no client is in; nil if none is now.
func (r *readers) gone(id string) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a := r.of[id]; a != nil {
		return a.gone
	}
	return nil
}

// readerGrace is how long after a response's end the instance that serves it has
// to hand it to its client and remove it. Others remove it then: that instance
// is not there any more.
const readerGrace = 5 * time.Minute

// How often an instance looks whether another has removed a response: seldom
// after a while.
const (
	firstLook = 50 * time.Millisecond
	lastLook  = 5 * time.Second
)

// outlastReaders waits until nobody reads a response that is not to be kept: the
// clients of this process, and those of the instance that serves it. It ends
// with an error of ctx's, after which somebody has to wait again: the session's
// journal says that it is not done.
func (h *Handler) outlastReaders(ctx context.Context, tenant string, state *agent.State, k *runContract) error {
	for gone := h.readers.gone(k.ID); gone != nil; gone = h.readers.gone(k.ID) {
		select {
		case <-gone:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if k.Node == h.opts.Instance {
		return nil
	}
	until := state.Root().Turn.EndedAt.Add(readerGrace)
	for look := firstLook; h.opts.Now().Before(until); look = min(2*look, lastLook) {
		if _, err := h.opts.Sessions.Get(ctx, tenant, state.Session); err != nil {
			return gone(err)
		}
		timer := time.NewTimer(look)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
	return nil
}
