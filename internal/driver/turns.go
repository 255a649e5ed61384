package driver

import (
	"context"
	"slices"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/model"
)

// Turn finds a turn of an agent, the root's or with thread a subagent's, or
// answers an error of kind NotFound.
func (h *History) Turn(ctx context.Context, thread, id string) (*TurnRecord, error) {
	page, _, err := h.turns(ctx, thread, Page{Oldest: true, Limit: 1}, id)
	if err != nil {
		return nil, hide(err, h.State.Session)
	}
	if len(page) == 0 {
		return nil, model.Errorf(model.NotFound, "turn_id", "No such turn: '%s'.", id)
	}
	return &page[0], nil
}

// Turns returns a page of an agent's turns and whether more follow it. A page
// after a turn that is not listed is an error of kind NotFound.
func (h *History) Turns(ctx context.Context, thread string, page Page) (turns []TurnRecord, more bool, err error) {
	turns, more, err = h.turns(ctx, thread, page, "")
	return turns, more, hide(err, h.State.Session)
}

// turns lists turns, or with from, those from one turn on: none if it is not
// there.
func (h *History) turns(ctx context.Context, thread string, page Page, from string) (turns []TurnRecord, more bool, err error) {
	list := &turnList{h: h, thread: thread, last: map[string]TurnRecord{}}
	if t := h.State.Thread(thread); t != nil && t.Turn != nil {
		list.last[t.Turn.ID] = TurnRecord{Thread: thread, Turn: *t.Turn}
		list.newest, _ = h.past.place(t.Turn.ID)
	}
	after := page.After
	if from != "" {
		after = from
	}
	var w *window
	if after != "" {
		if w, err = list.find(ctx, after); err != nil {
			return nil, false, err
		}
		if w == nil && from != "" {
			return nil, false, nil
		}
		if w == nil {
			return nil, false, missing(after)
		}
	}
	if page.Oldest {
		if from != "" {
			list.turns = append(list.turns, w.turns[len(w.turns)-1])
		}
		err = list.up(ctx, w, page.Limit)
	} else {
		err = list.down(ctx, w, page.Limit)
	}
	for i := range list.turns {
		if last, known := list.last[list.turns[i].ID]; known {
			list.turns[i] = last
		}
	}
	return list.turns[:min(page.Limit, len(list.turns))], len(list.turns) > page.Limit, err
}

// turnList collects a page and one more.
type turnList struct {
	h      *History
	thread string
	turns  []TurnRecord
	// last are turns as they became, as far as that was read.
	last map[string]TurnRecord
	// newest is the place of the agent's last turn; 0 for none.
	newest uint64
}

// find is the window that ends with the beginning of a turn of the agent; nil if
// there is none such.
func (l *turnList) find(ctx context.Context, id string) (*window, error) {
	place, ok := l.h.past.place(id)
	if !ok || place > l.newest {
		return nil, nil
	}
	w, err := l.before(ctx, place)
	if err != nil {
		return nil, err
	}
	if n := len(w.turns); n == 0 || w.turns[n-1].ID != id || w.turns[n-1].Thread != l.thread {
		return nil, nil
	}
	return w, nil
}

// before is a window that ends at a place.
func (l *turnList) before(ctx context.Context, place uint64) (*window, error) {
	w, err := l.h.past.before(ctx, place)
	if err == nil {
		l.learn(w)
	}
	return w, err
}

func (l *turnList) learn(w *window) {
	for id, turn := range w.last {
		l.last[id] = turn
	}
}

// down lists the newest first: those before the turn that ends a window, or all.
func (l *turnList) down(ctx context.Context, w *window, limit int) error {
	own := w != nil // the turn that ends the window is not listed
	for place := l.newest; ; {
		if w == nil {
			if place == 0 {
				return nil
			}
			var err error
			if w, err = l.before(ctx, place); err != nil {
				return err
			}
		}
		for _, turn := range slices.Backward(w.turns) {
			if turn.Thread == l.thread && !own {
				l.turns = append(l.turns, turn)
			}
			own = own && turn.Thread != l.thread
		}
		if len(l.turns) > limit {
			return nil
		}
		begun := w.begun[l.thread]
		place, _ = l.h.past.place(begun.ID)
		w = nil
	}
}

// up lists the oldest first: those after the turn that ends a window, or all.
// Windows in which the agent begins no turn are passed over.
func (l *turnList) up(ctx context.Context, w *window, limit int) (err error) {
	if w == nil {
		opened, _ := l.h.past.place(l.thread)
		if w, err = l.h.past.none(ctx, opened); err != nil {
			return err
		}
	}
	for busy := true; len(l.turns) <= limit && w.to < l.newest; {
		if !busy {
			if w, err = l.skip(ctx, w); err != nil {
				return err
			}
		}
		if w, err = l.h.past.after(ctx, w); err != nil {
			return err
		}
		l.learn(w)
		busy = false
		for _, turn := range w.turns {
			if turn.Thread == l.thread {
				l.turns, busy = append(l.turns, turn), true
			}
		}
	}
	return nil
}

// skip goes on to the last outline at which the agent has the turn that it has
// at the end of a window.
func (l *turnList) skip(ctx context.Context, w *window) (*window, error) {
	now := turnOf(w.state, l.thread)
	changed, err := l.h.past.until(ctx, w.to, func(s *agent.State) bool { return turnOf(s, l.thread) != now })
	if err != nil {
		return nil, err
	}
	for {
		state, at, err := l.h.past.outline(ctx, changed-1, w.to)
		if err != nil || state == nil {
			return w, err
		}
		if turnOf(state, l.thread) == now {
			return &window{from: at, to: at, state: state}, nil
		}
		changed = at
	}
}

// turnOf is the id of an agent's last turn; empty for none.
func turnOf(s *agent.State, thread string) string {
	if t := s.Thread(thread); t != nil && t.Turn != nil {
		return t.Turn.ID
	}
	return ""
}
