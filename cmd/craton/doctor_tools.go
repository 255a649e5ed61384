package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/craton-ai/craton/internal/config"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
	"github.com/craton-ai/craton/internal/tool/opener"
)

// askTools bounds how long the doctor waits for one tool server, which may have
// to start first.
const askTools = 20 * time.Second

// toolServers asks every tool server of the configuration what it offers, as
// the server would: those that are commands are run.
func toolServers(ctx context.Context, cfg *config.Config, s streams) []finding {
	asked := make([]finding, len(cfg.Tools.Servers))
	var wg sync.WaitGroup
	for i, server := range cfg.Tools.Servers {
		wg.Go(func() { asked[i] = askToolServer(ctx, cfg, server, s.getenv) })
	}
	wg.Wait()
	return asked
}

// askToolServer opens one server and lists its tools.
func askToolServer(ctx context.Context, cfg *config.Config, server config.ToolServer, getenv func(string) string) (f finding) {
	f = finding{what: "tools " + server.Name}
	asked := toolServer(server, getenv)
	asked.Tenants = []string{opener.Everyone}
	asked.Allow = nil // else a misspelt name would not show
	o, err := opener.New(opener.Config{Policy: egressPolicy(cfg), Servers: []opener.Server{asked}, Version: version,
		Tenant: func(context.Context, string) (string, bool, error) { return "", true, nil }})
	if err != nil {
		f.bad, f.state = true, err.Error()
		return f
	}
	defer func() {
		if err := o.Close(); err != nil && !f.bad {
			f.remedy = "it did not end as it should: " + err.Error()
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, askTools)
	defer cancel()
	offered, err := offers(ctx, o, server.Name)
	if err != nil {
		return noTools(f, model.AsError(err), server)
	}
	f.state = fmt.Sprintf("answers, and offers %d tools", len(offered))
	for _, name := range slices.Concat(server.Allow, slices.Sorted(maps.Keys(server.Tools))) {
		if !slices.ContainsFunc(offered, func(t tool.Spec) bool { return t.Name == name }) {
			f.remedy = fmt.Sprintf("it has no tool %q, which the configuration names", name)
		}
	}
	return f
}

func offers(ctx context.Context, o *opener.Opener, name string) ([]tool.Spec, error) {
	source, err := o.Open(ctx, "", tool.Server{Label: name, URL: "craton:" + name})
	if err != nil {
		return nil, err
	}
	specs, err := source.List(ctx)
	if closed := source.Close(); err == nil {
		err = closed
	}
	return specs, err
}

// noTools says what a tool server's error means for whoever runs the server.
func noTools(f finding, e *model.Error, server config.ToolServer) finding {
	f.bad, f.state, f.remedy = true, "offers no tools: "+e.Public(), "check `url`, that it runs, and that it speaks MCP over streamable HTTP"
	if e.Err != nil {
		f.state += " (" + e.Err.Error() + ")"
	}
	switch {
	case server.Command != "":
		f.remedy = "run `command` with its `args` by hand: it must speak MCP on its standard input and output"
	case e.Kind == model.UpstreamDenied:
		f.remedy = "replace what `token` names"
	}
	return f
}
