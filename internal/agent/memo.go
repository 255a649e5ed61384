package agent

import (
	"slices"
	"sync"
)

// memo remembers what follows from a state and is asked for again and again.
// It is no part of the state: forgetting it changes nothing. A lock guards it,
// so that a state which nobody changes may be read by several at once.
type memo struct {
	mu      sync.Mutex
	offers  map[*Turn][]Offer
	digests map[*Server]string
}

// forget is called with each change of what tools there are.
func (s *State) forget() {
	if s.memo == nil {
		return
	}
	s.memo.mu.Lock()
	defer s.memo.mu.Unlock()
	s.memo.offers, s.memo.digests = nil, nil
}

// remembered returns the turn's offers. The caller does not change them.
func (m *memo) remembered(turn *Turn, find func() []Offer) []Offer {
	if m == nil {
		return find()
	}
	m.mu.Lock()
	known, ok := m.offers[turn]
	m.mu.Unlock()
	if ok {
		return known
	}
	known = slices.Clip(find())
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.offers == nil {
		m.offers = map[*Turn][]Offer{}
	}
	m.offers[turn] = known
	return known
}

// digest names what a listing of the server depends on.
func (m *memo) digest(server *Server) string {
	if m == nil {
		return server.digest()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	known, ok := m.digests[server]
	if !ok {
		if m.digests == nil {
			m.digests = map[*Server]string{}
		}
		known = server.digest()
		m.digests[server] = known
	}
	return known
}
