package edge_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/craton-ai/craton/internal/edge"
	"github.com/craton-ai/craton/internal/edge/edgetest"
	"github.com/craton-ai/craton/internal/identity"
)

// beta is the header that the Agents API wants.
var beta = map[string]string{"OpenAI-Beta": "agents=v1"}

// agentsCall is a scenario of the Agents API.
func agentsCall(name, method, path, body string, status int, want ...string) edgetest.Scenario {
	return edgetest.Scenario{Name: name, Method: method, Path: path, Body: body, Header: beta, Status: status, Want: want,
		WantHeader: map[string]string{"X-Request-Id": "*", "Content-Type": "application/json"}}
}

// parsed is an answer's JSON.
func parsed(t *testing.T, body string) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return v
}

// made creates a resource and returns it.
func made(t *testing.T, w *edgetest.World, path, body string) map[string]any {
	t.Helper()
	a := w.Do(t, &edgetest.Scenario{Method: http.MethodPost, Path: path, Body: body, Header: beta})
	if a.Status != http.StatusOK {
		t.Fatalf("%s gives %d: %s", path, a.Status, a.Body)
	}
	w.Advance(time.Second)
	return parsed(t, a.Body)
}

// wholeAgent has every setting there is.
const wholeAgent = `{"model":"small","name":"Helper","instructions":"Be kind.","metadata":{"team":"a"},
"multi_agent":{"enabled":true},"reasoning":{"effort":"low","summary":"auto"},"service_tier":"flex",
"text":{"format":{"type":"json_schema","schema":{"type":"object"}},"verbosity":"low"},
"compaction":{"async":false},"experimental":{"time_awareness":true},"unknown":{"kept":false},
"tools":[{"type":"function","name":"look","description":"Looks.","parameters":{"type":"object"},"async":true},
{"type":"tool_search"},{"type":"programmatic_tool_calling","enabled":false},
{"type":"mcp","server_label":"docs","transport":{"type":"http","server_url":"https://docs.example.com/mcp","headers":{"X-Team":"a"}},"credential_id":"cred_1","request_metadata":{"a":1}},
{"type":"mcp","server_label":"local","transport":{"type":"stdio","command":"serve","cwd":"/srv"},"connection_origin":"environment","required":true,"allowed_tools":["a"]},
{"type":"web_search","location":{"city":"Rome"}},{"type":"computer_use","include_screenshots":true},{"type":"automations"}]}`

// wholeTools are its tools as they are shown.
const wholeTools = `[{"type":"function","name":"look","description":"Looks.","parameters":{"type":"object"},"defer_loading":false,"async":true},
{"type":"tool_search"},{"type":"programmatic_tool_calling","enabled":false},
{"type":"mcp","server_label":"docs","transport":{"type":"http","server_url":"https://docs.example.com/mcp","headers":{"X-Team":"a"}},"allowed_tools":null,"connection_origin":"service","credential_id":"cred_1","request_metadata":{"a":1},"required":false},
{"type":"mcp","server_label":"local","transport":{"type":"stdio","command":"serve","cwd":"/srv","args":[],"env_vars":[]},"allowed_tools":["a"],"connection_origin":"environment","credential_id":null,"request_metadata":{},"required":true},
{"type":"web_search","mode":"live","context_size":"medium","allowed_domains":null,"location":{"city":"Rome","country":null,"region":null,"timezone":null}},
{"type":"computer_use","include_screenshots":true},{"type":"automations"}]`

func TestSavedAgents(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{})
	whole := made(t, w, "/v1/agents", wholeAgent)
	var tools any
	if err := json.Unmarshal([]byte(wholeTools), &tools); err != nil {
		t.Fatal(err)
	}
	start := float64(edgetest.Start.Unix())
	want := map[string]any{
		"id": whole["id"], "object": "agent", "created_at": start, "updated_at": start, "model": "small", "name": "Helper",
		"instructions": "Be kind.", "metadata": map[string]any{"team": "a"}, "service_tier": "flex", "tools": tools,
		"multi_agent": map[string]any{"enabled": true, "max_concurrent_subagents": 6.0},
		"reasoning":   map[string]any{"effort": "low", "summary": "auto"},
		"text":        map[string]any{"format": map[string]any{"type": "json_schema", "schema": map[string]any{"type": "object"}}, "verbosity": "low"},
		"compaction":  map[string]any{"async": false}, "experimental": map[string]any{"time_awareness": true},
	}
	if diff := cmp.Diff(want, whole); diff != "" {
		t.Errorf("the agent differs (-want +got):\n%s", diff)
	}
	path := "/v1/agents/" + whole["id"].(string)
	w.Run(t, []edgetest.Scenario{
		agentsCall("read again", "GET", path, "", 200, whole["id"].(string), "docs.example.com"),
		agentsCall("a change of nothing", "POST", path, `{}`, 200, `"flex"`, `"Be kind."`, `"time_awareness":true`),
		agentsCall("a change of one field", "POST", path, `{"experimental":{},"name":"Other"}`, 200, `"Other"`, `"time_awareness":true`, `"team":"a"`),
		agentsCall("defaults again", "POST", path,
			`{"name":null,"instructions":null,"metadata":null,"multi_agent":null,"reasoning":null,"service_tier":null,"text":null,"tools":null,"compaction":null,"experimental":{"time_awareness":null}}`,
			200, `"name":null`, `"instructions":null`, `"metadata":{}`, `"max_concurrent_subagents":null`, `"effort":null`, `"service_tier":"auto"`,
			`{"type":"text"}`, `"verbosity":"medium"`, `"tools":[]`, `"async":true`, `"time_awareness":false`, `"model":"small"`),
		agentsCall("deleted", "DELETE", path, "", 200, `"deleted":true`, `"agent.deleted"`),
		agentsCall("deleted twice", "DELETE", path, "", 404, "not_found_error"),
		agentsCall("gone", "GET", path, "", 404, "No such agent"),
		agentsCall("changed when gone", "POST", path, `{}`, 404, "No such agent"),
		agentsCall("the least", "POST", "/openai/v1/agents", `{"model":"m"}`, 200, `"name":null`, `"tools":[]`, `"enabled":false`),
	})
}

func TestSavedAgentsAreListed(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{})
	var ids []string
	for _, model := range []string{"a", "b", "c"} {
		ids = append(ids, made(t, w, "/v1/agents", `{"model":"`+model+`"}`)["id"].(string))
	}
	get := func(query string) (got []string, more bool, cursor any) {
		t.Helper()
		a := w.Do(t, &edgetest.Scenario{Method: "GET", Path: "/v1/agents" + query, Header: beta})
		page := parsed(t, a.Body)
		for _, one := range page["data"].([]any) {
			got = append(got, one.(map[string]any)["id"].(string))
		}
		return got, page["has_more"].(bool), page["last_id"]
	}
	first, more, cursor := get("?limit=2")
	if diff := cmp.Diff([]string{ids[2], ids[1]}, first); diff != "" || !more || cursor != ids[1] {
		t.Errorf("the first page: %v, more %v, cursor %v", first, more, cursor)
	}
	if rest, more, _ := get("?limit=2&after=" + ids[1]); len(rest) != 1 || rest[0] != ids[0] || more {
		t.Errorf("the second page: %v, more %v", rest, more)
	}
	if all, _, _ := get("?order=asc"); !cmp.Equal(all, ids) {
		t.Errorf("the oldest first: %v", all)
	}
	if none, more, cursor := get("?after=" + ids[0]); none != nil || more || cursor != nil {
		t.Errorf("after the last one: %v, %v, %v", none, more, cursor)
	}
	strict := agentsCall("unknown members where none may be lost", "POST", "/v1/agents", `{"model":"small","temprature":1}`, 400, "Unknown parameter: 'temprature'")
	strict.Header = map[string]string{edge.StrictHeader: "true"}
	maps.Copy(strict.Header, beta)
	w.Run(t, []edgetest.Scenario{strict})
	w.Run(t, []edgetest.Scenario{agentsCall("no page that long", "GET", "/v1/agents?limit=101", "", 400, `"param":"limit"`)})
}

// TestAgentsAreRefused asks for agents in ways that must not be.
func TestAgentsAreRefused(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{})
	w.AddKey(t, "auditor", identity.KeySpec{TenantID: w.Root.ID, Roles: []identity.Role{identity.Auditor}})
	path := "/v1/agents/" + made(t, w, "/v1/agents", `{"model":"m"}`)["id"].(string)
	with := func(s edgetest.Scenario, edit func(*edgetest.Scenario)) edgetest.Scenario {
		edit(&s)
		return s
	}
	as := func(s edgetest.Scenario, key string) edgetest.Scenario { s.As = key; return s }
	w.Run(t, []edgetest.Scenario{
		with(agentsCall("no beta", "GET", "/v1/agents", "", 400, `"code":"invalid_beta"`), func(s *edgetest.Scenario) { s.Header = nil }),
		with(agentsCall("another beta", "GET", "/v1/agents", "", 400, "invalid_beta"), func(s *edgetest.Scenario) {
			s.Header = map[string]string{"OpenAI-Beta": "agents=v2, assistants=v2"}
		}),
		with(agentsCall("several betas", "GET", "/v1/agents", "", 200), func(s *edgetest.Scenario) {
			s.Header = map[string]string{"OpenAI-Beta": "assistants=v2, agents=v1"}
		}),
		as(agentsCall("nobody", "GET", path, "", 401, "unauthorized"), edgetest.Nobody),
		as(agentsCall("another tenant reads", "GET", path, "", 404, "No such agent"), "other"),
		as(agentsCall("another tenant changes", "POST", path, `{}`, 404, "No such agent"), "other"),
		as(agentsCall("another tenant deletes", "DELETE", path, "", 404, "No such agent"), "other"),
		as(agentsCall("an auditor reads", "GET", path, "", 200), "auditor"),
		as(agentsCall("an auditor changes", "POST", path, `{}`, 403, "forbidden"), "auditor"),
		agentsCall("no model", "POST", "/v1/agents", `{}`, 400, `"param":"model"`),
		agentsCall("no JSON", "POST", "/v1/agents", `{`, 400, "invalid_request_error"),
		agentsCall("a model of nothing", "POST", path, `{"model":""}`, 400, `"param":"model"`),
		agentsCall("automations", "GET", "/v1/agents/automations", "", 400, "automations"),
		agentsCall("an automation", "POST", "/v1/agents/automations/a/pause", "", 400, "automations"),
		{Name: "signed for Managed Agents", Method: "GET", Path: "/openai/v1/agents", As: "aws", Sign: &edgetest.Signing{Service: "bedrock-mantle"}},
		{Name: "signed for another service", Method: "GET", Path: "/openai/v1/agents", As: "aws", Status: 401, Want: []string{"unauthorized"}},
		{Name: "signed and unknown members", Method: "POST", Path: "/openai/v1/agents", As: "aws", Sign: &edgetest.Signing{Service: "bedrock-mantle"},
			Body: `{"model":"m","temper":1}`, Status: 400, Want: []string{"Unknown parameter: 'temper'"}},
	})
	if list := w.Do(t, &edgetest.Scenario{Method: "GET", Path: "/v1/agents", Header: beta, As: "other"}); !strings.Contains(list.Body, `"data":[]`) {
		t.Errorf("another tenant lists %s", list.Body)
	}
}
