package driver

import (
	"context"
	"errors"
	"math/bits"
	"strconv"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/session"
)

// Outlines are kept for listings, which begin at the nearest instead of at the
// session's start: two in each [Config.Outline] events at most. One of more than
// outlineSize bytes is kept in every second, fourth, … stretch only, so that
// outlines grow with the journal and not with its square.
const outlineSize = 64 << 10

// DefaultOutline is the default of [Config.Outline].
const DefaultOutline = 512

// past is everything that happened in a session: in those it was forked from up
// to there, then in its own journal. Places number all of it from 1.
type past struct {
	d         *Driver
	tenant    string
	stretches []stretch // oldest first
	total     uint64
}

// stretch is the part of the past that lies in one journal, at the places
// after.
type stretch struct {
	session string
	after   uint64
	events  uint64
}

// past finds where a session's events are.
func (s *Sessions) past(ctx context.Context, tenant, id string) (*past, error) {
	head, err := s.head(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	p := &past{d: s.driver, tenant: tenant, stretches: []stretch{{session: head.ID, events: head.Seq}}}
	for parent := head.Parent; parent != (session.Ref{}); {
		p.stretches = append([]stretch{{session: parent.Session, events: parent.Seq}}, p.stretches...)
		above, err := p.d.config.Store.Journals.Head(ctx, tenant, parent.Session)
		if err != nil {
			return nil, hide(err, id)
		}
		parent = above.Parent
	}
	for i := range p.stretches {
		p.stretches[i].after = p.total
		p.total += p.stretches[i].events
	}
	return p, nil
}

// at is the stretch that a place is in.
func (p *past) at(place uint64) stretch {
	for _, s := range p.stretches {
		if place <= s.after+s.events {
			return s
		}
	}
	return stretch{}
}

// place is that of the event which an id holds; ok is false where it holds none
// of this past.
func (p *past) place(id string) (place uint64, ok bool) {
	name, seq, _, ok := agent.Origin(id)
	for _, s := range p.stretches {
		if ok && s.session == name && seq <= s.events {
			return s.after + seq, true
		}
	}
	return 0, false
}

// outline is the newest that is kept of a place not after the one given and
// after floor, with its place; nil for none, if floor is 0 of the very start.
func (p *past) outline(ctx context.Context, place, floor uint64) (*agent.State, uint64, error) {
	for place > floor {
		s := p.at(place)
		least := uint64(0)
		if floor > s.after {
			least = floor - s.after
		}
		every := p.d.config.Outline
		for bucket := int64((place - s.after) / every); bucket >= int64(least/every); bucket-- {
			snap, err := p.d.config.Store.Snapshots.LoadSnapshot(ctx, p.tenant, s.session, outlineFold(uint64(bucket)), place-s.after)
			if errors.Is(err, session.ErrNotFound) {
				continue
			}
			if err != nil {
				return nil, 0, err
			}
			if snap.Seq <= least {
				return nil, 0, nil
			}
			if state, err := agent.Load(snap.Body); err == nil {
				return state, s.after + snap.Seq, nil
			}
		}
		place = s.after
	}
	if floor > 0 {
		return nil, 0, nil
	}
	return agent.NewState(), 0, nil
}

func outlineFold(bucket uint64) string {
	return agent.OutlineFold + "/" + strconv.FormatUint(bucket, 10)
}

// until is a place after the one given where, of the session as it was outlined
// there, done says yes; the past's end if there is none.
func (p *past) until(ctx context.Context, place uint64, done func(*agent.State) bool) (uint64, error) {
	for at := place; at < p.total; {
		next := min(at+p.d.config.Outline, p.total)
		state, found, err := p.outline(ctx, next, at)
		if err != nil {
			return 0, err
		}
		if state != nil && found < p.total && done(state) {
			return found, nil
		}
		at = next
	}
	return p.total, nil
}

// fold calls fn with each event after one place up to another, until fn says
// that it has enough.
func (p *past) fold(ctx context.Context, from, to uint64, fn func(place uint64, e agent.Event) (enough bool, err error)) error {
	for from < to {
		s := p.at(from + 1)
		events, err := p.d.config.Store.Journals.Read(ctx, p.tenant, s.session, from-s.after, int(min(to-from, s.after+s.events-from, windowEvents)))
		if err != nil {
			return err
		}
		if len(events) == 0 {
			return session.Fault(session.ErrCorrupt, s.session, "Event %d is missing.", from-s.after+1)
		}
		for _, e := range events {
			read, err := p.d.codec.Read(e)
			if err != nil {
				return err
			}
			from = s.after + e.Seq
			enough, err := fn(from, read)
			if err != nil {
				return err
			}
			if enough {
				return nil
			}
		}
	}
	return nil
}

// keepOutline keeps one of the session as it stands, if it is its turn.
func (d *Driver) keepOutline(ctx context.Context, tenant string, state *agent.State) {
	bucket := state.Seq / d.config.Outline
	body, err := state.Outline().Save()
	if err == nil && bucket > 0 && len(body) > outlineSize<<min(bits.TrailingZeros64(bucket), 10) {
		return
	}
	if err == nil {
		err = d.config.Store.Snapshots.SaveSnapshot(ctx, session.Snapshot{
			Tenant: tenant, Session: state.Session, Fold: outlineFold(bucket), Seq: state.Seq, Body: body,
		})
	}
	if err != nil {
		d.config.Log.Debug("no outline was kept", "session", state.Session, "err", err)
	}
}
