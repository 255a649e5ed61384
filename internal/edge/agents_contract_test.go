package edge_test

import (
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"github.com/craton-ai/craton/internal/edge/edgetest"
)

// TestRequiredMembers: what the contract says is always there is there, though
// there is nothing to say.
func TestRequiredMembers(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{Drive: true})
	own := made(t, w, "/v1/agents/sessions", `{"agent":{"model":"m"},"environment":{"type":"self_hosted","workspace_directory":"/work"}}`)
	if url, there := own["environment"].(map[string]any)["remote_url"]; !there || url != "" {
		t.Errorf("the environment has the address %v", url)
	}
	none := made(t, w, "/v1/agents/sessions", `{"agent":{"model":"m"},"environment":{"type":"none"},"input":"hello"}`)
	if _, there := none["environment"].(map[string]any)["remote_url"]; there {
		t.Errorf("no environment has an address: %v", none["environment"])
	}
	turn := w.Do(t, &edgetest.Scenario{Method: "POST", Path: "/v1/agents/sessions", Header: beta, Body: `{"stream":true,"input":"say hello",
"agent":{"model":"script/script-chat","reasoning":{"effort":"low","summary":"auto"}},"environment":{"type":"none"}}`})
	parts := 0
	for _, event := range data(turn.Body) {
		status := gjson.Get(event, "status")
		switch gjson.Get(event, "type").Str {
		case "agent.session.turn.reasoning_summary_part.done":
			if parts++; !status.Exists() || status.Type != gjson.Null || gjson.Get(event, "part.text").Str == "" {
				t.Errorf("a piece of a summary is done: %s", event)
			}
		case "agent.session.turn.reasoning_summary_part.added":
			if status.Exists() {
				t.Errorf("a piece of a summary begins: %s", event)
			}
		}
	}
	if parts != 1 {
		t.Errorf("%d pieces of a summary are done in:\n%s", parts, turn.Body)
	}
}

// TestEnvironmentsOfUnknownVaults are refused, as sessions of them are.
func TestEnvironmentsOfUnknownVaults(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{})
	known := made(t, w, "/v1/vaults", `{}`)["id"].(string)
	with := func(vault string) string {
		return strings.Replace(ownMachine, `}}`, `},"vault_ids":["`+vault+`"]}`, 1)
	}
	made(t, w, "/v1/agents/environments", with(known))
	w.Run(t, []edgetest.Scenario{agentsCall("unknown", "POST", "/v1/agents/environments", with("vault_none"), 404, "vault_none")})
}

// TestCursorsThatAreNone are told by the parameter they came in.
func TestCursorsThatAreNone(t *testing.T) {
	t.Parallel()
	w, _ := sessionsWorld(t)
	path := "/v1/agents/sessions/" + made(t, w, "/v1/agents/sessions", `{"agent":{"model":"m"},"environment":{"type":"self_hosted","workspace_directory":"/work"}}`)["id"].(string) + "/events"
	header := agentsCall("a header", "GET", path, "", 400, `"param":"Last-Event-ID"`)
	header.Header = map[string]string{"OpenAI-Beta": "agents=v1", "Last-Event-ID": "x"}
	later := agentsCall("an event that is not there", "GET", path, "", 400, `"param":"Last-Event-ID"`)
	later.Header = map[string]string{"OpenAI-Beta": "agents=v1", "Last-Event-ID": "999-0-1"}
	w.Run(t, []edgetest.Scenario{header, later, agentsCall("a query", "GET", path+"?starting_after=x", "", 400, `"param":"starting_after"`)})
}
