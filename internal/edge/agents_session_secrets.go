package edge

import (
	"context"
	"slices"
	"strings"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/agents"
)

// sealSecrets keeps what a request says in secret of MCP servers apart from the
// session, under owner, and names it there.
func (c *call) sealSecrets(d *agent.Definition, f *agents.AgentFields, owner string, vaults []string) error {
	if !f.Tools.Set {
		return nil
	}
	for i := range f.Tools.Value {
		if t := &f.Tools.Value[i]; t.Type == agents.ToolMCP {
			if err := c.sealServer(&d.Tools[i], t.MCP, owner, vaults); err != nil {
				return err
			}
		}
	}
	return nil
}

// sealed are the credentials of a definition that were sealed under one of the
// owners.
func sealed(d *agent.Definition, owners ...string) []string {
	var ids []string
	for _, t := range d.Tools {
		if t.Server == nil {
			continue
		}
		if owner, _, inline := strings.Cut(t.Server.Credential, "."); inline && slices.Contains(owners, owner) {
			ids = append(ids, t.Server.Credential)
		}
	}
	return ids
}

// secretsOf is the owner if something of the definition was sealed under it.
func secretsOf(d *agent.Definition, owner string) string {
	if len(sealed(d, owner)) == 0 {
		return ""
	}
	return owner
}

// knownCredentials refuses credentials that the vaults do not hold for their
// servers, and those that another session had sealed: they are no client's to
// name.
func (c *call) knownCredentials(d *agent.Definition, owner string, vaults []string) error {
	own := sealed(d, owner)
	for _, t := range d.Tools {
		if t.Server == nil || t.Server.URL == "" || t.Server.Credential == "" || slices.Contains(own, t.Server.Credential) {
			continue
		}
		if c.h.opts.Vaults == nil {
			return model.Errorf(model.Unsupported, "credential_id", "This server keeps no credentials.")
		}
		server := t.Server.Server
		server.Vaults = vaults
		if err := c.h.opts.Vaults.Check(c.r.Context(), c.who.Tenant.ID, server); err != nil {
			return err
		}
	}
	return nil
}

// owners are under what a session's own secrets are kept. Those that a fork was
// begun with are its parent's.
func owners(view *driver.View) []string {
	own := []string{view.State.Session}
	if first := readContract(view.State).Secrets; first != "" && view.Head.Parent.Session == "" {
		own = append(own, first)
	}
	return own
}

// forgetSecrets destroys what a deleted session had sealed.
func (c *call) forgetSecrets(view *driver.View) { c.forget(owners(view)...) }

// forgetReplaced destroys what only the tools had that an update replaced. It
// leaves that to the session's end where a turn, or a fork, may still use it.
func (c *call) forgetReplaced(before *driver.View) {
	old := sealed(&before.State.Settings.Definition, owners(before)...)
	if len(old) == 0 {
		return
	}
	ctx, tenant := c.r.Context(), c.who.Tenant.ID
	now, err := c.h.opts.Sessions.Get(ctx, tenant, before.State.Session)
	if err != nil || now.Status() != agent.Idle {
		return
	}
	forks, err := c.h.opts.Sessions.List(ctx, driver.Query{Tenant: tenant, Parent: before.State.Session, Limit: 1})
	if err != nil || len(forks) > 0 {
		return
	}
	kept := sealed(&now.State.Settings.Definition, owners(now)...)
	c.forget(slices.DeleteFunc(old, func(id string) bool { return slices.Contains(kept, id) })...)
}

// forget destroys credentials, or all of an owner's. What cannot be destroyed
// now is of no use to anybody: nothing names it any more.
func (c *call) forget(ids ...string) {
	if c.h.opts.Vaults == nil || len(ids) == 0 {
		return
	}
	if err := c.h.opts.Vaults.Forget(context.WithoutCancel(c.r.Context()), c.who.Tenant.ID, ids...); err != nil {
		c.h.opts.Log.Warn("secrets that no session needs were not destroyed", "ids", ids, "err", err)
	}
}
