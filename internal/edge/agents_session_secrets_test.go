package edge_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/edge/edgetest"
)

// TestSecretsEndWithTheirUse follows what is sealed for sessions: through
// requests that come again, that fail, that replace tools, through forks and to
// the end.
func TestSecretsEndWithTheirUse(t *testing.T) {
	t.Parallel()
	w, sessions := sessionsWorld(t)
	ask := func(method, path, key, body string, status int) string {
		t.Helper()
		header := map[string]string{"OpenAI-Beta": "agents=v1"}
		if key != "" {
			header["Idempotency-Key"] = key
		}
		a := w.Do(t, &edgetest.Scenario{Method: method, Path: path, Body: body, Header: header})
		if a.Status != status {
			t.Fatalf("%s %s gives %d: %s", method, path, a.Status, a.Body)
		}
		return a.Body
	}
	kept := func(when string, want int) {
		t.Helper()
		docs, err := w.Store.List(t.Context(), document.Query{Tenant: w.Root.ID, Kind: "vault.inline"})
		if err != nil || len(docs) != want {
			t.Errorf("%s: %d secrets are kept, want %d, %v", when, len(docs), want, err)
		}
	}
	tools := func(n int) string {
		return fmt.Sprintf(`[{"type":"mcp","server_label":"a","transport":{"type":"http","server_url":"https://a.example.com/%d","authorization":"Bearer swordfish"}}]`, n)
	}
	const root = "/v1/agents/sessions"
	create := `{"agent":{"model":"m","tools":` + tools(1) + `},"environment":{"type":"self_hosted","workspace_directory":"/work"}}`
	ask(http.MethodPost, root, "", strings.Replace(create, `"environment"`, `"vault_ids":["vault_none"],"environment"`, 1), 404)
	kept("a creation that fails", 0)
	id := parsed(t, ask(http.MethodPost, root, "k", create, 200))["id"].(string)
	if again := parsed(t, ask(http.MethodPost, root, "k", create, 200))["id"]; again != id {
		t.Errorf("asked again, the session is %v, not %s", again, id)
	}
	kept("a creation that came twice", 1)
	ask(http.MethodPost, root+"/"+id, "u", `{"agent":{"tools":`+tools(2)+`}}`, 200)
	ask(http.MethodPost, root+"/"+id, "u", `{"agent":{"tools":`+tools(2)+`}}`, 200)
	kept("an update that came twice", 1)
	fork, err := sessions.Fork(t.Context(), w.Root.ID, id, 0, agent.Forked{})
	if err != nil {
		t.Fatal(err)
	}
	ask(http.MethodPost, root+"/"+id, "", `{"agent":{"tools":`+tools(3)+`}}`, 200)
	kept("an update beside a fork", 2)
	ask(http.MethodPost, root+"/"+fork.State.Session, "", `{"agent":{"tools":`+tools(4)+`}}`, 200)
	kept("the fork's own", 3)
	ask(http.MethodDelete, root+"/"+fork.State.Session, "", "", 200)
	kept("without the fork", 2)
	ask(http.MethodDelete, root+"/"+id, "", "", 200)
	kept("the end", 0)
}
