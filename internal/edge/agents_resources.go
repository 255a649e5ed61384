package edge

import (
	"net/http"

	"github.com/craton-ai/craton/internal/identity"
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
	// Without these, "automations" would be taken for an agent's id.
	for _, path := range []string{"/agents/automations", "/agents/automations/{rest...}"} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
			h.handleAgents(method, path, identity.AgentRead, func(*call) error { return noOperation("automations") })
		}
	}
}
