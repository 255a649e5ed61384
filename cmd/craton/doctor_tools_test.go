package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
)

// TestDoctorAsksToolServers tells tool servers that work from those that do not,
// and what to do about each.
func TestDoctorAsksToolServers(t *testing.T) {
	t.Parallel()
	offering := sdk.NewServer(&sdk.Implementation{Name: "wiki", Version: "1"}, nil)
	sdk.AddTool(offering, &sdk.Tool{Name: "look", Description: "Looks."}, func(context.Context, *sdk.CallToolRequest, struct{}) (*sdk.CallToolResult, any, error) {
		return &sdk.CallToolResult{}, nil, nil
	})
	handler := sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return offering }, nil)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer right" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	path := filepath.Join(t.TempDir(), "craton.yaml")
	text := strings.ReplaceAll(`
tools:
  servers:
    - {name: fine, url: LIVE, token: {env: RIGHT}, allow: [look]}
    - {name: misspelt, url: LIVE, token: {env: RIGHT}, allow: [lok]}
    - {name: refused, url: LIVE, token: {env: WRONG}}
    - {name: absent, command: /nonexistent/tools}
    - {name: dies, command: /bin/sh, args: [-c, "printf 'one\ntwo\nthree\nno TOKEN is set' >&2"]}
`, "LIVE", server.URL)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"RIGHT": "right", "WRONG": "wrong"}
	s := streams{out: io.Discard, err: io.Discard, getenv: func(name string) string { return env[name] }}
	found := toolServers(t.Context(), doctorConfig(t, path, s), s)
	for i, want := range []finding{
		{what: "tools fine", state: "offers 1 tools"},
		{what: "tools misspelt", state: "offers 1 tools", remedy: `no tool "lok"`},
		{what: "tools refused", state: "offers no tools", remedy: "`token`", bad: true},
		{what: "tools absent", state: "offers no tools", remedy: "by hand", bad: true},
		{what: "tools dies", state: ` It wrote: "two" "three" "no TOKEN is set"`, remedy: "by hand", bad: true},
	} {
		got := found[i]
		if got.what != want.what || got.bad != want.bad || !strings.Contains(got.state, want.state) || !strings.Contains(got.remedy, want.remedy) || (got.remedy == "") != (want.remedy == "") {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if n := strings.Count(got.state, "no such file"); n > 1 || strings.Contains(got.state, "\n") {
			t.Errorf("%s: the reason is told %d times: %q", got.what, n, got.state)
		}
	}
}
