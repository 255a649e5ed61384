package edge

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/agents"
)

// history reads everything that the path's session tells.
func (c *call) history() (*driver.History, error) {
	return c.h.opts.Sessions.History(c.r.Context(), c.who.Tenant.ID, c.r.PathValue("session_id"))
}

// thread is the agent whose part the path is about: the root, or a subagent.
func (c *call) thread(h *driver.History) (string, error) {
	id := c.r.PathValue("subagent_id")
	if id == "" {
		return "", nil
	}
	if t := h.State.Thread(id); t == nil || t.ID == "" {
		return "", model.Errorf(model.NotFound, "subagent_id", "No such subagent: '%s'.", id)
	}
	return id, nil
}

// cut shortens what is listed to the page asked for; all is in ascending order.
func cut[T any](q agents.Query, all []T, id func(T) string) ([]T, bool, error) {
	if !q.Ascending {
		slices.Reverse(all)
	}
	if q.After != "" {
		at := slices.IndexFunc(all, func(one T) bool { return id(one) == q.After })
		if at < 0 {
			return nil, false, model.Errorf(model.NotFound, "after", "There is nothing with the id '%s' in this list.", q.After)
		}
		all = all[at+1:]
	}
	return all[:min(q.Limit, len(all))], len(all) > q.Limit, nil
}

// listItems serves GET …/items of a session or a subagent.
func (h *Handler) listItems(c *call) error {
	past, err := c.history()
	if err != nil {
		return err
	}
	thread, err := c.thread(past)
	if err != nil {
		return err
	}
	return c.items(past, func(i *agent.Item) bool { return i.Thread == thread })
}

// listTurnItems serves GET …/turns/{turn_id}/items.
func (h *Handler) listTurnItems(c *call) error {
	past, turn, err := c.turn()
	if err != nil {
		return err
	}
	return c.items(past, func(i *agent.Item) bool { return i.Turn == turn.ID })
}

// items answers a page of those items that are wanted.
func (c *call) items(past *driver.History, wanted func(*agent.Item) bool) error {
	q, err := c.agentsPage()
	if err != nil {
		return err
	}
	var all []*agent.Item
	for _, item := range past.Items {
		if wanted(item) && shownItem(past.State, item) != nil {
			all = append(all, item)
		}
	}
	some, more, err := cut(q, all, func(i *agent.Item) string { return i.ID })
	if err != nil {
		return err
	}
	type shown struct {
		id   string
		item any
	}
	items := make([]shown, len(some))
	for i, item := range some {
		items[i] = shown{item.ID, shownItem(past.State, item)}
	}
	list := agents.ItemList{Object: "list", Data: []any{}, HasMore: more}
	for i := range items {
		list.Data = append(list.Data, items[i].item)
		if i == 0 {
			list.FirstID = &items[i].id
		}
		list.LastID = &items[i].id
	}
	body, err := json.Marshal(list)
	if err != nil {
		return model.Wrap(model.Internal, "edge.items", err)
	}
	return c.json(body)
}

// turn finds the turn that the path names: of the root agent, or of the
// subagent.
func (c *call) turn() (*driver.History, *driver.TurnRecord, error) {
	past, err := c.history()
	if err != nil {
		return nil, nil, err
	}
	thread, err := c.thread(past)
	if err != nil {
		return nil, nil, err
	}
	id := c.r.PathValue("turn_id")
	for i := range past.Turns {
		if past.Turns[i].ID == id && past.Turns[i].Thread == thread {
			return past, &past.Turns[i], nil
		}
	}
	return nil, nil, model.Errorf(model.NotFound, "turn_id", "No such turn: '%s'.", id)
}

// getTurn serves GET …/turns/{turn_id}.
func (h *Handler) getTurn(c *call) error {
	past, turn, err := c.turn()
	if err != nil {
		return err
	}
	return c.answer(shownTurn(past.State, turn.Thread, &turn.Turn))
}

// listTurns serves GET …/turns.
func (h *Handler) listTurns(c *call) error {
	q, err := c.agentsPage()
	if err != nil {
		return err
	}
	past, err := c.history()
	if err != nil {
		return err
	}
	thread, err := c.thread(past)
	if err != nil {
		return err
	}
	var all []agents.Turn
	for i := range past.Turns {
		if t := &past.Turns[i]; t.Thread == thread {
			all = append(all, shownTurn(past.State, thread, &t.Turn))
		}
	}
	some, more, err := cut(q, all, func(t agents.Turn) string { return t.ID })
	if err != nil {
		return err
	}
	return agentsList(c, some, more, func(t agents.Turn) agents.Turn { return t }, func(t agents.Turn) string { return t.ID })
}

// listSubagents serves GET /v1/agents/sessions/{session_id}/subagents.
func (h *Handler) listSubagents(c *call) error {
	q, err := c.agentsPage()
	if err != nil {
		return err
	}
	view, err := c.session()
	if err != nil {
		return err
	}
	var all []agents.Subagent
	for _, t := range view.Threads {
		if t.ID != "" {
			all = append(all, shownSubagent(view.State, t))
		}
	}
	some, more, err := cut(q, all, func(s agents.Subagent) string { return s.ID })
	if err != nil {
		return err
	}
	return agentsList(c, some, more, func(s agents.Subagent) agents.Subagent { return s }, func(s agents.Subagent) string { return s.ID })
}

// getSubagent serves GET …/subagents/{subagent_id}.
func (h *Handler) getSubagent(c *call) error {
	view, err := c.session()
	if err != nil {
		return err
	}
	id := c.r.PathValue("subagent_id")
	t := view.Thread(id)
	if t == nil || strings.TrimSpace(id) == "" {
		return model.Errorf(model.NotFound, "subagent_id", "No such subagent: '%s'.", id)
	}
	return c.answer(shownSubagent(view.State, t))
}
