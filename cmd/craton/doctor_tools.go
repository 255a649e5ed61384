package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
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

// askToolServer opens one server and lists its tools. What a command wrote is
// whole only once it has ended.
func askToolServer(ctx context.Context, cfg *config.Config, server config.ToolServer, getenv func(string) string) finding {
	f := finding{what: "tools " + server.Name}
	asked := toolServer(server, getenv)
	asked.Tenants = []string{opener.Everyone}
	asked.Allow = nil // else a misspelt name would not show
	var said lastWords
	o, err := opener.New(opener.Config{Policy: egressPolicy(cfg), Servers: []opener.Server{asked}, Version: version, Log: slog.New(&said),
		Tenant: func(context.Context, string) (string, bool, error) { return "", true, nil }})
	if err != nil {
		f.bad, f.state = true, err.Error()
		return f
	}
	asking, cancel := context.WithTimeout(ctx, askTools)
	defer cancel()
	offered, err := offers(asking, o, server.Name)
	closed := o.Close()
	switch {
	case err != nil:
		return noTools(f, model.AsError(err), server, said.lines)
	case closed != nil:
		f.remedy = "it did not end as it should: " + closed.Error()
	}
	f.state = fmt.Sprintf("answers, and offers %d tools", len(offered))
	for _, name := range slices.Concat(server.Allow, slices.Sorted(maps.Keys(server.Tools))) {
		if !slices.ContainsFunc(offered, func(t tool.Spec) bool { return t.Name == name }) {
			f.remedy = fmt.Sprintf("it has no tool %q, which the configuration names", name)
		}
	}
	return f
}

// lastWords is a log that keeps the last lines a tool server wrote to its
// standard error.
type lastWords struct {
	mu    sync.Mutex
	lines []string
}

// keptLines is how many lines the doctor shows.
const keptLines = 3

func (*lastWords) Enabled(context.Context, slog.Level) bool { return true }

func (l *lastWords) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "line" {
			l.lines = append(l.lines, strconv.Quote(a.Value.String()))
			l.lines = l.lines[max(0, len(l.lines)-keptLines):]
		}
		return true
	})
	return nil
}

func (l *lastWords) WithAttrs([]slog.Attr) slog.Handler { return l }

func (l *lastWords) WithGroup(string) slog.Handler { return l }

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

// noTools says what a tool server's error means for whoever runs the server,
// and what the server said last.
func noTools(f finding, e *model.Error, server config.ToolServer, said []string) finding {
	f.bad, f.state, f.remedy = true, "offers no tools: "+e.Public(), "check `url`, that it runs, and that it speaks MCP over streamable HTTP"
	switch {
	case server.Command != "":
		f.state = "offers no tools: " + e.Message // its hint leads to the server's log
		f.remedy = "run `command` with its `args` by hand: it must speak MCP on its standard input and output"
	case e.Kind == model.UpstreamDenied:
		f.remedy = "replace what `token` names"
	}
	if e.Err != nil {
		f.state += " (" + strings.ReplaceAll(e.Err.Error(), "\n", "; ") + ")"
	}
	if len(said) > 0 {
		f.state += " It wrote: " + strings.Join(said, " ")
	}
	return f
}
