package identity

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// cached is a credential that was found good, with what it needs to be judged
// again at any later moment.
type cached struct {
	credential Credential
	principal  Principal
	secret     string // of a KindAWS key
	loadedAt   time.Time
	usedAt     atomic.Int64 // Unix microseconds; 0 if not since the last flush
}

// cache remembers credentials by lookup, bounded in number. Reads share a
// lock; authentication of a known credential does nothing else.
type cache struct {
	mu      sync.RWMutex
	size    int
	entries map[string]*cached
	used    map[string]time.Time // last uses of entries that left, by key id
	// unknown holds when a lookup was last not found, bounded like entries.
	unknown map[string]time.Time
	// generation grows with each drop, so that a load that began before one
	// cannot bring back what was dropped.
	generation uint64
}

func newCache(size int) *cache {
	return &cache{size: size, entries: make(map[string]*cached), used: make(map[string]time.Time), unknown: make(map[string]time.Time)}
}

// get returns the entry if it was loaded less than ttl before now.
func (c *cache) get(lookup string, now time.Time, ttl time.Duration) (*cached, uint64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	e := c.entries[lookup]
	if e == nil || now.Sub(e.loadedAt) >= ttl {
		return nil, c.generation
	}
	return e, c.generation
}

// put remembers an entry loaded at the generation, dropping others at random
// while there are too many.
func (c *cache) put(e *cached, generation uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if generation != c.generation {
		return
	}
	if old := c.entries[e.credential.Lookup]; old != nil {
		c.leave(old)
	}
	for lookup, old := range c.entries {
		if len(c.entries) < c.size {
			break
		}
		c.leave(old)
		delete(c.entries, lookup)
	}
	c.entries[e.credential.Lookup] = e
}

// isUnknown reports whether the lookup was not found less than ttl before now.
func (c *cache) isUnknown(lookup string, now time.Time, ttl time.Duration) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	at, ok := c.unknown[lookup]
	return ok && now.Sub(at) < ttl
}

// knows reports whether a lookup was found, however long ago, or was not found
// less than ttl before now.
func (c *cache) knows(lookup string, now time.Time, ttl time.Duration) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.entries[lookup] != nil {
		return true
	}
	at, ok := c.unknown[lookup]
	return ok && now.Sub(at) < ttl
}

// miss remembers that a lookup begun at the generation found nothing.
func (c *cache) miss(lookup string, now time.Time, generation uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if generation != c.generation {
		return
	}
	for old := range c.unknown {
		if len(c.unknown) < c.size {
			break
		}
		delete(c.unknown, old)
	}
	c.unknown[lookup] = now
}

// welcome forgets that a lookup was unknown: its credential was just made.
func (c *cache) welcome(lookup string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	delete(c.unknown, lookup)
}

// drop forgets every entry of a tenant, or one credential of it.
func (c *cache) drop(tenantID, lookup string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	for l, e := range c.entries {
		if e.credential.TenantID == tenantID && (lookup == "" || l == lookup) {
			c.leave(e)
			delete(c.entries, l)
		}
	}
}

// leave keeps the last use of an entry on its way out. c.mu is held.
func (c *cache) leave(e *cached) {
	if at := e.usedAt.Swap(0); at != 0 {
		c.note(e.credential.ID, time.UnixMicro(at).UTC())
	}
}

// note remembers a last use until it is taken. c.mu is held. The map is
// bounded as well: last uses are a courtesy, memory is not.
func (c *cache) note(keyID string, at time.Time) {
	if len(c.used) < 4*c.size && at.After(c.used[keyID]) {
		c.used[keyID] = at
	}
}

// takeUsed returns the last uses since it was last called, by key id.
func (c *cache) takeUsed() map[string]time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.entries {
		c.leave(e)
	}
	used := c.used
	c.used = make(map[string]time.Time)
	return used
}

// giveBack returns uses that could not be stored.
func (c *cache) giveBack(used map[string]time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, at := range maps.All(used) {
		c.note(id, at)
	}
}
