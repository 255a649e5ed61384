package edge_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/edge/edgetest"
)

// TestBarePaths: an address without its last part is no other one.
func TestBarePaths(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{})
	w.Run(t, []edgetest.Scenario{
		{Name: "no model", Method: http.MethodGet, Path: "/v1/models/", Status: http.StatusNotFound, Want: []string{"names no model"}},
		{Name: "no operation", Method: http.MethodGet, Path: "/v1", Status: http.StatusNotFound, Want: []string{`{"error":{`}},
		{Name: "no operation, the other mount", Method: http.MethodPost, Path: "/openai/v1", Status: http.StatusNotFound, Want: []string{`{"error":{`}},
	})
}

// TestCrookedPathsAreNotRedirected: a redirection would turn a POST into a GET
// and answer a program with HTML.
func TestCrookedPathsAreNotRedirected(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{})
	for path, want := range map[string]string{
		"/v1//chat/completions":       "Use /v1/chat/completions.",
		"/v1/x/../chat/completions":   "Use /v1/chat/completions.",
		"//v1/models":                 "Use /v1/models.",
		"/v1/agents//sessions/":       "Use /v1/agents/sessions.",
		"/anthropic//v1/messages":     "Use /anthropic/v1/messages.",
		"/admin/./v1/keys":            "Use /admin/v1/keys.",
		"/openai//v1/responses/resp_": "Use /openai/v1/responses/resp_.",
	} {
		r := httptest.NewRequest(http.MethodPost, "http://localhost"+path, strings.NewReader("{}"))
		answer := httptest.NewRecorder()
		w.Handler.ServeHTTP(answer, r)
		body := answer.Body.String()
		if answer.Code != http.StatusNotFound || !strings.Contains(body, want) || !strings.HasPrefix(body, "{") {
			t.Errorf("POST %s: %d %s", path, answer.Code, body)
		}
	}
}

// TestNamesMayHoldSlashes: a name that is escaped is one part of the path,
// whatever it holds.
func TestNamesMayHoldSlashes(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{})
	for _, path := range []string{"/v1/models/up%2Fa%2F%2Fb", "/v1/models/up%2F.%2Fb", "/v1/models/a%2F..%2Fb"} {
		r := httptest.NewRequest(http.MethodGet, "http://localhost"+path, nil)
		answer := httptest.NewRecorder()
		w.Handler.ServeHTTP(answer, r)
		if body := answer.Body.String(); answer.Code != http.StatusUnauthorized {
			t.Errorf("GET %s: %d %s", path, answer.Code, body)
		}
	}
}
