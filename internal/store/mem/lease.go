package mem

import (
	"context"
	"slices"
	"time"

	"github.com/craton-ai/craton/internal/session"
)

// node is what a node advertised for a kind.
type node struct {
	reads int
	until time.Time
}

// Claim implements [session.Leaser].
func (s *Store) Claim(ctx context.Context, n session.Node, tenant, id string) (session.Lease, error) {
	if err := n.Check(); err != nil {
		return session.Lease{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	j, err := s.journal(tenant, id)
	if err != nil {
		return session.Lease{}, err
	}
	lease, err := j.claim(n, s.now())
	if err != nil {
		return session.Lease{}, err
	}
	return lease, ctx.Err()
}

// claim changes the journal as [session.Entry.Claim] says. The store's lock is
// held.
func (j *journal) claim(n session.Node, now time.Time) (session.Lease, error) {
	e, changed, err := j.entry().Claim(n, now)
	if changed {
		j.head.Epoch, j.state = e.Epoch, e
	}
	if err != nil {
		return session.Lease{}, err
	}
	lease := e.Lease()
	lease.Head = cloneHead(lease.Head)
	return lease, nil
}

// Due implements [session.Leaser].
func (s *Store) Due(ctx context.Context, n session.Node, limit int) ([]session.Lease, error) {
	if err := n.Check(); err != nil {
		return nil, err
	}
	if limit <= 0 || limit > session.MaxDue {
		limit = session.MaxDue
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	var due []*journal
	for _, j := range s.sessions {
		e := j.entry()
		reads, drives := n.Reads[e.Kind]
		if at := e.DueAt(); drives && reads >= e.Version && !at.IsZero() && !at.After(now) {
			due = append(due, j)
		}
	}
	slices.SortFunc(due, func(a, b *journal) int { return a.entry().DueAt().Compare(b.entry().DueAt()) })
	var leases []session.Lease
	for _, j := range due[:min(limit, len(due))] {
		if lease, err := j.claim(n, now); err == nil {
			leases = append(leases, lease)
		}
	}
	return leases, ctx.Err()
}

// held returns the journal if the lease still holds it. s.mu is held.
func (s *Store) held(l session.Lease) (*journal, error) {
	j, err := s.journal(l.Head.Tenant, l.Head.ID)
	switch {
	case err != nil:
		return nil, err
	case j.head.Key == nil:
		return nil, session.Fault(session.ErrErased, l.Head.ID, "The session was deleted.")
	case j.head.Epoch != l.Head.Epoch || j.state.Node != l.Node:
		return nil, session.Fault(session.ErrFenced, l.Head.ID, "The session is in epoch %d and no longer held in epoch %d.",
			j.head.Epoch, l.Head.Epoch)
	}
	return j, nil
}

// Renew implements [session.Leaser].
func (s *Store) Renew(ctx context.Context, ttl time.Duration, leases ...session.Lease) ([]session.Lease, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var held []session.Lease
	for _, l := range leases {
		j, err := s.held(l)
		if err != nil {
			continue
		}
		j.state.Until = s.now().Add(ttl)
		l.Until = j.state.Until
		held = append(held, l)
	}
	return held, ctx.Err()
}

// Release implements [session.Leaser].
func (s *Store) Release(ctx context.Context, l session.Lease, quarantine string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	j, err := s.held(l)
	if err != nil {
		return err
	}
	j.state.Node, j.state.Until, j.state.Quarantine = "", time.Time{}, quarantine
	s.hint()
	return ctx.Err()
}

// Advertise implements [session.Leaser].
func (s *Store) Advertise(ctx context.Context, n session.Node) (map[string]int, error) {
	if err := n.Check(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	all := make(map[string]int)
	for kind, reads := range n.Reads {
		s.nodes[nodeKind{n.ID, kind}] = node{reads: reads, until: now.Add(n.TTL)}
		all[kind] = reads
	}
	for name, other := range s.nodes {
		if least, drives := all[name.kind]; drives && other.until.After(now) {
			all[name.kind] = min(least, other.reads)
		}
	}
	return all, ctx.Err()
}

// Hints implements [session.Hinter].
func (s *Store) Hints() <-chan struct{} { return s.hints }

// hint says that work may have become due.
func (s *Store) hint() {
	select {
	case s.hints <- struct{}{}:
	default:
	}
}
