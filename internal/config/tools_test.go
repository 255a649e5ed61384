package config_test

import (
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/config"
)

func TestNumbers(t *testing.T) {
	t.Parallel()
	for entry, want := range map[string]string{
		"limits: {max_body_bytes: -1}":    "limits.max_body_bytes",
		"limits: {max_header_bytes: -1}":  "limits.max_header_bytes",
		"limits: {max_concurrent: -3}":    "limits.max_concurrent",
		"limits: {tenant_file_bytes: -3}": "limits.tenant_file_bytes",
		"engine: {threads: -1}":           "engine.threads",
		"guards: {retries: -3}":           "guards.retries",
		"guards: {idle: -2s}":             "guards.idle",
		"hosts: [http://x]":               "hosts",
	} {
		if _, err := config.Load(write(t, entry+"\n"), env(nil)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", entry, err, want)
		}
	}
}

func TestRemoteTools(t *testing.T) {
	t.Parallel()
	good := "tools:\n  remote:\n    - {origin: \"https://mcp.example.com\", approval: unsafe, tools: {a: {class: read}}}\n    - {origin: \"*\", approval: always}\n" +
		"    - {origin: mcp.example.com}\n    - {origin: .example.com}\n    - {origin: \"[2001:db8::1]\"}\n"
	if cfg, err := config.Load(write(t, good), env(nil)); err != nil || len(cfg.Tools.Remote) != 5 {
		t.Fatalf("got %+v, %v", cfg, err)
	}
	for _, entry := range []string{`{origin: "https://x/path"}`, `{origin: "Mcp.example.com"}`, `{origin: "mcp.example.com:443"}`, `{origin: "mcp.example.com/mcp"}`, `{origin: "you@mcp.example.com"}`,
		`{origin: "."}`, `{origin: ""}`, `{origin: "https://you@x"}`, `{origin: "ftp://x"}`, `{origin: "*", approval: maybe}`,
		"{origin: \"*\"}\n    - {origin: \"*\"}"} {
		if _, err := config.Load(write(t, "tools:\n  remote:\n    - "+entry+"\n"), env(nil)); err == nil || !strings.Contains(err.Error(), "tools.remote") {
			t.Errorf("%s: got %v", entry, err)
		}
	}
}

func TestToolServers(t *testing.T) {
	t.Parallel()
	good := `
tools:
  fetch: {allow: [docs.example.com]}
  servers:
    - {name: wiki, url: "http://10.0.0.5/mcp", headers: {x-team: blue}, token: {env: WIKI}, tenants: [research]}
    - {name: files, command: npx, args: [-y, files], dir: /srv, env: {LOG: debug}, secrets: {TOKEN: {file: /run/token}}, allow: [read], approval: unsafe, tools: {read: {class: read, approval: never}}}
`
	cfg, err := config.Load(write(t, good), env(nil))
	if err != nil || len(cfg.Tools.Servers) != 2 || cfg.Tools.Servers[1].Secrets["TOKEN"].File != "/run/token" {
		t.Fatalf("got %+v, %v", cfg, err)
	}
	for entry, want := range map[string]string{
		`{name: builtin, command: x}`:                                "taken",
		`{name: A, command: x}`:                                      "lower-case",
		`{name: a}`:                                                  "one of url and command",
		`{name: a, url: "https://x", command: x}`:                    "one of url and command",
		`{name: a, url: "ftp://x"}`:                                  "address",
		`{name: a, url: "https://u:p@x"}`:                            "credentials",
		`{name: a, url: "https://x", args: [b]}`:                     "go with command",
		`{name: a, command: x, token: {env: B}}`:                     "go with url",
		`{name: a, url: "https://x", token: {stored: b}}`:            "stored",
		`{name: a, url: "https://x", token: {env: b, file: c}}`:      "one of env and file",
		`{name: a, command: x, env: {B: c}, secrets: {B: {env: D}}}`: "also in env",
		`{name: a, command: x, approval: maybe}`:                     "approval is",
		`{name: a, command: x, tools: {b: {class: safe}}}`:           "class is",
		`{name: a, command: x, allow: [b], tools: {c: {}}}`:          "not among",
		`{name: a, command: x, secrets: {B: {}}}`:                    "empty",
		"{name: a, command: x}\n    - {name: a, command: y}":         "taken",
	} {
		_, err := config.Load(write(t, "tools:\n  servers:\n    - "+entry+"\n"), env(nil))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", entry, err, want)
		}
	}
}

// TestFileSearchLimits refuses parsers that could read nothing.
func TestFileSearchLimits(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load(write(t, "tools: {file_search: {parsers: 1, parser_memory_mb: 64}}"), env(nil))
	if err != nil || cfg.Tools.FileSearch != (config.FileSearchTool{Parsers: 1, ParserMemoryMB: 64}) {
		t.Errorf("got %+v, %v", cfg.Tools.FileSearch, err)
	}
	for _, bad := range []string{"parsers: -1", "parser_memory_mb: -1", "parser_memory_mb: 63"} {
		field, _, _ := strings.Cut(bad, ":")
		if _, err := config.Load(write(t, "tools: {file_search: {"+bad+"}}"), env(nil)); err == nil || !strings.Contains(err.Error(), "tools.file_search."+field) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
