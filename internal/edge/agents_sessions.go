package edge

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/agent/roster"
	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/wire/agents"
)

// nanoPerCent is a US cent in nano-USD.
const nanoPerCent = 10_000_000

// sessionRoutes lists the operations of the Agents API on sessions.
func (h *Handler) sessionRoutes() {
	if h.opts.Sessions == nil {
		return
	}
	const one = "/agents/sessions/{session_id}"
	read, write := identity.SessionRead, identity.SessionWrite
	h.handleAgents(http.MethodPost, "/agents/sessions", write, h.createSession)
	h.handleAgents(http.MethodGet, "/agents/sessions", read, h.listSessions)
	h.handleAgents(http.MethodGet, one, read, h.getSession)
	h.handleAgents(http.MethodPost, one, write, h.updateSession)
	h.handleAgents(http.MethodDelete, one, write, h.deleteSession)
	h.handleAgents(http.MethodPost, one+"/events", read, h.sendEvents)
	h.handleAgents(http.MethodGet, one+"/events", read, h.streamEvents)
	h.handleAgents(http.MethodGet, one+"/items", read, h.listItems)
	h.handleAgents(http.MethodGet, one+"/turns", read, h.listTurns)
	h.handleAgents(http.MethodGet, one+"/turns/{turn_id}", read, h.getTurn)
	h.handleAgents(http.MethodGet, one+"/turns/{turn_id}/items", read, h.listTurnItems)
	h.artifactRoutes()
	const sub = one + "/subagents/{subagent_id}"
	h.handleAgents(http.MethodGet, one+"/subagents", read, h.listSubagents)
	h.handleAgents(http.MethodGet, sub, read, h.getSubagent)
	h.handleAgents(http.MethodGet, sub+"/items", read, h.listItems)
	h.handleAgents(http.MethodGet, sub+"/turns", read, h.listTurns)
	h.handleAgents(http.MethodGet, sub+"/turns/{turn_id}", read, h.getTurn)
	h.handleAgents(http.MethodGet, sub+"/turns/{turn_id}/items", read, h.listTurnItems)
}

// createSession serves POST /v1/agents/sessions.
func (h *Handler) createSession(c *call) error {
	if err := c.ensureBody(); err != nil {
		return err
	}
	asked, err := agents.DecodeSessionCreate(c.body, c.agentsMount())
	if err != nil {
		return err
	}
	if err := c.permit(identity.ModelInvoke); err != nil {
		return err
	}
	if asked.Stream { // before anything is made
		done, err := h.watch()
		if err != nil {
			return err
		}
		defer done()
	}
	view, err := h.opts.Sessions.Created(c.r.Context(), c.who.Tenant.ID, c.idempotencyKey(), c.body)
	if err == nil && view == nil {
		view, err = c.create(asked)
	}
	if err != nil {
		return keyReused(err)
	}
	if !asked.Stream {
		return c.answer(shownSession(view.State))
	}
	return c.streamSession(view.State.Session, driver.FromStart, asked.Obfuscate, true)
}

// create makes a session, and leaves nothing behind of one that was not made.
func (c *call) create(asked *agents.SessionCreate) (*driver.View, error) {
	creation, err := c.creation(asked)
	if err != nil {
		c.forget(c.id)
		return nil, err
	}
	view, err := c.h.opts.Sessions.Create(c.r.Context(), *creation)
	if err == nil || creation.Key == "" { // else the session may be there, and is asked for again
		c.unused(creation, view)
	}
	return view, err
}

// creation is what a request asks the runtime for.
func (c *call) creation(asked *agents.SessionCreate) (*driver.Creation, error) {
	ctx, tenant := c.r.Context(), c.who.Tenant.ID
	d := agent.Definition{Local: true}
	if asked.AgentID != "" {
		saved, err := c.savedDefinition(ctx, asked.AgentID)
		if err != nil {
			return nil, err
		}
		d = saved
	} else {
		d.ID = "agent_" + c.id
	}
	if asked.Agent != nil {
		redefine(&d, asked.Agent)
		if err := c.sealSecrets(&d, asked.Agent, c.id, asked.VaultIDs); err != nil {
			return nil, err
		}
	}
	if err := dialledHere(&d); err != nil {
		return nil, err
	}
	if err := c.knownVaults(asked.VaultIDs); err != nil {
		return nil, err
	}
	if err := c.knownCredentials(&d, c.id, asked.VaultIDs); err != nil {
		return nil, err
	}
	if err := c.requiredServers(&d, asked.VaultIDs); err != nil {
		return nil, err
	}
	created := agent.Created{
		Definition: d, Mode: agent.Parking, Principal: agent.Principal{Key: c.key.ID}, EnvironmentKind: asked.Environment.Type,
		Vaults: asked.VaultIDs, Metadata: asked.Metadata, Review: asked.Review,
	}
	if asked.SpendLimit != nil {
		limit := *asked.SpendLimit * nanoPerCent
		created.SpendLimit = &limit
	}
	contract := sessionContract{CacheTTL: asked.CacheTTL, RoleARN: asked.RoleARN, Secrets: secretsOf(&d, c.id)}
	if err := c.sessionEnvironment(asked, &created, &contract); err != nil {
		return nil, err
	}
	var err error
	if created.Contract, err = contract.encode(); err != nil {
		return nil, err
	}
	return &driver.Creation{Tenant: tenant, Created: created, Input: userMessages(asked.Input), Key: c.idempotencyKey(), Body: c.body}, nil
}

// savedDefinition is a saved agent as a session has it.
func (c *call) savedDefinition(ctx context.Context, id string) (agent.Definition, error) {
	if c.h.opts.Agents == nil {
		return agent.Definition{}, model.Errorf(model.NotFound, "agent_id", "No such agent: '%s'.", id)
	}
	saved, err := c.h.opts.Agents.Get(ctx, c.who.Tenant.ID, id)
	if err != nil {
		return agent.Definition{}, c.notSaved(ctx, id, err)
	}
	return roster.Definition(saved), nil
}

// idempotencyKey is the client's, kept apart from that of other keys' holders.
func (c *call) idempotencyKey() string {
	key := c.r.Header.Get("Idempotency-Key")
	if key == "" {
		return ""
	}
	return c.key.ID + "/" + key
}

// keyReused is the contract's code for a key that came with another request.
func keyReused(err error) error {
	if !errors.Is(err, session.ErrKeyReused) {
		return err
	}
	e := *model.AsError(err)
	e.Code = "idempotency_conflict"
	return &e
}

// getSession serves GET /v1/agents/sessions/{session_id}.
func (h *Handler) getSession(c *call) error {
	view, err := c.session()
	if err != nil {
		return err
	}
	return c.answer(shownSession(view.State))
}

// session reads the session that the path names.
func (c *call) session() (*driver.View, error) {
	return c.h.opts.Sessions.Get(c.r.Context(), c.who.Tenant.ID, c.r.PathValue("session_id"))
}

// listSessions serves GET /v1/agents/sessions.
func (h *Handler) listSessions(c *call) error {
	q, err := c.agentsPage()
	if err != nil {
		return err
	}
	views, err := h.opts.Sessions.List(c.r.Context(), driver.Query{Mode: agent.Parking,
		Tenant: c.who.Tenant.ID, Agent: c.r.URL.Query().Get("agent_id"), Metadata: q.Metadata,
		Oldest: q.Ascending, After: q.After, Limit: q.Limit + 1,
	})
	if err != nil {
		return err
	}
	more := len(views) > q.Limit
	return agentsList(c, views[:min(len(views), q.Limit)], more,
		func(v *driver.View) agents.Session { return shownSession(v.State) }, func(s agents.Session) string { return s.ID })
}

// updateSession serves POST /v1/agents/sessions/{session_id}.
func (h *Handler) updateSession(c *call) error {
	if err := c.ensureBody(); err != nil {
		return err
	}
	asked, err := agents.DecodeSessionUpdate(c.body, c.agentsMount())
	if err != nil {
		return err
	}
	view, err := c.session()
	if err != nil {
		return err
	}
	input := driver.Input{Tenant: c.who.Tenant.ID, Session: view.State.Session, Key: c.idempotencyKey(), Body: c.body}
	came, err := h.opts.Sessions.Sent(c.r.Context(), input)
	if err == nil && !came {
		err = c.update(input, view, asked)
	}
	if err != nil {
		return keyReused(err)
	}
	return h.getSession(c)
}

// update changes a session, and forgets the secrets of tools that it replaces.
func (c *call) update(input driver.Input, view *driver.View, asked *agents.SessionUpdate) error {
	updated, err := c.updated(view.State, asked)
	if err != nil {
		return err
	}
	input.Bodies = []agent.Body{updated}
	if err := c.h.opts.Sessions.Send(c.r.Context(), input); err != nil {
		return err
	}
	if updated.Tools != nil {
		c.forgetReplaced(view)
	}
	return nil
}

// updated is what a request changes.
func (c *call) updated(s *agent.State, asked *agents.SessionUpdate) (*agent.Updated, error) {
	u := &agent.Updated{}
	if asked.Model.Set {
		u.Model = &asked.Model.Value
	}
	if asked.Effort.Set {
		reasoning := s.Settings.Definition.Reasoning
		reasoning.Effort = asked.Effort.Ptr()
		u.Reasoning = &reasoning
	}
	if asked.ServiceTier.Set {
		u.ServiceTier = &asked.ServiceTier.Value
	}
	if asked.Tools.Set {
		d := agent.Definition{}
		fields := &agents.AgentFields{Tools: asked.Tools}
		redefine(&d, fields)
		if err := dialledHere(&d); err != nil {
			return nil, err
		}
		if err := c.sealSecrets(&d, fields, s.Session, s.Settings.Vaults); err != nil {
			return nil, err
		}
		if err := c.knownCredentials(&d, s.Session, s.Settings.Vaults); err != nil {
			return nil, err
		}
		if d.Tools == nil {
			d.Tools = []agent.Tool{}
		}
		u.Tools = &d.Tools
	}
	if asked.Metadata.Set {
		metadata := asked.Metadata.Value
		if metadata == nil {
			metadata = map[string]string{}
		}
		u.Metadata = &metadata
	}
	if asked.Review.Set {
		u.Review = &asked.Review.Value
	}
	if asked.SpendLimit.Set {
		if u.ClearSpend = asked.SpendLimit.Null; !u.ClearSpend {
			limit := asked.SpendLimit.Value * nanoPerCent
			u.SpendLimit = &limit
		}
	}
	if asked.CacheTTL.Set {
		contract := readContract(s)
		contract.CacheTTL = asked.CacheTTL.Value
		var err error
		if u.Contract, err = contract.encode(); err != nil {
			return nil, err
		}
	}
	return u, nil
}

// deleteSession serves DELETE /v1/agents/sessions/{session_id}.
func (h *Handler) deleteSession(c *call) error {
	view, err := c.session()
	if err != nil {
		return err
	}
	id := view.State.Session
	if err := h.opts.Sessions.Delete(c.r.Context(), c.who.Tenant.ID, id); err != nil {
		return err
	}
	c.forgetSecrets(view)
	c.removeEnvironment(view.State.Settings.EnvironmentID)
	return c.answer(agents.Deleted{ID: id, Object: agents.ObjectSessionDeleted, Deleted: true})
}

// knownVaults refuses vaults that do not exist.
func (c *call) knownVaults(ids []string) error {
	for i, id := range ids {
		if slices.Contains(ids[:i], id) {
			return model.Errorf(model.Invalid, "vault_ids", "The vault '%s' is named twice.", id)
		}
		if c.h.opts.Vaults == nil {
			return model.Errorf(model.NotFound, "vault_ids", "No such vault: '%s'.", id)
		}
		if _, err := c.h.opts.Vaults.Get(c.r.Context(), c.who.Tenant.ID, id); err != nil {
			return err
		}
	}
	return nil
}
