package edge

import (
	"context"

	"github.com/tidwall/gjson"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/agents"
)

// notSaved says of an agent that was not found whether a session has it for its
// own: such a one is nobody else's.
func (c *call) notSaved(ctx context.Context, id string, err error) error {
	if model.AsError(err).Kind != model.NotFound {
		return err
	}
	views, listing := c.h.opts.Sessions.List(ctx, driver.Query{Tenant: c.who.Tenant.ID, Agent: id, Limit: 1})
	if listing != nil || len(views) == 0 || !views[0].Settings.Definition.Local {
		return err
	}
	own := model.Errorf(model.Invalid, "agent_id", "The agent '%s' is a session's own: it was not saved.", id)
	own.Code = "agent_not_persisted"
	return own.WithHint("Create an agent with POST /v1/agents, and name that one.")
}

// dialledHere refuses a session with an MCP server that is to be dialled from
// inside an environment: none can do that yet, and this server's network is
// another.
func dialledHere(d *agent.Definition) error {
	for _, t := range d.Tools {
		if t.Server == nil || gjson.GetBytes(t.Raw, "connection_origin").Str != agents.OriginEnvironment ||
			gjson.GetBytes(t.Raw, "transport.type").Str != agents.TransportHTTP {
			continue
		}
		return model.Errorf(model.Unsupported, "agent.tools", "The MCP server '%s' is to be reached from the session's environment, which environments here cannot do yet.", t.Server.Label).
			WithHint("Leave connection_origin out where this server can reach it.")
	}
	return nil
}

// requiredServers refuses a session whose agent cannot do without an MCP server
// that does not answer. One without a URL is started by an environment.
func (c *call) requiredServers(d *agent.Definition, vaults []string) error {
	for _, t := range d.Tools {
		if t.Server == nil || !t.Server.Required || t.Server.URL == "" {
			continue
		}
		server := t.Server.Server
		if server.Vaults == nil {
			server.Vaults = vaults
		}
		if err := c.h.opts.Sessions.Reach(c.r.Context(), c.who.Tenant.ID, server); err != nil {
			failed := model.Errorf(model.Invalid, "agent.tools", "The MCP server '%s' is required and did not start: %s", server.Label, model.AsError(err).Public())
			failed.Code = "mcp_server_startup_failed"
			return failed
		}
	}
	return nil
}
