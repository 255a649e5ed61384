package edge

import (
	"github.com/craton-ai/craton/internal/agent/roster"
	"github.com/craton-ai/craton/internal/document/collection"
	"github.com/craton-ai/craton/internal/wire/agents"
)

// createAgent serves POST /v1/agents.
func (h *Handler) createAgent(c *call) error {
	if err := c.ensureBody(); err != nil {
		return err
	}
	fields, err := agents.DecodeAgentCreate(c.body, c.agentsMount())
	if err != nil {
		return err
	}
	var saving roster.Agent
	change(&saving, fields)
	saved, err := h.opts.Agents.Create(c.r.Context(), c.who.Tenant.ID, saving)
	if err != nil {
		return err
	}
	return c.answer(savedAgent(saved))
}

// change does to a saved agent what a request's fields say.
func change(a *roster.Agent, f *agents.AgentFields) {
	redefine(&a.Definition, f)
	if f.Metadata.Set {
		a.Metadata = f.Metadata.Value
	}
}

// updateAgent serves POST /v1/agents/{agent_id}.
func (h *Handler) updateAgent(c *call) error {
	if err := c.ensureBody(); err != nil {
		return err
	}
	fields, err := agents.DecodeAgentUpdate(c.body, c.agentsMount())
	if err != nil {
		return err
	}
	saved, err := h.opts.Agents.Update(c.r.Context(), c.who.Tenant.ID, c.r.PathValue("agent_id"), func(a *roster.Agent) error {
		change(a, fields)
		return nil
	})
	if err != nil {
		return err
	}
	return c.answer(savedAgent(saved))
}

// getAgent serves GET /v1/agents/{agent_id}.
func (h *Handler) getAgent(c *call) error {
	saved, err := h.opts.Agents.Get(c.r.Context(), c.who.Tenant.ID, c.r.PathValue("agent_id"))
	if err != nil {
		return err
	}
	return c.answer(savedAgent(saved))
}

// deleteAgent serves DELETE /v1/agents/{agent_id}.
func (h *Handler) deleteAgent(c *call) error {
	id := c.r.PathValue("agent_id")
	if err := h.opts.Agents.Delete(c.r.Context(), c.who.Tenant.ID, id); err != nil {
		return err
	}
	return c.answer(agents.Deleted{ID: id, Object: agents.ObjectAgentDeleted, Deleted: true})
}

// listAgents serves GET /v1/agents.
func (h *Handler) listAgents(c *call) error {
	q, err := c.agentsPage()
	if err != nil {
		return err
	}
	page, more, err := h.opts.Agents.List(c.r.Context(), c.who.Tenant.ID, pageOf(q))
	if err != nil {
		return err
	}
	return agentsList(c, page, more, savedAgent, func(a agents.Agent) string { return a.ID })
}

// pageOf is the page of a collection that a client asks for.
func pageOf(q agents.Query) collection.Query {
	return collection.Query{After: q.After, Ascending: q.Ascending, Limit: q.Limit}
}

// agentsList answers a page.
func agentsList[R, T any](c *call, page []R, more bool, show func(R) T, id func(T) string) error {
	shown := make([]T, len(page))
	for i, r := range page {
		shown[i] = show(r)
	}
	body, err := agents.EncodePage(shown, more, id)
	if err != nil {
		return err
	}
	return c.json(body)
}
