package driver

import (
	"context"
	"errors"
	"maps"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/session"
)

// snapshotEvery is how many events a session that rests may have after its
// snapshot, saveEvery how many one at work.
const (
	snapshotEvery = 64
	saveEvery     = 512
)

// fold returns the state after event seq of the session, from the newest
// snapshot on, and the event of that snapshot.
func (d *Driver) fold(ctx context.Context, head session.Session, seq uint64) (*agent.State, uint64, error) {
	state, at, err := d.snapshot(ctx, head, seq)
	if err != nil {
		return nil, 0, err
	}
	if state == nil {
		if state, err = d.origin(ctx, head); err != nil {
			return nil, 0, err
		}
	}
	for after := at; after < seq; {
		events, err := d.config.Store.Journals.Read(ctx, head.Tenant, head.ID, after, int(min(seq-after, session.MaxEvents)))
		if err != nil {
			return nil, 0, err
		}
		if len(events) == 0 {
			return nil, 0, session.Fault(session.ErrCorrupt, head.ID, "Event %d is missing.", after+1)
		}
		for _, e := range events {
			if err := d.apply(state, e); err != nil {
				return nil, 0, err
			}
			after = e.Seq
		}
	}
	return state, at, nil
}

func (d *Driver) apply(state *agent.State, e session.Event) error {
	read, err := d.codec.Read(e)
	if err != nil {
		return err
	}
	return state.Apply(read)
}

// snapshot is the newest that is not after seq, or nil.
func (d *Driver) snapshot(ctx context.Context, head session.Session, seq uint64) (*agent.State, uint64, error) {
	snap, err := d.config.Store.Snapshots.LoadSnapshot(ctx, head.Tenant, head.ID, agent.Fold, seq)
	if errors.Is(err, session.ErrNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	state, err := agent.Load(snap.Body)
	if err != nil {
		d.config.Log.Warn("a snapshot cannot be read; the journal is folded from its start", "session", head.ID, "err", err)
		return nil, 0, nil
	}
	return state, snap.Seq, nil
}

// origin is the state that a session's first event finds: nothing, or what the
// parent's was where this one was forked from it.
func (d *Driver) origin(ctx context.Context, head session.Session) (*agent.State, error) {
	if head.Parent == (session.Ref{}) {
		return agent.NewState(), nil
	}
	parent, err := d.config.Store.Journals.Head(ctx, head.Tenant, head.Parent.Session)
	if err != nil {
		return nil, err
	}
	state, _, err := d.fold(ctx, parent, head.Parent.Seq)
	return state, err
}

// save keeps a snapshot if there is something new to keep.
func (a *actor) save(ctx context.Context) {
	if a.head.Seq == 0 || a.head.Seq-a.saved < snapshotEvery {
		return
	}
	body, err := a.state.Save()
	if err == nil {
		err = a.d.config.Store.Snapshots.SaveSnapshot(ctx, session.Snapshot{
			Tenant: a.head.Tenant, Session: a.head.ID, Fold: agent.Fold, Seq: a.head.Seq, Body: body,
		})
	}
	if err != nil {
		a.log.Debug("no snapshot was kept", "err", err)
		return
	}
	a.saved = a.head.Seq
	a.d.keepOutline(ctx, a.head.Tenant, a.state)
}

// AgentKey is the metadata key under which listings find the agent of a
// session. No client can write it.
const AgentKey = "\x01agent"

// modeKey is the one under which they find its mode.
const modeKey = "\x01mode"

// labelled are a client's labels of a session with the server's own, which no
// client's replace.
func labelled(c *agent.Created, metadata map[string]string) map[string]string {
	labels := map[string]string{}
	maps.Copy(labels, metadata)
	labels[AgentKey], labels[modeKey] = c.Definition.ID, string(c.Mode)
	return labels
}

// FactsOf are what a session is found by in listings.
func FactsOf(s *agent.State) session.Facts {
	return session.Facts{Status: string(s.Status()), Metadata: labelled(&s.Settings, s.Settings.Metadata)}
}

func same(a, b session.Facts) bool {
	return a.Status == b.Status && maps.Equal(a.Metadata, b.Metadata)
}
