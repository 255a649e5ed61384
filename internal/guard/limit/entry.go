package limit

import (
	"slices"
	"time"
)

// entry is what is remembered of a key. Its shard's mutex guards it.
type entry struct {
	key              string
	requests, tokens bucket
	inFlight         int64
	queue            []*waiter
	used             time.Time
	newer, older     *entry
}

// entry finds or makes a key's entry, as the newest of its shard, and forgets
// some that are not needed any more.
func (s *shard) entry(key string, now time.Time, most int) *entry {
	e := s.keys[key]
	if e != nil {
		s.unlink(e)
	} else {
		s.forget(now, most)
		e = &entry{key: key}
		s.keys[key] = e
	}
	e.used = now
	s.push(e)
	return e
}

// forget drops up to two of the longest unused entries: those that are idle,
// and, when the shard is full, any without requests in flight.
func (s *shard) forget(now time.Time, most int) {
	e := s.oldest
	for looked := 0; e != nil && looked < 4; looked++ {
		next := e.newer
		idle := now.Sub(e.used) >= idleAfter && e.tokens.level >= 0
		if e.inFlight == 0 && len(e.queue) == 0 && (idle || len(s.keys) >= max(most, 1)) {
			s.unlink(e)
			delete(s.keys, e.key)
		}
		e = next
	}
}

func (s *shard) push(e *entry) {
	e.newer, e.older = nil, s.newest
	if s.newest != nil {
		s.newest.newer = e
	}
	s.newest = e
	if s.oldest == nil {
		s.oldest = e
	}
}

func (s *shard) unlink(e *entry) {
	if e.newer != nil {
		e.newer.older = e.older
	} else {
		s.newest = e.older
	}
	if e.older != nil {
		e.older.newer = e.newer
	} else {
		s.oldest = e.newer
	}
	e.newer, e.older = nil, nil
}

// worth is the estimate that is taken: never more than a full bucket, which
// is all a key can ever have; the rest becomes debt when it is known.
func (e *entry) worth(l Limits, tokens int64) int64 {
	if l.TokensPerMinute <= 0 {
		return 0
	}
	return min(max(tokens, 0), l.TokensPerMinute)
}

// admit takes a request and its tokens out of the buckets, or refuses and takes nothing.
func (e *entry) admit(l Limits, tokens int64, now time.Time) error {
	if l.RequestsPerMinute > 0 {
		e.requests.fill(l.RequestsPerMinute, now)
		if wait := e.requests.until(1, l.RequestsPerMinute); wait > 0 {
			return exhausted("requests", l.RequestsPerMinute, wait)
		}
	}
	if l.TokensPerMinute > 0 {
		e.tokens.fill(l.TokensPerMinute, now)
		if wait := e.tokens.until(float64(max(tokens, 1)), l.TokensPerMinute); wait > 0 {
			return exhausted("tokens", l.TokensPerMinute, wait)
		}
	}
	e.requests.level--
	e.tokens.level -= float64(tokens)
	return nil
}

// refund undoes admit.
func (e *entry) refund(l Limits, tokens int64) {
	e.requests.level = min(e.requests.level+1, float64(l.RequestsPerMinute))
	e.tokens.level = min(e.tokens.level+float64(tokens), float64(l.TokensPerMinute))
}

// leave takes a waiter out of the queue; false when it is not there any more.
func (e *entry) leave(w *waiter) bool {
	i := slices.Index(e.queue, w)
	if i < 0 {
		return false
	}
	e.queue = slices.Delete(e.queue, i, i+1)
	return true
}

func (e *entry) state(l Limits) State {
	var s State
	if l.RequestsPerMinute > 0 {
		s.LimitRequests, s.RemainingRequests = l.RequestsPerMinute, max(int64(e.requests.level), 0)
		s.ResetRequests = e.requests.until(float64(l.RequestsPerMinute), l.RequestsPerMinute)
	}
	if l.TokensPerMinute > 0 {
		s.LimitTokens, s.RemainingTokens = l.TokensPerMinute, max(int64(e.tokens.level), 0)
		s.ResetTokens = e.tokens.until(float64(l.TokensPerMinute), l.TokensPerMinute)
	}
	return s
}
