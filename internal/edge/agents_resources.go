package edge

import (
	"net/http"

	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
)

// agentsRoutes lists the operations of the Agents API on saved agents,
// environments and their templates.
func (h *Handler) agentsRoutes() {
	if h.opts.Agents != nil {
		h.handleAgents(http.MethodPost, "/agents", identity.AgentWrite, h.createAgent)
		h.handleAgents(http.MethodGet, "/agents", identity.AgentRead, h.listAgents)
		h.handleAgents(http.MethodGet, "/agents/{agent_id}", identity.AgentRead, h.getAgent)
		h.handleAgents(http.MethodPost, "/agents/{agent_id}", identity.AgentWrite, h.updateAgent)
		h.handleAgents(http.MethodDelete, "/agents/{agent_id}", identity.AgentWrite, h.deleteAgent)
	}
	h.environmentRoutes()
	// Without these, "automations" would be taken for an agent's id.
	for _, path := range []string{"/agents/automations", "/agents/automations/{rest...}"} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
			h.handleAgents(method, path, identity.AgentRead, func(*call) error { return noOperation("automations") })
		}
	}
}

// environmentRoutes lists the operations on environments, their files and
// templates.
func (h *Handler) environmentRoutes() {
	if h.opts.Environments == nil {
		return
	}
	const all, templates = "/agents/environments", "/agents/environments/templates"
	h.handleAgents(http.MethodPost, all, identity.AgentWrite, h.createEnvironment)
	h.handleAgents(http.MethodGet, all, identity.AgentRead, h.listEnvironments)
	h.handleAgents(http.MethodGet, all+"/{environment_id}", identity.AgentRead, h.getEnvironment)
	h.handleAgents(http.MethodPost, templates, identity.AgentWrite, h.createTemplate)
	h.handleAgents(http.MethodGet, templates, identity.AgentRead, h.listTemplates)
	h.handleAgents(http.MethodGet, all+"/{environment_id}/{part}", identity.AgentRead, belowEnvironments(h.getTemplate, h.listEnvironmentFiles))
	h.handleAgents(http.MethodPost, all+"/{environment_id}/{part}", identity.AgentWrite, belowEnvironments(h.updateTemplate, h.createEnvironmentFile))
	h.handleAgents(http.MethodDelete, all+"/{environment_id}/{part}", identity.AgentWrite, belowEnvironments(h.deleteTemplate, nothingThere))
}

// belowEnvironments tells the path of a template from that of an environment's
// files, which the mux cannot: an environment might be called "templates".
func belowEnvironments(template, files handler) handler {
	return func(c *call) error {
		switch part := c.r.PathValue("part"); {
		case c.r.PathValue("environment_id") == "templates":
			c.r.SetPathValue("template_id", part)
			return template(c)
		case part == "files":
			return files(c)
		}
		return nothingThere(c)
	}
}

// nothingThere answers a path that the contract has not.
func nothingThere(c *call) error {
	return model.Errorf(model.NotFound, c.r.URL.Path, "There is nothing at %s %s.", c.r.Method, c.r.URL.Path)
}
