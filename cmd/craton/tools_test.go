package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/config"
)

// TestChildToolsEnvironment checks that a tool server's process sees what it
// was given, and of the server's environment, which holds keys, no more than a
// few harmless names.
func TestChildToolsEnvironment(t *testing.T) {
	t.Parallel()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("one\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	environment := map[string]string{"PATH": "/bin", "HOME": "/root", "OPENAI_API_KEY": "sk-secret", "GITHUB": "two"}
	getenv := func(name string) string { return environment[name] }
	server := toolServer(config.ToolServer{
		Name: "files", Command: "npx", Args: []string{"-y", "files"}, Dir: "/srv", Env: map[string]string{"LOG": "debug", "HOME": "/tmp"},
		Secrets: map[string]config.Secret{"TOKEN": {File: token}, "GH": {Env: "GITHUB"}},
	}, getenv)
	c, err := server.Command()
	if got := strings.Join(c.Env, " "); err != nil || got != "GH=two HOME=/tmp LOG=debug PATH=/bin TOKEN=one" {
		t.Errorf("got %q, %v", got, err)
	}
	if c.Path != "npx" || len(c.Args) != 2 || c.Dir != "/srv" || server.Token != nil {
		t.Errorf("got %+v", c)
	}
	if err := os.Remove(token); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Command(); err == nil {
		t.Error("a secret that is not there is taken for an empty one")
	}
	remote := toolServer(config.ToolServer{Name: "wiki", URL: "http://10.0.0.5/mcp", Token: config.Secret{Env: "GITHUB"}}, getenv)
	if got, err := remote.Token(); err != nil || got != "two" || remote.Command != nil {
		t.Errorf("got %q, %v", got, err)
	}
}
