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

// history is what the path's session tells.
func (c *call) history() (*driver.History, error) {
	return c.h.opts.Sessions.History(c.r.Context(), c.who.Tenant.ID, c.r.PathValue("session_id"))
}

// pastPage is a query's page for the runtime.
func pastPage(q agents.Query) driver.Page {
	return driver.Page{After: q.After, Oldest: q.Ascending, Limit: q.Limit}
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
	return c.items(past, driver.ItemQuery{Thread: thread})
}

// listTurnItems serves GET …/turns/{turn_id}/items.
func (h *Handler) listTurnItems(c *call) error {
	past, turn, err := c.turn()
	if err != nil {
		return err
	}
	return c.items(past, driver.ItemQuery{Thread: turn.Thread, Turn: turn.ID})
}

// items answers a page of those items that are asked for.
func (c *call) items(past *driver.History, asked driver.ItemQuery) error {
	q, err := c.agentsPage()
	if err != nil {
		return err
	}
	asked.Page = pastPage(q)
	asked.Wanted = func(i *agent.Item) bool { return shownItem(past.State, i) != nil }
	some, more, err := past.Items(c.r.Context(), asked)
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
	turn, err := past.Turn(c.r.Context(), thread, c.r.PathValue("turn_id"))
	return past, turn, err
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
	some, more, err := past.Turns(c.r.Context(), thread, pastPage(q))
	if err != nil {
		return err
	}
	return agentsList(c, some, more, func(t driver.TurnRecord) agents.Turn { return shownTurn(past.State, thread, &t.Turn) },
		func(t agents.Turn) string { return t.ID })
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
