package driver

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/session"
)

// errHandOver is why a run ends whose session goes to another owner.
var errHandOver = errors.New("driver: the session is handed over")

// grace is how long a driver that stops lets runs come to their own end.
const grace = 2 * time.Second

// handOver records what has come to an end, begins nothing, and lets the
// session go so that another node takes it up at once.
func (a *actor) handOver(ctx context.Context) {
	defer a.refuse()
	defer a.d.gone(a, nil)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	for len(a.runs) > 0 {
		select {
		case <-a.bell:
			a.collect()
			a.keep(ctx)
			continue
		case <-timer.C:
		}
		break
	}
	for _, r := range a.runs {
		r.stop(errHandOver)
	}
	a.group.Wait()
	a.collect()
	ctx, cancel := context.WithTimeout(ctx, leaveTimeout)
	defer cancel()
	err := a.leaveBehind(ctx)
	for err == nil && len(a.pending) > 0 {
		err = a.leaveBehind(ctx)
	}
	for tries := 0; errors.Is(err, session.ErrStale) && !errors.Is(err, session.ErrFenced) && tries < leaveTries; tries++ {
		if err = a.load(ctx); err == nil {
			err = a.leaveBehind(ctx)
		}
	}
	if err != nil {
		// The lease runs out, and so the session is due; released it might not be.
		a.log.Warn("the last outcomes were not recorded; the next owner settles them", "err", err)
		return
	}
	a.release(ctx, "")
}

// keep writes what was said before outcomes that are not appended at once.
func (a *actor) keep(ctx context.Context) {
	for i := range a.pending {
		rest := a.pending[i].rest
		if len(rest) == 0 {
			continue
		}
		a.pending[i].rest = nil // if it was written, it cannot be again
		err := a.d.config.Store.Buffer.AppendDeltas(ctx, session.Deltas{Tenant: a.head.Tenant, Session: a.head.ID,
			Epoch: a.head.Epoch, TTL: a.d.config.Keep, Deltas: rest})
		if err != nil {
			a.log.Debug("deltas were not kept", "err", err)
		}
	}
}

// leaveTries is how often the last outcomes are appended against input that
// comes at the same time.
const leaveTries = 10

// leaveTimeout bounds recording them.
const leaveTimeout = 5 * time.Second

// leaveBehind appends the outcomes without what follows from them.
func (a *actor) leaveBehind(ctx context.Context) error {
	if !a.fresh {
		if err := a.catchUp(ctx); err != nil {
			return err
		}
	}
	b := &batch{at: a.now()}
	if err := a.settle(b); err != nil {
		return err
	}
	unfinished := len(a.state.Effects()) > 0
	if len(b.drafts) == 0 && !unfinished {
		a.pending = nil
		a.save(ctx)
		return nil
	}
	change := b.change(a.d.config.Keep)
	wake := a.state.Timer()
	if unfinished {
		wake = session.AtOnce
	}
	change.Wake = &wake
	facts := FactsOf(a.state)
	change.Facts = &facts
	if len(b.drafts) == 0 {
		// A timer is set with an append only: say that time has passed.
		if err := a.fold(b, &agent.Ticked{}); err != nil {
			return err
		}
		change.Drafts = b.drafts
	}
	before := a.head
	next, err := a.d.config.Journal.Apply(ctx, a.head, change)
	if err == nil {
		a.head, a.pending = next, a.pending[b.outcomes:]
		a.publish(before.Seq, b)
	}
	return err
}

// orphans completes what becomes of an earlier owner's intents: what readers
// were shown of an answer is what the buffer holds of it, and what it used is
// guessed from that.
func (a *actor) orphans(ctx context.Context, bodies []agent.Body) []agent.Body {
	for _, body := range bodies {
		switch b := body.(type) {
		case *agent.ModelInterrupted:
			deltas, err := a.d.deltas(ctx, key{a.head.Tenant, a.head.ID}, b.Call, 0)
			if err != nil {
				a.log.Debug("what was said before the takeover cannot be read", "err", err)
			}
			var size int
			b.Partial, size = said(deltas)
			b.Usage = agent.Cut(b.Usage, 0, size)
			b.Cost = a.orphan(ctx, b.Call, b.Thread, b.Usage)
		case *agent.Compacted:
			b.Cost = a.orphan(ctx, b.Call, b.Thread, b.Usage)
		}
	}
	return bodies
}

// orphan prices a call of a model that an earlier owner made.
func (a *actor) orphan(ctx context.Context, seq uint64, thread string, used model.Usage) int64 {
	run, t := a.state.Run(seq), a.state.Thread(thread)
	if run == nil || t == nil || t.Turn == nil {
		return 0
	}
	return a.guess(ctx, a.asker(*run), t.Turn.Definition.Model, used, a.state.Spent)
}

// deltas reads those of an intent after the n-th.
func (d *Driver) deltas(ctx context.Context, k key, seq uint64, n uint32) ([]session.Delta, error) {
	var all []session.Delta
	after := session.EventID{Seq: seq, Attempt: 1, N: n}
	for {
		page, err := d.config.Store.Buffer.ReadDeltas(ctx, k.tenant, k.session, after, 0)
		if err != nil {
			return nil, err
		}
		for _, one := range page {
			if one.ID.Seq != seq {
				return all, nil
			}
			all = append(all, one)
			after = one.ID
		}
		if len(page) < session.MaxDeltas {
			return all, nil
		}
	}
}

// said puts deltas together again, and returns the size in bytes of all that
// was said.
func said(deltas []session.Delta) (parts []model.Part, size int) {
	type piece struct {
		kind agent.ItemType
		d    agent.Delta
		text strings.Builder
	}
	kinds := map[int]agent.ItemType{}
	pieces := map[agent.Place]*piece{}
	var order []agent.Place
	for _, one := range deltas {
		var d agent.Delta
		if json.Unmarshal(one.Data, &d) != nil {
			continue
		}
		place := agent.Place{Item: d.Item, Content: d.Content}
		size += len(d.Text)
		switch d.Kind {
		case agent.DeltaItem:
			kinds[d.Item] = d.Type
		case agent.DeltaPart:
			pieces[place] = &piece{kind: kinds[d.Item], d: d}
			order = append(order, place)
		case agent.DeltaText:
			if p := pieces[place]; p != nil {
				p.text.WriteString(d.Text)
			}
		}
	}
	for _, place := range order {
		switch p := pieces[place]; {
		case p.kind == agent.ItemReasoning:
			parts = append(parts, &model.Reasoning{Text: p.text.String(), Summary: p.d.Summary})
		case p.d.Refusal:
			parts = append(parts, &model.Refusal{Text: p.text.String()})
		default:
			parts = append(parts, &model.Text{Text: p.text.String()})
		}
	}
	return parts, size
}
