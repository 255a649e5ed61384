package response

import (
	"container/list"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/session"
)

// recent remembers the chains that were continued last, so that a further step
// costs what is new and not the chain. It is bounded in bytes, those that were
// not used for longest going first. It is safe for concurrent use.
type recent struct {
	limit int

	mu    sync.Mutex // guards what follows
	size  int
	order *list.List // of *chain, the last used first
	known map[chainKey]*list.Element
}

type chainKey struct{ tenant, id string }

// chain is what leads to a response, itself included.
type chain struct {
	key   chainKey
	items []jsontext.Value // without the last one's
	known []model.Message  // what they say, where that is known
	last  Record
	head  session.Session
	size  int // of all payloads
	// erasures is how many the journal had seen when this was read.
	erasures uint64
}

// held is about how many bytes the chain takes: what is known is as much again.
func (c *chain) held() int {
	if c.known != nil {
		return 2 * c.size
	}
	return c.size
}

func newRecent(limit int) *recent {
	return &recent{limit: limit, order: list.New(), known: map[chainKey]*list.Element{}}
}

// find returns a chain that was read since the last erasure.
func (r *recent) find(key chainKey, erasures uint64) (chain, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := r.known[key]
	if at == nil {
		return chain{}, false
	}
	found := at.Value.(*chain)
	if found.erasures != erasures {
		r.drop(at)
		return chain{}, false
	}
	r.order.MoveToFront(at)
	return *found, true
}

// put remembers a chain instead of the one it continues.
func (r *recent) put(c chain, continued string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range []string{c.key.id, continued} {
		if at := r.known[chainKey{c.key.tenant, id}]; at != nil {
			r.drop(at)
		}
	}
	if c.held() > r.limit {
		return
	}
	r.known[c.key] = r.order.PushFront(&c)
	for r.size += c.held(); r.size > r.limit; {
		r.drop(r.order.Back())
	}
}

func (r *recent) drop(at *list.Element) {
	gone := at.Value.(*chain)
	r.order.Remove(at)
	delete(r.known, gone.key)
	r.size -= gone.held()
}
