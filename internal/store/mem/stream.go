package mem

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/craton-ai/craton/internal/session"
)

// stream is the buffer of one event.
type stream struct {
	deltas  []session.Delta
	expires time.Time
}

// AppendDeltas implements [session.Buffer].
func (s *Store) AppendDeltas(ctx context.Context, d session.Deltas) error {
	if err := d.Check(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	j, err := s.living(d.Tenant, d.Session)
	if err != nil {
		return err
	}
	if j.head.Epoch != d.Epoch {
		return session.Fault(session.ErrFenced, d.Session, "The session is in epoch %d, not %d.", j.head.Epoch, d.Epoch)
	}
	if err := j.follows(d); err != nil {
		return err
	}
	s.buffer(j, d)
	return ctx.Err()
}

// follows checks that no id was used.
func (j *journal) follows(d session.Deltas) error {
	for i, one := range d.Deltas {
		st := j.streams[one.ID.Seq]
		if st == nil || i > 0 && one.ID.Seq == d.Deltas[i-1].ID.Seq {
			continue
		}
		if last := st.deltas[len(st.deltas)-1].ID; one.ID.Compare(last) <= 0 {
			return session.Fault(session.ErrInvalid, d.Session, "Delta %s cannot follow %s.", one.ID, last)
		}
	}
	return nil
}

// buffer adds deltas that follow.
func (s *Store) buffer(j *journal, d session.Deltas) {
	expires := s.now().Add(d.TTL)
	for _, delta := range d.Deltas {
		delta.Data = bytes.Clone(delta.Data)
		st := j.streams[delta.ID.Seq]
		if st == nil {
			st = &stream{}
			j.streams[delta.ID.Seq] = st
		}
		st.deltas = append(st.deltas, delta)
		if expires.After(st.expires) {
			st.expires = expires
		}
	}
}

// ReadDeltas implements [session.Buffer].
func (s *Store) ReadDeltas(ctx context.Context, tenant, id string, after session.EventID, limit int) ([]session.Delta, error) {
	if limit <= 0 || limit > session.MaxDeltas {
		limit = session.MaxDeltas
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	j, err := s.journal(tenant, id)
	if err != nil {
		return nil, err
	}
	var all []session.Delta
	for _, st := range j.streams {
		for _, delta := range st.deltas {
			if delta.ID.Compare(after) > 0 {
				delta.Data = bytes.Clone(delta.Data)
				all = append(all, delta)
			}
		}
	}
	slices.SortFunc(all, func(a, b session.Delta) int { return a.ID.Compare(b.ID) })
	return all[:min(limit, len(all))], ctx.Err()
}

// SaveSnapshot implements [session.Snapshots].
func (s *Store) SaveSnapshot(ctx context.Context, snapshot session.Snapshot) error {
	if err := snapshot.Check(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	j, err := s.living(snapshot.Tenant, snapshot.Session)
	if err != nil {
		return err
	}
	for at := j; at.head.Parent.Session != ""; {
		parent, err := s.living(snapshot.Tenant, at.head.Parent.Session)
		if err != nil {
			return session.Fault(session.ErrErased, snapshot.Session, "Session %q, which it was forked from, was deleted.", at.head.Parent.Session)
		}
		at = parent
	}
	if snapshot.Seq > j.head.Seq {
		return session.Fault(session.ErrInvalid, snapshot.Session, "The session has no event %d to take a snapshot of.", snapshot.Seq)
	}
	snapshot.Body = bytes.Clone(snapshot.Body)
	kept := slices.DeleteFunc(j.snapshots[snapshot.Fold], func(old session.Snapshot) bool { return old.Seq == snapshot.Seq })
	kept = append(kept, snapshot)
	slices.SortFunc(kept, func(a, b session.Snapshot) int { return int(b.Seq) - int(a.Seq) })
	j.snapshots[snapshot.Fold] = kept[:min(session.SnapshotsKept, len(kept))]
	return ctx.Err()
}

// LoadSnapshot implements [session.Snapshots].
func (s *Store) LoadSnapshot(ctx context.Context, tenant, id, fold string, seq uint64) (session.Snapshot, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if j, err := s.journal(tenant, id); err == nil {
		for _, snapshot := range j.snapshots[fold] {
			if snapshot.Seq <= seq {
				snapshot.Body = bytes.Clone(snapshot.Body)
				return snapshot, ctx.Err()
			}
		}
	}
	return session.Snapshot{}, session.Fault(session.ErrNotFound, id, "There is no snapshot of the session.")
}

// eraseCopies destroys what else may hold the payloads of a journal's events
// from on. s.mu is held.
func (s *Store) eraseCopies(j *journal, from uint64) {
	for seq := range j.streams {
		if seq >= from {
			delete(j.streams, seq)
		}
	}
	for fold, kept := range j.snapshots {
		j.snapshots[fold] = slices.DeleteFunc(kept, func(old session.Snapshot) bool { return old.Seq >= from })
	}
	for _, heir := range s.sessions {
		if p := heir.head.Parent; p.Session == j.head.ID && p.Seq >= from {
			s.eraseSnapshots(heir)
		}
	}
}

// eraseSnapshots destroys those of a journal and its forks.
func (s *Store) eraseSnapshots(j *journal) {
	clear(j.snapshots)
	for _, heir := range s.sessions {
		if heir.head.Parent.Session == j.head.ID {
			s.eraseSnapshots(heir)
		}
	}
}

// Expire implements [session.Buffer].
func (s *Store) Expire(ctx context.Context) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, gone := s.now(), 0
	for _, j := range s.sessions {
		for seq, stream := range j.streams {
			if !stream.expires.After(now) {
				delete(j.streams, seq)
				gone++
			}
		}
	}
	return gone, ctx.Err()
}
