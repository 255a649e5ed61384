package edge_test

import (
	"net/http"
	"testing"

	"github.com/craton-ai/craton/internal/edge/edgetest"
)

// TestAdminSessionsTellTheirKind tells sessions of agents from those that make
// responses.
func TestAdminSessionsTellTheirKind(t *testing.T) {
	t.Parallel()
	w, _ := sessionsWorld(t)
	list := edgetest.Scenario{Method: http.MethodGet, Path: "/admin/v1/sessions", Status: http.StatusOK}
	one, both := list, list
	one.Name, one.Want, one.Not = "an agent", []string{`"kind":"agent"`}, []string{`"kind":"response"`}
	both.Name, both.Want = "and a response", []string{`"kind":"agent"`, `"kind":"response"`}
	w.Run(t, []edgetest.Scenario{
		{Name: "agent", Method: http.MethodPost, Path: "/v1/agents/sessions", Header: map[string]string{"OpenAI-Beta": "agents=v1"},
			Status: http.StatusOK, Body: `{"agent":{"model":"m"},"environment":{"type":"none"},"input":"Hello"}`},
		one,
		{Name: "response", Method: http.MethodPost, Path: "/v1/responses", Status: http.StatusOK, Body: `{"model":"script/script-chat","input":"Hello","background":true}`},
		both,
	})
}
