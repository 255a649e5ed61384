package main

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/craton-ai/craton/internal/config"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
	"github.com/craton-ai/craton/internal/tool/builtin"
	"github.com/craton-ai/craton/internal/tool/mcp"
	"github.com/craton-ai/craton/internal/tool/opener"
)

// newTools opens what agents may call: built-in tools, the operator's servers,
// and remote ones.
func (svc *service) newTools() (*opener.Opener, error) {
	own := builtin.New(builtin.Config{Now: time.Now, Client: svc.egress, Allow: svc.cfg.Tools.Fetch.Allow, Files: searched{svc.state.files}, Documents: documents(svc.cfg.Tools.FileSearch)})
	var servers []opener.Server
	for _, s := range svc.cfg.Tools.Servers {
		servers = append(servers, toolServer(s, svc.streams.getenv))
	}
	remote := map[string]opener.Server{}
	for _, r := range svc.cfg.Tools.Remote {
		remote[r.Origin] = opener.Server{Allow: r.Allow, Approval: tool.Approval(r.Approval), Rules: toolRules(r.Tools)}
	}
	return opener.New(opener.Config{
		Policy: egressPolicy(svc.cfg), Credentials: svc.state.vaults, Builtin: own, Servers: servers, Remote: remote,
		Tenant: svc.tenantName, Log: svc.log, Version: version,
	})
}

// toolServer is a server of the configuration.
func toolServer(s config.ToolServer, getenv func(string) string) opener.Server {
	out := opener.Server{Name: s.Name, URL: s.URL, Headers: s.Headers, Tenants: s.Tenants, Allow: s.Allow,
		Approval: tool.Approval(s.Approval), Rules: toolRules(s.Tools)}
	if s.Token.Set() {
		out.Token = func() (string, error) { return s.Token.Resolve(getenv) }
	}
	if s.Command != "" {
		out.Command = func() (mcp.Command, error) { return childTools(s, getenv) }
	}
	return out
}

func toolRules(of map[string]config.ToolRule) map[string]opener.Rule {
	rules := map[string]opener.Rule{}
	for name, rule := range of {
		rules[name] = opener.Rule{Class: tool.Class(rule.Class), Approval: tool.Approval(rule.Approval)}
	}
	return rules
}

// inherited is what a child process sees of the server's environment, which
// holds secrets besides.
var inherited = []string{"PATH", "HOME", "LANG", "TMPDIR"}

// childTools is the command of a server that runs as a child process.
func childTools(s config.ToolServer, getenv func(string) string) (mcp.Command, error) {
	c := mcp.Command{Name: s.Name, Path: s.Command, Args: s.Args, Dir: s.Dir}
	env := map[string]string{}
	for _, name := range inherited {
		if v := getenv(name); v != "" {
			env[name] = v
		}
	}
	maps.Copy(env, s.Env)
	for name, secret := range s.Secrets {
		v, err := secret.Resolve(getenv)
		if err != nil {
			return c, err
		}
		env[name] = v
	}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		c.Env = append(c.Env, name+"="+env[name])
	}
	return c, nil
}

// tenantName is what the configuration calls a tenant.
func (svc *service) tenantName(ctx context.Context, id string) (string, bool, error) {
	tenants, err := svc.state.db.Tenants(ctx, identity.TenantFilter{ID: id, Limit: 1})
	if err != nil {
		return "", false, model.Wrap(model.Internal, "craton.tenantName", err)
	}
	if len(tenants) == 0 {
		return "", false, model.Wrap(model.Internal, "craton.tenantName", errors.New("a session's tenant is gone"))
	}
	return tenants[0].Name, tenants[0].Root, nil
}
