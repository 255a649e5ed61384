package edge_test

import (
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/edge/edgetest"
)

// TestSessionsThatDoNotBegin asks for agents that nobody saved and servers that
// do not answer.
func TestSessionsThatDoNotBegin(t *testing.T) {
	t.Parallel()
	w, _ := sessionsWorld(t)
	own := made(t, w, "/v1/agents/sessions", `{"agent":{"model":"m"},"environment":{"type":"self_hosted","workspace_directory":"/w"}}`)["agent"].(map[string]any)["id"].(string)
	saved := func(id string) string {
		return `{"agent_id":"` + id + `","environment":{"type":"self_hosted","workspace_directory":"/w"}}`
	}
	const server = `{"agent":{"model":"m","tools":[{"type":"mcp","server_label":"a","required":true,
		"transport":{"type":"http","server_url":"https://a.example.com/mcp"}}]},"environment":{"type":"self_hosted","workspace_directory":"/w"}}`
	inside := strings.NewReplacer(`"required":true`, `"connection_origin":"environment"`).Replace(server)
	kept := made(t, w, "/v1/agents", `{"model":"m","tools":[{"type":"mcp","server_label":"a","connection_origin":"environment",
		"transport":{"type":"http","server_url":"https://a.example.com/mcp"}}]}`)["id"].(string)
	w.Run(t, []edgetest.Scenario{
		agentsCall("a server inside an environment", "POST", "/v1/agents/sessions", inside, 400, "'a'", "environment"),
		agentsCall("one of a saved agent", "POST", "/v1/agents/sessions", saved(kept), 400, "'a'", "environment"),
		agentsCall("a session's own agent", "POST", "/v1/agents/sessions", saved(own), 400, `"agent_not_persisted"`),
		agentsCall("nobody", "POST", "/v1/agents/sessions", saved("agent_nobody"), 404, `"not_found_error"`),
		agentsCall("a server that is required", "POST", "/v1/agents/sessions", server, 424, `"mcp_server_startup_failed"`, "'a'"),
	})
}

// TestSessionsOfAmazon shows the role that Amazon's clients name.
func TestSessionsOfAmazon(t *testing.T) {
	t.Parallel()
	w, _ := sessionsWorld(t)
	const body = `{"agent":{"model":"m"},"environment":{"type":"self_hosted","workspace_directory":"/w"},"role_arn":"arn:aws:iam::111122223333:role/a"}`
	amazon := agentsCall("a role", "POST", "/openai/v1/agents/sessions", body, 200, `"role_arn":"arn:aws:iam::111122223333:role/a"`)
	amazon.As, amazon.Sign = "aws", &edgetest.Signing{Service: "bedrock-mantle"}
	other := agentsCall("no role", "POST", "/v1/agents/sessions", body, 200)
	other.Not = []string{"role_arn"}
	w.Run(t, []edgetest.Scenario{amazon, other})
}
