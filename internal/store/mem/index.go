package mem

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/craton-ai/craton/internal/session"
)

// entry is the journal's line in a listing, its key included.
func (j *journal) entry() session.Entry {
	e := j.state
	e.Session = j.head
	e.Erased = j.head.Key == nil
	return e
}

// listed is the entry as listings show it.
func (j *journal) listed() session.Entry {
	e := j.entry()
	e.Key, e.Metadata = nil, maps.Clone(e.Metadata)
	return e
}

func cloneHead(head session.Session) session.Session {
	head.Key = bytes.Clone(head.Key)
	return head
}

// oldest orders entries by creation, then id.
func oldest(a, b session.Entry) int {
	return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), strings.Compare(a.ID, b.ID))
}

// Sessions implements [session.Index].
func (s *Store) Sessions(ctx context.Context, q session.Query) ([]session.Entry, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	order := oldest
	if !q.Oldest {
		order = func(a, b session.Entry) int { return oldest(b, a) }
	}
	var last *journal
	if q.After != "" {
		var err error
		if last, err = s.journal(q.Tenant, q.After); err != nil {
			return nil, err
		}
	}
	var all []session.Entry
	for _, j := range s.sessions {
		e := j.listed()
		if selected(q, e) && (last == nil || order(e, last.entry()) > 0) {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, order)
	return pageOf(all, q.Limit), ctx.Err()
}

func selected(q session.Query, e session.Entry) bool {
	for key, value := range q.Metadata {
		if had, ok := e.Metadata[key]; !ok || had != value {
			return false
		}
	}
	return e.Tenant == q.Tenant && (q.Kind == "" || e.Kind == q.Kind) && (q.Status == "" || e.Status == q.Status) &&
		(q.Parent == "" || e.Parent.Session == q.Parent) && (!q.Quarantined || e.Quarantine != "") && (q.Erased || !e.Erased)
}

// Describe implements [session.Index].
func (s *Store) Describe(ctx context.Context, tenant, id string) (session.Entry, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	j, err := s.journal(tenant, id)
	if err != nil {
		return session.Entry{}, err
	}
	return j.listed(), ctx.Err()
}

// Moved implements [session.Index].
func (s *Store) Moved(ctx context.Context, known map[string]uint64) ([]session.Ref, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var moved []session.Ref
	for id, seq := range known {
		j := s.sessions[id]
		switch {
		case j == nil:
		case j.head.Key == nil:
			moved = append(moved, session.Ref{Session: id})
		case j.head.Seq != seq:
			moved = append(moved, session.Ref{Session: id, Seq: j.head.Seq})
		}
	}
	return moved, ctx.Err()
}

// Requeue implements [session.Index].
func (s *Store) Requeue(ctx context.Context, tenant, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	j, err := s.living(tenant, id)
	if err != nil {
		return err
	}
	j.state.Quarantine, j.state.Takeovers, j.state.Wake = "", 0, session.AtOnce
	s.hint()
	return ctx.Err()
}

// living returns a journal that was not erased. s.mu is held.
func (s *Store) living(tenant, id string) (*journal, error) {
	j, err := s.journal(tenant, id)
	if err == nil && j.head.Key == nil {
		return nil, session.Fault(session.ErrErased, id, "The session was deleted.")
	}
	return j, err
}

// Sweep implements [session.Index]. Payloads go with their last event here, so
// there are none to sweep.
func (s *Store) Sweep(ctx context.Context, _ int) (session.Swept, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	var swept session.Swept
	for name, n := range s.nodes {
		if !n.until.After(now) {
			delete(s.nodes, name)
			swept.Nodes++
		}
	}
	return swept, ctx.Err()
}
