package driver

import (
	"context"

	"github.com/craton-ai/craton/internal/agent"
)

// window is what a part of a session's past tells of turns and items.
type window struct {
	from, to uint64
	// items were added here, in order; later are newer forms of items that were
	// added before.
	items []*agent.Item
	at    map[string]int
	later map[string]*agent.Item
	// turns began here, in order; last are turns as they were when the next one
	// of their agent began, begun are those under way or over at from.
	turns []TurnRecord
	last  map[string]TurnRecord
	begun map[string]agent.Turn
	// state is the session at the end.
	state *agent.State
}

// TurnRecord is one turn, of the root agent or of a subagent.
type TurnRecord struct {
	Thread string
	agent.Turn
	// until is the place of the agent's next turn; 0 for none.
	until uint64
}

// before is the window that ends at a place and begins at the outline before it.
// One that is long keeps outlines, for there are none in it.
func (p *past) before(ctx context.Context, to uint64) (*window, error) {
	state, from, err := p.outline(ctx, to-min(to, 1), 0)
	if err != nil {
		return nil, err
	}
	return p.window(ctx, state, from, to, to-from > 2*p.d.config.Outline)
}

// keep keeps an outline, if it is time for one. What a fork has of its parent's
// may be erased at this moment, with what is kept of it: its owner alone does
// that for it.
func (p *past) keep(ctx context.Context, place uint64, state *agent.State) {
	if s := p.at(place); s.after == 0 && place%p.d.config.Outline == 0 {
		p.d.keepOutline(ctx, p.tenant, state)
	}
}

// none is an empty window, at the outline before a place.
func (p *past) none(ctx context.Context, place uint64) (*window, error) {
	state, at, err := p.outline(ctx, place, 0)
	return &window{from: at, to: at, state: state}, err
}

// windowEvents is how many events are read on at a time.
const windowEvents = 128

// after is the window that follows another, whose state is not to be used then.
func (p *past) after(ctx context.Context, w *window) (*window, error) {
	return p.window(ctx, w.state, w.to, min(w.to+windowEvents, p.total), false)
}

// window folds a part of the past, beginning with the state at its beginning.
func (p *past) window(ctx context.Context, state *agent.State, from, to uint64, keep bool) (*window, error) {
	w := &window{from: from, to: to, at: map[string]int{}, later: map[string]*agent.Item{}, last: map[string]TurnRecord{},
		begun: map[string]agent.Turn{}, state: state}
	for _, t := range state.Threads {
		if t.Turn != nil {
			w.begun[t.ID] = *t.Turn
		}
	}
	projector := agent.NewProjector(state)
	err := p.fold(ctx, from, to, func(place uint64, e agent.Event) (bool, error) {
		switch b := e.Body.(type) {
		case *agent.TurnStarted:
			if t := state.Thread(b.Thread); t != nil && t.Turn != nil {
				w.last[t.Turn.ID] = TurnRecord{Thread: t.ID, Turn: *t.Turn, until: place}
			}
		// What was cut short was shown while it was said.
		case *agent.ModelFailed:
			projector.Blind(b.Call)
		case *agent.ModelInterrupted:
			projector.Blind(b.Call)
		}
		told, err := projector.Next(e)
		for _, signal := range told {
			w.add(signal)
		}
		if err == nil && keep {
			p.keep(ctx, place, state)
		}
		return false, err
	})
	return w, err
}

func (w *window) add(signal agent.Signal) {
	item := signal.Item
	switch signal.Kind {
	case agent.SignalTurnCreated:
		w.turns = append(w.turns, TurnRecord{Thread: signal.Thread, Turn: *signal.At})
	case agent.SignalItemAdded, agent.SignalItemDone:
		at, known := w.at[item.ID]
		switch {
		case known:
			w.items[at] = item
		// A call is added before it is done, but for one of an earlier session's.
		case signal.Kind == agent.SignalItemAdded || item.Call == nil || item.Call.Index < 0:
			w.at[item.ID] = len(w.items)
			w.items = append(w.items, item)
		default:
			w.later[item.ID] = item
		}
	}
}

// waits reports whether a call has no outcome yet.
func waits(s *agent.State, item string) bool {
	call := openCall(s, item)
	return call != nil && call.State != agent.CallDone
}

// changes reports whether more may be told of an item after a state.
func changes(s *agent.State, item string) bool {
	call := openCall(s, item)
	return call != nil && call.Kind != agent.CallFunction && (call.State != agent.CallDone || runs(s, call.ID))
}

// openCall is the call of an item, in a turn under way; nil for none.
func openCall(s *agent.State, item string) *agent.Call {
	for _, t := range s.Threads {
		if t.Turn.Over() {
			continue
		}
		for _, call := range t.Turn.Calls {
			if call.Item == item {
				return call
			}
		}
	}
	return nil
}

// runs reports whether a call is being made.
func runs(s *agent.State, call string) bool {
	for _, run := range s.Runs {
		if run.Kind == agent.RunTool && run.Call == call {
			return true
		}
	}
	return false
}

// comes reports whether items of the event seq may be told after a state: it
// waits in a queue, or is under way.
func comes(s *agent.State, seq uint64) bool {
	for _, t := range s.Threads {
		for _, q := range t.Queue {
			if q.Seq == seq {
				return true
			}
		}
	}
	return s.Run(seq) != nil
}
