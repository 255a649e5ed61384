package edge_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/edge"
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

// TestRefusalsAreLogged tells the operator of requests that no contract served.
func TestRefusalsAreLogged(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{Edge: func(o *edge.Options) { o.Instance = "here" }})
	for _, c := range []struct {
		host, path, loop string
		status           int
	}{
		{"evil.example", "/v1/models", "", http.StatusMisdirectedRequest},
		{"evil.example", "/anthropic/v1/models", "", http.StatusMisdirectedRequest},
		{"evil.example", "/model/x/converse", "", http.StatusMisdirectedRequest},
		{"localhost", "/v1//models", "", http.StatusNotFound},
		{"localhost", "/nothing", "", http.StatusNotFound},
		{"localhost", "/v1/models%ff", "", http.StatusBadRequest},
		{"localhost", "/v1/models", "here", http.StatusLoopDetected},
	} {
		r := httptest.NewRequest(http.MethodGet, "http://"+c.host+c.path, nil)
		if c.loop != "" {
			r.Header.Set(edge.HopHeader, c.loop)
		}
		answer := httptest.NewRecorder()
		w.Handler.ServeHTTP(answer, r)
		told, logged := w.Access(answer.Header().Get("X-Request-Id"))
		if answer.Code != c.status || !logged || told.Status != c.status || told.Path != r.URL.Path || told.Bytes != int64(answer.Body.Len()) || told.Err == nil {
			t.Errorf("%s%s: status %d, logged (%t) as %+v", c.host, c.path, answer.Code, logged, told)
		}
	}
}
