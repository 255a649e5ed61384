package driver

import (
	"context"
	"slices"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/model"
)

// History lists what happened in a session: a page costs what is between its
// first and its last entry, and what the session's agents have at hand, not what
// the session is long. It is as of the last append that was acknowledged before
// it was made, and not safe for concurrent use.
type History struct {
	// State is the session as it stands, without what was said.
	State *agent.State
	past  *past
	last  *window
}

// Page is a part of a list.
type Page struct {
	// After is the id of the entry that the page follows; empty for none.
	After string
	// Oldest lists the oldest first, else the newest.
	Oldest bool
	// Limit is the greatest number of entries, at least 1.
	Limit int
}

// History reads how a session stands. Errors are those of [Sessions.Get].
func (s *Sessions) History(ctx context.Context, tenant, id string) (*History, error) {
	past, err := s.past(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	last, err := past.before(ctx, past.total)
	if err != nil {
		return nil, hide(err, id)
	}
	return &History{State: last.state, past: past, last: last}, nil
}

// before is the window that ends at a place; the last one was read.
func (h *History) before(ctx context.Context, to uint64) (*window, error) {
	if to == h.last.to {
		return h.last, nil
	}
	return h.past.before(ctx, to)
}

// missing answers a page after something that is not listed.
func missing(id string) error {
	return model.Errorf(model.NotFound, "after", "There is nothing with the id '%s' in this list.", id)
}

// ItemQuery selects items.
type ItemQuery struct {
	Page
	// Turn selects those of one turn; else Thread selects those of one agent.
	Turn, Thread string
	// Wanted says which of them are listed; required.
	Wanted func(*agent.Item) bool
}

func (q *ItemQuery) wants(i *agent.Item) bool {
	return (q.Turn == "" && i.Thread == q.Thread || q.Turn != "" && i.Turn == q.Turn) && q.Wanted(i)
}

// Items returns a page of items and whether more follow it. A page after an item
// that is not listed is an error of kind NotFound.
func (h *History) Items(ctx context.Context, q ItemQuery) (items []*agent.Item, more bool, err error) {
	w, n, err := h.first(ctx, &q)
	if err != nil {
		return nil, false, hide(err, h.State.Session)
	}
	list := &itemList{h: h, q: &q, at: map[string]int{}}
	if q.Oldest {
		err = list.up(ctx, w, n)
	} else {
		err = list.down(ctx, w, n)
	}
	if err != nil {
		return nil, false, hide(err, h.State.Session)
	}
	return list.items[:min(q.Limit, len(list.items))], len(list.items) > q.Limit, nil
}

// first is the window that a page begins in, and how many of its items come
// before the page, or with the newest first belong to it at most.
func (h *History) first(ctx context.Context, q *ItemQuery) (*window, int, error) {
	if q.After != "" {
		return h.find(ctx, q)
	}
	if q.Oldest {
		w, err := h.past.none(ctx, h.lower(q))
		return w, 0, err
	}
	to, err := h.upper(ctx, q)
	if err != nil {
		return nil, 0, err
	}
	w, err := h.before(ctx, to)
	if err != nil {
		return nil, 0, err
	}
	return w, len(w.items), nil
}

// lower is a place before everything that is asked for.
func (h *History) lower(q *ItemQuery) uint64 {
	of := q.Turn
	if of == "" {
		of = q.Thread
	}
	begun, _ := h.past.place(of) // 0 for the root agent
	return begun - min(begun, 1)
}

// upper is a place after everything that is asked for, as near as outlines tell.
func (h *History) upper(ctx context.Context, q *ItemQuery) (uint64, error) {
	thread, turn := h.State.Thread(q.Thread), q.Turn
	if turn == "" {
		if q.Thread == "" || thread == nil || thread.Turn == nil {
			return h.past.total, nil
		}
		turn = thread.Turn.ID
	}
	begun, _ := h.past.place(turn)
	return h.past.until(ctx, begun, func(s *agent.State) bool {
		t := s.Thread(q.Thread)
		return t != nil && t.Turn != nil && (t.Turn.ID != turn || t.Turn.Over())
	})
}

// find looks for the item that a page follows, which is told with the event its
// id holds or after it.
func (h *History) find(ctx context.Context, q *ItemQuery) (*window, int, error) {
	place, ok := h.past.place(q.After)
	switch {
	case ok:
	case h.State.Settings.Mode == agent.Returning:
		place = 1 // it may be a call of an earlier session's
	default:
		return nil, 0, missing(q.After)
	}
	w, n, err := h.seek(ctx, q, place, ok)
	if w == nil && err == nil {
		err = missing(q.After)
	}
	return w, n, err
}

// seek looks for the item from a place on: if it is of that very event, until it
// cannot come any more. The window is nil if it is not there.
func (h *History) seek(ctx context.Context, q *ItemQuery, place uint64, own bool) (*window, int, error) {
	w, err := h.past.none(ctx, place-1)
	if err != nil {
		return nil, 0, err
	}
	for w.to < h.past.total {
		if w, err = h.past.after(ctx, w); err != nil {
			return nil, 0, err
		}
		if n, ok := w.at[q.After]; ok && q.wants(w.items[n]) {
			if q.Oldest {
				n++
			}
			return w, n, nil
		}
		if own && w.to >= place && !comes(w.state, place-h.past.at(place).after) {
			break
		}
	}
	return nil, 0, nil
}

// itemList collects a page and one more.
type itemList struct {
	h     *History
	q     *ItemQuery
	items []*agent.Item
	at    map[string]int
	// open are listed items of which more may be told.
	open []string
}

func (l *itemList) add(item *agent.Item, end *agent.State) {
	if len(l.items) > l.q.Limit || !l.q.wants(item) {
		return
	}
	l.at[item.ID] = len(l.items)
	l.items = append(l.items, item)
	if changes(end, item.ID) {
		l.open = append(l.open, item.ID)
	}
}

// update takes newer forms of listed items.
func (l *itemList) update(w *window) {
	for id, item := range w.later {
		if at, ok := l.at[id]; ok {
			l.items[at] = item
		}
	}
	l.open = slices.DeleteFunc(l.open, func(id string) bool { return !changes(w.state, id) })
}

// up lists the oldest first, from the n-th item of a window on.
func (l *itemList) up(ctx context.Context, w *window, n int) error {
	for {
		for _, item := range w.items[min(n, len(w.items)):] {
			l.add(item, w.state)
		}
		if len(l.items) > l.q.Limit || w.to >= l.h.past.total || l.over(w.state) {
			return l.settle(ctx, w)
		}
		next, err := l.h.past.after(ctx, w)
		if err != nil {
			return err
		}
		w, n = next, 0
		l.update(w)
	}
}

// over reports whether the turn whose items are asked for has ended.
func (l *itemList) over(s *agent.State) bool {
	if l.q.Turn == "" {
		return false
	}
	t := s.Thread(l.q.Thread)
	begun, ok := l.h.past.place(l.q.Turn)
	if t == nil || t.Turn == nil || !ok {
		return false
	}
	now, _ := l.h.past.place(t.Turn.ID)
	return now > begun || now == begun && t.Turn.Over()
}

// settle reads on until nothing more can be told of the listed items.
func (l *itemList) settle(ctx context.Context, w *window) error {
	// Of what is open at the end nothing was told since.
	l.open = slices.DeleteFunc(l.open, func(id string) bool { return waits(l.h.State, id) })
	for len(l.open) > 0 && w.to < l.h.past.total {
		next, err := l.h.past.after(ctx, w)
		if err != nil {
			return err
		}
		w = next
		l.update(w)
	}
	return nil
}

// down lists the newest first, from the n-th item of a window back.
func (l *itemList) down(ctx context.Context, w *window, n int) error {
	top := w
	least := l.h.lower(l.q)
	later := map[string]*agent.Item{}
	for {
		for _, item := range slices.Backward(w.items[:n]) {
			if newer := later[item.ID]; newer != nil {
				item = newer
			}
			l.add(item, top.state)
		}
		for id, item := range w.later {
			if later[id] == nil {
				later[id] = item
			}
		}
		if len(l.items) > l.q.Limit || w.from <= least {
			return l.settle(ctx, top)
		}
		next, err := l.h.before(ctx, w.from)
		if err != nil {
			return err
		}
		w, n = next, len(next.items)
	}
}
