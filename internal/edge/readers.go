package edge

import "sync"

// readers counts the clients of this process that read a response which is not
// to be kept, by the response's id: what made it stays until the last has left.
// It is safe for concurrent use.
type readers struct {
	mu sync.Mutex
	n  map[string]int
}

// enter counts a client in. It has to come before the session can end, so
// before it is created.
func (r *readers) enter(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.n == nil {
		r.n = map[string]int{}
	}
	r.n[id]++
}

// leave counts a client out, and tells whether it was the last.
func (r *readers) leave(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.n[id]--; r.n[id] > 0 {
		return false
	}
	delete(r.n, id)
	return true
}

// has tells whether a client is in.
func (r *readers) has(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.n[id] > 0
}
