package agent

import (
	"slices"
	"sync"

	"github.com/craton-ai/craton/internal/model"
)

// memo remembers what follows from a state and is asked for again and again.
// It is no part of the state: forgetting it changes nothing. A lock guards it,
// so that a state which nobody changes may be read by several at once.
type memo struct {
	mu      sync.Mutex
	offers  map[*Turn][]Offer
	digests map[*Server]string
	// contexts are what was looked up in agents' contexts, which only grow until
	// they are summarised: a step costs the same however long they are.
	contexts map[*Thread]*looked
}

// looked is what is known of a context. The counts say how much of it was looked
// at for what follows them.
type looked struct {
	forCalls int
	calls    map[string]struct{} // the ids
	// told begins with the lead, then it is what a model is told of the context.
	forTold int
	lead    string
	told    []model.Message
	// digest is that of the agent's definition as of a revision of the settings.
	digest   string
	revision uint64
}

// Revision changes with the session's settings: what follows from them alone
// stays as long as it does. It means nothing to another State.
func (s *State) Revision() uint64 { return s.revision }

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

// rewritten is called with each change of a context that does more than add.
func (s *State) rewritten(t *Thread) {
	if s.memo == nil {
		return
	}
	s.memo.mu.Lock()
	defer s.memo.mu.Unlock()
	delete(s.memo.contexts, t) // what else is known of it is soon known again
}

// looked returns what is known of the agent's context. m.mu is held.
func (m *memo) looked(t *Thread) *looked {
	known := m.contexts[t]
	if known == nil {
		if m.contexts == nil {
			m.contexts = map[*Thread]*looked{}
		}
		known = &looked{}
		m.contexts[t] = known
	}
	return known
}

// called reports whether the agent's context has a call of that id.
func (m *memo) called(t *Thread, id string) bool {
	if m == nil {
		m = &memo{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	known := m.looked(t)
	for ; known.forCalls < len(t.Context); known.forCalls++ {
		for _, part := range t.Context[known.forCalls].Parts {
			call, ok := part.(*model.ToolCall)
			if !ok {
				continue
			}
			if known.calls == nil {
				known.calls = map[string]struct{}{}
			}
			known.calls[call.ID] = struct{}{}
		}
	}
	_, has := known.calls[id]
	return has
}

// pinned is the digest of the definition that the agent's next turn has.
func (m *memo) pinned(s *State, t *Thread) string {
	if m == nil {
		m = &memo{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	known := m.looked(t)
	if known.digest == "" || known.revision != s.revision {
		known.digest, known.revision = s.definition(t).Digest(), s.revision
	}
	return known.digest
}

// told is what a model is told of the agent's context, after a lead unless that
// is empty. Nobody changes it; what is appended to it is the caller's own.
func (m *memo) told(t *Thread, lead string) []model.Message {
	if m == nil {
		m = &memo{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	known := m.looked(t)
	if known.lead != lead || known.told == nil {
		known.lead, known.forTold, known.told = lead, 0, nil
		if lead != "" {
			known.told = append(known.told, model.SystemText(lead))
		}
	}
	for ; known.forTold < len(t.Context); known.forTold++ {
		if at := &t.Context[known.forTold]; !mute(at) {
			known.told = append(known.told, *at)
		}
	}
	return slices.Clip(known.told)
}
