package edge

import (
	"context"
	"maps"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/environment"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/agents"
)

// sealServer keeps the headers that a session gives an MCP server apart from
// the session, whose journal holds no secrets, and names them there. A server
// has one credential: beside one from a vault, or one that may yet be found in
// the session's vaults, headers that carry no secret by their name stay where
// they are.
func (c *call) sealServer(t *agent.Tool, m *agents.MCPTool, owner string, vaults []string) error {
	t.Raw, _ = agents.SessionTool(t.Raw)
	if len(m.Transport.Env) > 0 {
		return model.Errorf(model.Unsupported, "agent.tools", "The server '%s' has variables of its own, which an environment of the client's does not take.", m.ServerLabel).
			WithHint("Set them there, and name them in transport.env_vars.")
	}
	headers := map[string]string{}
	if m.Transport.Headers != nil {
		maps.Copy(headers, *m.Transport.Headers)
	}
	secret := agents.HasSecretHeader(headers)
	if a := m.Transport.Authorization; a != nil {
		headers["Authorization"], secret = *a, true
	}
	switch {
	case len(headers) == 0, !secret && (m.CredentialID != nil || len(vaults) > 0):
		return nil
	case m.CredentialID != nil:
		return model.Errorf(model.Invalid, "agent.tools", "The server '%s' has a credential, and headers with another one.", m.ServerLabel).
			WithHint("Put both into one, or leave credential_id out.")
	case c.h.opts.Vaults == nil:
		return model.Errorf(model.Unsupported, "agent.tools", "This server keeps no secrets of sessions.")
	}
	id, err := c.h.opts.Vaults.Seal(c.r.Context(), c.who.Tenant.ID, owner, t.Server.URL, headers)
	if err != nil {
		return err
	}
	t.Server.Headers, t.Server.Credential = nil, id
	return nil
}

// registerEnvironment keeps the environment that a session asks for, so that
// files can be put there before its machine connects.
func (c *call) registerEnvironment(own *agents.SelfHostedParam, vaults []string) (id string, err error) {
	if c.h.opts.Environments == nil {
		return "env_" + c.id, nil
	}
	made, err := c.h.opts.Environments.Create(c.r.Context(), c.who.Tenant.ID, environment.Spec{Type: environment.SelfHosted,
		Workspace: own.WorkspaceDirectory, Capabilities: own.CapabilityDirectories, Vaults: vaults})
	return made.ID, err
}

// shownOwn is a session's environment as the contract shows it: a machine of the
// client's has an address to connect to, which no machine can do here yet.
func shownOwn(e agents.SessionEnvironment) agents.SessionEnvironment {
	if e.Type == agents.EnvironmentSelfHosted && e.RemoteURL == nil {
		e.RemoteURL = new(string)
	}
	return e
}

// unused removes what was made for a session that was not created, or had been
// before with means of its own.
func (c *call) unused(asked *driver.Creation, made *driver.View) {
	secrets := secretsOf(&asked.Created.Definition, c.id)
	if secrets != "" && (made == nil || readContract(made.State).Secrets != secrets) {
		c.forget(secrets)
	}
	if made == nil || made.State.Settings.EnvironmentID != asked.Created.EnvironmentID {
		c.removeEnvironment(asked.Created.EnvironmentID)
	}
}

// removeEnvironment removes an environment that no session has any more. It is
// kept for nobody if that fails.
func (c *call) removeEnvironment(id string) {
	if id == "" || c.h.opts.Environments == nil {
		return
	}
	err := c.h.opts.Environments.Remove(context.WithoutCancel(c.r.Context()), c.who.Tenant.ID, id)
	if e := model.AsError(err); e != nil && e.Kind != model.NotFound {
		c.h.opts.Log.Warn("the environment of a session was not removed", "environment", id, "err", err)
	}
}
