package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDoctorAsksUpstreams tells upstreams that work from those that do not, and
// what to do about each.
func TestDoctorAsksUpstreams(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/none"):
			http.NotFound(w, r)
		case strings.HasPrefix(r.URL.Path, "/broken"):
			http.Error(w, `{"error":{"message":"disk full"}}`, http.StatusInternalServerError)
		case strings.HasPrefix(r.URL.Path, "/page"):
			fmt.Fprint(w, "<html>")
		case r.Header.Get("Authorization") != "Bearer right":
			http.Error(w, `{"error":{"message":"no such key"}}`, http.StatusUnauthorized)
		default:
			fmt.Fprint(w, `{"object":"list","data":[{"id":"a"},{"id":"b"}]}`)
		}
	}))
	defer server.Close()
	closed := httptest.NewServer(nil)
	closed.Close()
	path := filepath.Join(t.TempDir(), "craton.yaml")
	text := strings.NewReplacer("LIVE", server.URL, "DEAD", closed.URL).Replace(`
upstreams:
  - {name: fine, kind: openai, base_url: LIVE/v1, api_key: {env: RIGHT}}
  - {name: misspelt, kind: openai, base_url: LIVE/v1, api_key: {env: RIGHT}, models: [a, c]}
  - {name: refused, kind: openai, base_url: LIVE/v1, api_key: {env: WRONG}}
  - {name: keyless, kind: openai, base_url: LIVE/v1, api_key: {env: EMPTY}}
  - {name: unnamed, kind: openai, base_url: LIVE/v1}
  - {name: kept, kind: openai, base_url: LIVE/v1, api_key: {stored: kept}}
  - {name: down, kind: openai, base_url: DEAD/v1}
  - {name: short, kind: openai, base_url: LIVE/none}
  - {name: listed, kind: openai, base_url: LIVE/none, models: [a]}
  - {name: broken, kind: openai, base_url: LIVE/broken}
  - {name: page, kind: openai, base_url: LIVE/page}
  - {name: demo, kind: script}
`)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"RIGHT": "right", "WRONG": "wrong"}
	var out strings.Builder
	s := streams{out: &out, err: io.Discard, getenv: func(name string) string { return env[name] }}
	if err := report(s, (doctorCommand{Config: path}).upstreams(t.Context(), doctorConfig(t, path, s), s)); err == nil {
		t.Error("nothing is broken")
	}
	lines := strings.Split(out.String(), "\n")
	for name, want := range map[string][]string{
		"fine":     {"ok  ", "accepts its credential and lists 2 models"},
		"misspelt": {"note", "lists 2 models", `does not list "c"`},
		"refused":  {"FAIL", "refuses the credential", "environment variable WRONG"},
		"keyless":  {"FAIL", "environment variable EMPTY is empty", "set it where the server starts"},
		"unnamed":  {"FAIL", "refuses the credential", "names none"},
		"kept":     {"note", "was not asked", "craton secrets set kept"},
		"down":     {"FAIL", "cannot be reached", "check `base_url`"},
		"short":    {"note", "lists no models", "often /v1"},
		"listed":   {"ok  ", "those of the configuration are served"},
		"broken":   {"FAIL", "status 500", "its own log"},
		"page":     {"FAIL", "no list of models", "check `base_url` and `kind`"},
		"demo":     {"ok  ", "built-in demonstration"},
	} {
		found := ""
		for i, line := range lines {
			if len(line) > 4 && strings.HasPrefix(line[4:], "  upstream "+name+" ") {
				found = line
				if i+1 < len(lines) && strings.Contains(lines[i+1], "->") {
					found += lines[i+1]
				}
			}
		}
		for _, part := range want {
			if !strings.Contains(found, part) {
				t.Errorf("%s: %q lacks %q", name, found, part)
			}
		}
	}
	if strings.Contains(out.String(), "wrong\n") {
		t.Error("a key is shown")
	}
}
