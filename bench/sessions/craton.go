package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/craton-ai/craton/bench/internal/process"
)

// server is a Craton process on its own state, which outlives it.
type server struct {
	binary, dir, port string
	// url is the PostgreSQL database; empty for SQLite in the directory.
	url  string
	proc *process.Process
	http *client
}

const (
	apiKey    = "sk-bench-0123456789abcdef"
	modelName = "bench/script-chat"
	// funcTool is the client's tool, which the model calls when told to "step";
	// ownTool is the server's, called when told to "calculate".
	funcTool, ownTool = "step", "calculator"
)

// cratonConfig has one model, without weights and without delay: it calls a
// tool as often as it is told, then answers with 1 KB.
var cratonConfig = fmt.Sprintf(`upstreams:
  - name: bench
    kind: script
    rules:
      - when: {regex: '^step (\d+)', rounds: "${1}"}
        then: {calls: [{tool: %s, arguments: '{}'}]}
      - when: {regex: '^calculate (\d+)', rounds: "${1}"}
        then: {calls: [{tool: %s, arguments: '{"expression":"2^64"}'}]}
      - then: {text: "%s"}
engine: {disabled: true}
observe: {access_log: "off"}
`, funcTool, ownTool, strings.Repeat("x", size))

// form is one public interface of Craton.
type form struct {
	name string
	// session makes sessions whose steps' results have a size in bytes.
	session func(c *client, bytes int) func(ctx context.Context) (turn, error)
}

func forms() []form {
	return []form{
		{"Agents", func(c *client, bytes int) func(context.Context) (turn, error) {
			return agents{c, functionTools, "step", bytes}.session
		}},
		{"Agents, built-in tool", func(c *client, bytes int) func(context.Context) (turn, error) {
			return agents{c, builtinTools, "calculate", bytes}.session
		}},
		{"Responses", func(c *client, bytes int) func(context.Context) (turn, error) {
			return responses{c, bytes}.session
		}},
	}
}

// backends are where a server keeps its state.
var backends = []string{"SQLite", "PostgreSQL"}

// cratonKinds are Craton's public interfaces on both stores, each with a
// process of its own.
func cratonKinds() []kind {
	var all []kind
	for _, f := range forms() {
		for _, backend := range backends {
			all = append(all, kind{cratonName(f, backend), func(ctx context.Context, e *env) (*subject, error) {
				s, err := e.serve(ctx, backend)
				if err != nil {
					return nil, err
				}
				return &subject{session: f.session(s.http, size), proc: s.proc, close: s.close}, nil
			}})
		}
	}
	return all
}

func cratonName(f form, backend string) string {
	return fmt.Sprintf("craton %s, %s", f.name, backend)
}

// serve starts Craton on fresh state.
func (e *env) serve(ctx context.Context, backend string) (*server, error) {
	binary, err := filepath.Abs(e.craton)
	if err != nil {
		return nil, err
	}
	s := &server{binary: binary}
	if backend == "PostgreSQL" {
		if s.url, err = e.database(ctx); err != nil {
			return nil, err
		}
	}
	if s.dir, err = e.directory("craton"); err != nil {
		return nil, err
	}
	if s.port, err = freePort(); err != nil {
		return nil, err
	}
	config := cratonConfig
	if s.url != "" {
		config += "store: {postgres: {env: DATABASE_URL}}\n"
	}
	if err := os.WriteFile(filepath.Join(s.dir, "craton.yaml"), []byte(config), 0o600); err != nil {
		return nil, err
	}
	s.http = newClient("http://127.0.0.1:"+s.port, map[string]string{"Authorization": "Bearer " + apiKey, "OpenAI-Beta": "agents=v1"})
	_, err = s.start(ctx)
	return s, err
}

// start runs the server and returns how long it took to be ready.
func (s *server) start(ctx context.Context) (time.Duration, error) {
	from := time.Now()
	var err error
	s.proc, err = process.Start(s.dir, "craton.log", []string{"CRATON_API_KEY=" + apiKey, "DATABASE_URL=" + s.url},
		s.binary, "serve", "--listen", "127.0.0.1:"+s.port, "--data", s.data(), "--config", filepath.Join(s.dir, "craton.yaml"))
	if err != nil {
		return 0, err
	}
	err = s.proc.WaitFor(ctx, 5*time.Minute, func() error { return s.http.call(ctx, "GET", "/readyz", nil, nil) })
	if err != nil {
		s.proc.Stop(patience)
	}
	return time.Since(from), err
}

func (s *server) data() string { return filepath.Join(s.dir, "data") }

func (s *server) close() error {
	s.proc.Stop(patience)
	s.http.http.CloseIdleConnections()
	return nil
}

// store opens what the server keeps; it must be stopped.
func (s *server) store(ctx context.Context) (database, error) {
	if s.url != "" {
		return openPostgres(ctx, s.url)
	}
	return openSQLite(ctx, s.data())
}
