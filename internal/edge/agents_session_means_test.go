package edge_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/edge"
	"github.com/craton-ai/craton/internal/edge/edgetest"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/store/mem"
)

// mute is a model that is never asked.
type mute struct{}

func (mute) Ask(context.Context, driver.Asker, *model.Request) (*driver.Answer, error) {
	return nil, errors.New("nobody may ask")
}

// sessionsWorld is a World whose sessions are kept and not run.
func sessionsWorld(t *testing.T, options ...func(*edge.Options)) (w *edgetest.World, sessions *driver.Sessions) {
	t.Helper()
	store := mem.New()
	w = edgetest.New(t, edgetest.Options{Edge: func(o *edge.Options) {
		journal, err := session.New(session.Config{Store: store, Now: o.Now, Random: rand.Reader,
			ContentKey: func(context.Context, string) ([]byte, error) { return make([]byte, 32), nil }})
		if err != nil {
			t.Fatal(err)
		}
		d, err := driver.New(driver.Config{Store: driver.Store{Journals: store, Leases: store, Snapshots: store, Buffer: store, Index: store},
			Journal: journal, Models: mute{}, Node: "node", Now: o.Now, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		sessions = d.Sessions()
		o.Sessions = sessions
		for _, option := range options {
			option(o)
		}
	}})
	return w, sessions
}

const secretSession = `{"agent":{"model":"m","tools":[
{"type":"mcp","server_label":"a","transport":{"type":"http","server_url":"https://a.example.com/mcp","authorization":"Bearer swordfish"}},
{"type":"mcp","server_label":"b","transport":{"type":"http","server_url":"https://b.example.com/mcp","headers":{"X-Token":"swordfish"}}},
{"type":"mcp","server_label":"c","transport":{"type":"http","server_url":"https://c.example.com/mcp","headers":{"X-Team":"a"}},"credential_id":"cred_1"}]},
"environment":{"type":"self_hosted","workspace_directory":"/work"}}`

// TestSessionsHoldNoSecrets gives servers of a session headers of every kind.
func TestSessionsHoldNoSecrets(t *testing.T) {
	t.Parallel()
	w, sessions := sessionsWorld(t)
	held := made(t, w, "/v1/vaults", `{}`)["id"].(string)
	credential := made(t, w, "/v1/vaults/"+held+"/credentials", `{"name":"c","auth":{"type":"static_bearer","mcp_server_url":"https://c.example.com/mcp","token":"t"}}`)["id"].(string)
	made := made(t, w, "/v1/agents/sessions", strings.NewReplacer("cred_1", credential, `"environment"`, `"vault_ids":["`+held+`"],"environment"`).Replace(secretSession))
	id := made["id"].(string)
	view, err := sessions.Get(t.Context(), w.Root.ID, id)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := json.Marshal(view.State.Settings.Definition)
	if err != nil || strings.Contains(string(kept), "swordfish") {
		t.Errorf("the session keeps %s, %v", kept, err)
	}
	tools := view.State.Settings.Definition.Tools
	if tools[0].Server.Credential == "" || tools[1].Server.Credential == "" || tools[2].Server.Credential != credential || tools[2].Server.Headers["X-Team"] != "a" {
		t.Errorf("the servers are %s", kept)
	}
	shown := agentsCall("shown", "GET", "/v1/agents/sessions/"+id, "", 200, `"server_label":"b"`)
	shown.Not = []string{"swordfish", "X-Team", "headers"}
	stdio := strings.Replace(`{"agent":{"model":"m","tools":[{"type":"mcp","server_label":"s","transport":{"type":"stdio","command":"c","cwd":"/c","env":{"A":"swordfish"}}}]},ENV}`,
		"ENV", `"environment":{"type":"self_hosted","workspace_directory":"/work"}`, 1)
	both := strings.Replace(secretSession, `"X-Team":"a"`, `"Cookie":"swordfish"`, 1)
	w.Run(t, []edgetest.Scenario{shown,
		agentsCall("variables of a process", "POST", "/v1/agents/sessions", stdio, 400, "env_vars"),
		agentsCall("two credentials", "POST", "/v1/agents/sessions", both, 400, "credential_id"),
		agentsCall("a credential of no vault", "POST", "/v1/agents/sessions", secretSession, 400, `"param":"credential_id"`, "cred_1"),
		agentsCall("one that was sealed", "POST", "/v1/agents/sessions", strings.ReplaceAll(secretSession, "cred_1", id+".64cfd5"), 400, `"param":"credential_id"`),
	})
}

// TestSessionsHaveEnvironments follows the environment of a session from its
// creation to its end.
func TestSessionsHaveEnvironments(t *testing.T) {
	t.Parallel()
	w, _ := sessionsWorld(t)
	const body = `{"agent":{"model":"m"},"environment":{"type":"self_hosted","workspace_directory":"/work"}}`
	create := &edgetest.Scenario{Method: "POST", Path: "/v1/agents/sessions", Body: body, Header: map[string]string{"OpenAI-Beta": "agents=v1", "Idempotency-Key": "k"}}
	made := parsed(t, w.Do(t, create).Body)
	again := parsed(t, w.Do(t, create).Body)
	env := made["environment"].(map[string]any)["id"].(string)
	if got := again["environment"].(map[string]any)["id"]; got != env {
		t.Errorf("asked again, the environment is %v, not %s", got, env)
	}
	path := "/v1/agents/environments/" + env
	w.Run(t, []edgetest.Scenario{
		agentsCall("one is kept", "GET", "/v1/agents/environments?type=self_hosted&limit=1", "", 200, env, `"has_more":false`),
		agentsCall("it waits", "GET", path, "", 200, `"pending"`),
		agentsCall("it takes files", "POST", path+"/files", `{"type":"inline","path":"/work/a","data":"aGVsbG8="}`, 200, `"size_bytes":5`),
		agentsCall("the session ends", "DELETE", "/v1/agents/sessions/"+made["id"].(string), "", 200, `"deleted":true`),
		agentsCall("and its environment", "GET", path, "", 404, "No such environment"),
		agentsCall("no session, no environment", "POST", "/v1/agents/sessions", strings.Replace(body, `"model":"m"`, `"model":"m","tools":7`, 1), 400, `"param":"agent.tools"`),
		agentsCall("none is left", "GET", "/v1/agents/environments?type=self_hosted", "", 200, `"data":[]`),
	})
}
