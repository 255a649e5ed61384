package mem

import (
	"bytes"
	"context"
	"maps"
	"time"

	"github.com/craton-ai/craton/internal/session"
)

// journal is one session with its events; payloads kept by address are not in
// them.
type journal struct {
	head   session.Session
	events []session.Event
	// state holds what an entry has beside the head.
	state     session.Entry
	streams   map[uint64]*stream
	snapshots map[string][]session.Snapshot // by fold, newest first
}

// payload is a large payload with the number of events that have it.
type payload struct {
	body []byte
	uses int
}

func noSession(id string) error {
	return session.Fault(session.ErrNotFound, id, "There is no session %q.", id)
}

// journal returns a tenant's journal. s.mu is held.
func (s *Store) journal(tenant, id string) (*journal, error) {
	j := s.sessions[id]
	if j == nil || j.head.Tenant != tenant {
		return nil, noSession(id)
	}
	return j, nil
}

// Append implements [session.Store].
func (s *Store) Append(ctx context.Context, b session.Batch) error {
	if err := b.Check(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	j, err := s.target(b.Session)
	if err != nil {
		return err
	}
	tenant := b.Session.Tenant
	for _, e := range b.Events {
		if _, taken := s.labels[tenantName{tenant, e.Label}]; taken && e.Label != "" {
			return session.Fault(session.ErrLabelTaken, e.Label, "The label %q is in use.", e.Label)
		}
	}
	if err := j.follows(b.Said()); err != nil {
		return err
	}
	for _, e := range b.Events {
		e.Payload = bytes.Clone(e.Payload)
		if e.Label != "" {
			s.labels[tenantName{tenant, e.Label}] = session.Ref{Session: e.Session, Seq: e.Seq}
		}
		if e.Address != "" {
			name := tenantName{tenant, e.Address}
			if s.payloads[name] == nil {
				s.payloads[name] = &payload{body: e.Payload}
			}
			s.payloads[name].uses++
			e.Payload = nil
		}
		j.events = append(j.events, e)
		j.head.Seq, j.head.Head = e.Seq, e.Hash
	}
	j.follow(b)
	s.buffer(j, b.Said())
	s.sessions[j.head.ID] = j
	if b.Wake != nil && !b.Wake.IsZero() {
		s.hint()
	}
	return nil
}

// follow changes what goes with the batch's events.
func (j *journal) follow(b session.Batch) {
	st := &j.state
	if b.Raise != 0 {
		j.head.Epoch = b.Raise
		st.Node, st.Until = "", time.Time{}
	}
	st.Version = max(st.Version, b.Version())
	st.UpdatedAt = b.Events[len(b.Events)-1].At
	if b.Wake != nil {
		st.Wake = b.Wake.UTC().Truncate(time.Microsecond)
	}
	if b.Progress {
		st.Takeovers = 0
	}
	if b.Facts != nil {
		st.Facts = session.Facts{Status: b.Facts.Status, Metadata: maps.Clone(b.Facts.Metadata)}
	}
}

// target returns the journal to append to if it is as the writer knows it.
func (s *Store) target(known session.Session) (*journal, error) {
	if known.Seq == 0 {
		if s.sessions[known.ID] != nil {
			return nil, session.Fault(session.ErrStale, known.ID, "The session exists already.")
		}
		known.Key = bytes.Clone(known.Key)
		return &journal{
			head: known, streams: make(map[uint64]*stream), snapshots: make(map[string][]session.Snapshot),
		}, s.checkParent(known)
	}
	j, err := s.journal(known.Tenant, known.ID)
	if err != nil {
		return nil, err
	}
	if j.head.Key == nil {
		return nil, session.Fault(session.ErrErased, known.ID, "The session was deleted.")
	}
	if j.head.Epoch > known.Epoch {
		return nil, session.Fault(session.ErrFenced, known.ID, "The session is in epoch %d and no longer held in epoch %d.",
			j.head.Epoch, known.Epoch)
	}
	if h := j.head; h.Epoch != known.Epoch || h.Seq != known.Seq || h.Head != known.Head {
		return nil, session.Fault(session.ErrStale, known.ID,
			"The session is at event %d of epoch %d, not at event %d of epoch %d.", h.Seq, h.Epoch, known.Seq, known.Epoch)
	}
	return j, nil
}

func (s *Store) checkParent(child session.Session) error {
	if child.Parent == (session.Ref{}) {
		if child.Head != (session.Hash{}) {
			return session.Fault(session.ErrInvalid, child.ID, "A session without a parent begins without a hash.")
		}
		return nil
	}
	p, err := s.journal(child.Tenant, child.Parent.Session)
	if err != nil {
		return err
	}
	if p.head.Key == nil {
		return session.Fault(session.ErrErased, child.Parent.Session, "The session was deleted.")
	}
	seq := child.Parent.Seq
	if seq == 0 || seq > p.head.Seq || p.events[seq-1].Hash != child.Head {
		return session.Fault(session.ErrNotFound, child.Parent.Session, "The session has no such event %d.", seq)
	}
	return nil
}

// Head implements [session.Store].
func (s *Store) Head(ctx context.Context, tenant, id string) (session.Session, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	j, err := s.journal(tenant, id)
	if err != nil {
		return session.Session{}, err
	}
	return cloneHead(j.head), ctx.Err()
}

// Read implements [session.Store].
func (s *Store) Read(ctx context.Context, tenant, id string, after uint64, limit int) ([]session.Event, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	j, err := s.journal(tenant, id)
	if err != nil {
		return nil, err
	}
	after = min(after, uint64(len(j.events)))
	page := append([]session.Event(nil), pageOf(j.events[after:], limit)...)
	for i, e := range page {
		page[i].Payload = bytes.Clone(e.Payload)
		if e.Address != "" && !e.Erased {
			page[i].Payload = bytes.Clone(s.payloads[tenantName{tenant, e.Address}].body)
		}
	}
	return page, ctx.Err()
}

// Find implements [session.Store].
func (s *Store) Find(ctx context.Context, tenant, label string) (session.Ref, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	ref, ok := s.labels[tenantName{tenant, label}]
	if !ok {
		return session.Ref{}, session.Fault(session.ErrNotFound, label, "There is nothing labelled %q.", label)
	}
	return ref, ctx.Err()
}

// Erase implements [session.Store].
func (s *Store) Erase(ctx context.Context, e session.Erasure) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	j, err := s.journal(e.Tenant, e.Session)
	if err != nil {
		return err
	}
	for i := range j.events {
		ev := &j.events[i]
		if ev.Erased || ev.Seq < e.From || e.To != 0 && ev.Seq > e.To {
			continue
		}
		delete(s.labels, tenantName{e.Tenant, ev.Label})
		if ev.Address != "" {
			name := tenantName{e.Tenant, ev.Address}
			if s.payloads[name].uses--; s.payloads[name].uses == 0 {
				delete(s.payloads, name)
			}
		}
		ev.Payload, ev.Label, ev.Address, ev.Erased = nil, "", "", true
	}
	s.eraseCopies(j, e.From)
	if e.From <= 1 && e.To == 0 && j.head.Key != nil {
		j.head.Key = nil
		j.head.Epoch++
		j.state = session.Entry{Version: j.state.Version, UpdatedAt: j.state.UpdatedAt, Takeovers: j.state.Takeovers}
	}
	return ctx.Err()
}
