package edge_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/craton-ai/craton/internal/edge/edgetest"
)

const ownMachine = `{"environment":{"type":"self_hosted","workspace_directory":"/work"}}`

func TestEnvironments(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{})
	env := made(t, w, "/v1/agents/environments", ownMachine)
	want := map[string]any{"id": env["id"], "object": "agent.environment", "type": "self_hosted", "status": "pending",
		"files": []any{}, "plugins": []any{}, "skills": []any{}}
	if diff := cmp.Diff(want, env); diff != "" {
		t.Errorf("the environment differs (-want +got):\n%s", diff)
	}
	id := env["id"].(string)
	once := func(name, body, as string, status int, want ...string) edgetest.Scenario {
		s := agentsCall(name, "POST", "/v1/agents/environments", body, status, want...)
		s.As, s.Header = as, map[string]string{"OpenAI-Beta": "agents=v1", "Idempotency-Key": "k"}
		return s
	}
	conflict := once("the key for another one", strings.Replace(ownMachine, "/work", "/else", 1), "", 409, `"code":"idempotency_conflict"`)
	conflict.WantHeader["X-Should-Retry"] = "false"
	first := w.Do(t, &edgetest.Scenario{Method: "POST", Path: "/v1/agents/environments", Body: ownMachine,
		Header: map[string]string{"OpenAI-Beta": "agents=v1", "Idempotency-Key": "k"}})
	w.Run(t, []edgetest.Scenario{
		once("again", ownMachine, "", 200, parsed(t, first.Body)["id"].(string)), conflict,
		agentsCall("read again", "GET", "/v1/agents/environments/"+id, "", 200, id),
		agentsCall("unknown", "GET", "/v1/agents/environments/env_none", "", 404, "No such environment"),
		agentsCall("hosted ones", "GET", "/v1/agents/environments", "", 200, `"data":[]`, `"has_more":false`, `"first_id":null`),
		agentsCall("one's own", "GET", "/v1/agents/environments?type=self_hosted&limit=1", "", 200, `"has_more":true`),
		agentsCall("others", "GET", "/v1/agents/environments?type=none", "", 400, `"param":"type"`),
		agentsCall("a hosted one", "POST", "/v1/agents/environments", `{"environment":{"type":"openai_hosted"}}`, 400,
			"no sandboxes yet", `"param":"environment.type"`, "invalid_request_error"),
		agentsCall("none", "POST", "/v1/agents/environments", `{"environment":{"type":"none"}}`, 400, `"param":"environment.type"`),
		agentsCall("too many vaults", "POST", "/v1/agents/environments",
			`{"environment":{"type":"openai_hosted"},"vault_ids":["1","2","3","4","5","6","7","8","9","10","11"]}`, 400, `"param":"vault_ids"`),
	})
}

func TestEnvironmentFiles(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{})
	files := "/v1/agents/environments/" + made(t, w, "/v1/agents/environments", ownMachine)["id"].(string) + "/files"
	inline := func(path, content string) string {
		return `{"type":"inline","path":"` + path + `","data":"` + base64.StdEncoding.EncodeToString([]byte(content)) + `"}`
	}
	for _, path := range []string{"/work/b", "/work/a", "/work/c/d"} {
		made(t, w, files, inline(path, "hello"))
	}
	page := parsed(t, w.Do(t, &edgetest.Scenario{Method: "GET", Path: files + "?limit=2", Header: beta}).Body)
	if diff := cmp.Diff(map[string]any{"object": "page", "has_more": true, "next": page["next"], "data": page["data"]}, page); diff != "" {
		t.Error(diff)
	}
	next := page["next"].(string)
	alien := agentsCall("another tenant writes", "POST", files, inline("/work/x", "x"), 404, "No such environment")
	alien.As = "other"
	aliens := agentsCall("another tenant lists", "GET", files, "", 404, "No such environment")
	aliens.As = "other"
	w.Run(t, []edgetest.Scenario{
		agentsCall("the first page", "GET", files+"?limit=2", "", 200, `"/work/c/d"`, `"/work/b"`, `"size_bytes":5`, `"agent.environment.file"`),
		agentsCall("the next page", "GET", files+"?limit=2&page="+next, "", 200, `"/work/a"`, `"next":null`, `"has_more":false`),
		agentsCall("a directory", "GET", files+"?path=/work/c", "", 200, `"/work/c/d"`, `"next":null`),
		agentsCall("a token of another order", "GET", files+"?order=asc&page="+next, "", 400, `"param":"page"`),
		agentsCall("outside", "POST", files, inline("/etc/passwd", "x"), 400, `"param":"path"`, "below /work"),
		agentsCall("climbing out", "POST", files, inline("/work/../etc/passwd", "x"), 400, `"param":"path"`),
		agentsCall("an upload that is not there", "POST", files, `{"type":"file_id","file_id":"file-none","path":"/work/u"}`, 404, "file-none"),
		agentsCall("no such environment", "POST", "/v1/agents/environments/env_none/files", inline("/work/a", "x"), 404, "env_none"),
		alien, aliens,
	})
}

const wholeTemplate = `{"name":"base","capability_directories":["/workspace/skills"],"desktop":{"enabled":true},"env":{"TOKEN":"swordfish"},
"files":[{"type":"inline","path":"/workspace/f","data":"c3dvcmRmaXNo"},{"type":"file_id","path":"/workspace/u","file_id":"file-1"}],
"network":{"access":"restricted","blocked_domains":["swordfish.example.com"]},"packages":{"npm":["left-pad"],"python":["six"]},
"plugins":[{"type":"inline","name":"p","description":"d","source":{"type":"base64","media_type":"application/zip","data":"c3dvcmRmaXNo"}}],
"setup_commands":[{"command":"echo swordfish","cwd":"/workspace"}],
"skills":[{"type":"skill_reference","skill_id":"sk_1"},{"type":"skill_reference","skill_id":"sk_2","version":"3"},
{"type":"inline","name":"s","description":"","source":{"type":"base64","media_type":"application/zip","data":"c3dvcmRmaXNo"}}]}`

func TestTemplates(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{})
	tmpl := made(t, w, "/v1/agents/environments/templates", wholeTemplate)
	start := float64(edgetest.Start.Unix())
	want := map[string]any{
		"id": tmpl["id"], "object": "agent.environment.template", "created_at": start, "updated_at": start, "name": "base",
		"capability_directories": []any{"/workspace/skills"}, "desktop": map[string]any{"enabled": true},
		"files": []any{map[string]any{"type": "inline", "path": "/workspace/f", "size_bytes": 9.0},
			map[string]any{"type": "file_id", "path": "/workspace/u", "file_id": "file-1"}},
		"network":  map[string]any{"access": "restricted", "allowed_domains": []any{}},
		"packages": map[string]any{"npm": []any{"left-pad"}, "python": []any{"six"}, "system": []any{}},
		"plugins":  []any{map[string]any{"type": "inline", "name": "p", "description": "d"}},
		"skills": []any{map[string]any{"type": "skill_reference", "skill_id": "sk_1", "version": nil},
			map[string]any{"type": "skill_reference", "skill_id": "sk_2", "version": "3"},
			map[string]any{"type": "inline", "name": "s", "description": ""}},
	}
	if diff := cmp.Diff(want, tmpl); diff != "" {
		t.Errorf("the template differs (-want +got):\n%s", diff)
	}
	path := "/v1/agents/environments/templates/" + tmpl["id"].(string)
	shows := func(s edgetest.Scenario) edgetest.Scenario {
		s.Not = []string{"swordfish", "c3dvcmRmaXNo", "setup_commands", `"env"`}
		return s
	}
	alien := agentsCall("another tenant's", "GET", path, "", 404, "No such environment template")
	alien.As = "other"
	w.Run(t, []edgetest.Scenario{
		shows(agentsCall("read again", "GET", path, "", 200, `"base"`)),
		shows(agentsCall("listed", "GET", "/v1/agents/environments/templates", "", 200, `"base"`, `"has_more":false`)),
		shows(agentsCall("one change", "POST", path, `{"env":{"TOKEN":"swordfish2"}}`, 200, `"base"`, `"left-pad"`, `"/workspace/f"`)),
		shows(agentsCall("defaults again", "POST", path, `{"name":null,"network":null,"desktop":null,"files":null,"skills":[],"packages":{},"plugins":null,"capability_directories":null}`,
			200, `"name":null`, `"access":"disabled"`, `"enabled":false`, `"files":[]`, `"skills":[]`, `"npm":[]`, `"plugins":[]`, `"capability_directories":[]`)),
		agentsCall("a wrong path", "POST", path, `{"files":[{"type":"inline","path":"/tmp/x","data":""}]}`, 400, `"param":"files[0].path"`),
		agentsCall("a path twice", "POST", path, `{"files":[{"type":"inline","path":"/workspace/x","data":""},{"type":"inline","path":"/workspace/x","data":""}]}`, 400, `"param":"files"`),
		alien,
		agentsCall("deleted", "DELETE", path, "", 200, `"agent.environment.template.deleted"`, `"deleted":true`),
		agentsCall("gone", "GET", path, "", 404, "not_found_error"),
		agentsCall("the least", "POST", "/v1/agents/environments/templates", `{}`, 200, `"name":null`),
	})
}
