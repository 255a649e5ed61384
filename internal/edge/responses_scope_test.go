package edge_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/edge/edgetest"
	"github.com/craton-ai/craton/internal/identity"
)

// TestStoredResponsesNeedTheirScopes asks with keys that may only call models,
// and read sessions besides.
func TestStoredResponsesNeedTheirScopes(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{})
	w.AddKey(t, "models", identity.KeySpec{Scopes: []identity.Scope{"model:*"}})
	w.AddKey(t, "reader", identity.KeySpec{Scopes: []identity.Scope{"model:*", "session:read"}})
	kept := say("", "My name is Ada.", "", false)
	first := id(t, w.Do(t, &kept))
	ask := func(name, as, members string, status int, want ...string) edgetest.Scenario {
		return edgetest.Scenario{Name: name, Method: http.MethodPost, Path: "/v1/responses", As: as, Status: status, Want: want,
			Body: `{"model":"script/script-chat","input":"What is my name?"` + members + `}`}
	}
	previous := `,"previous_response_id":"` + first + `"`
	w.Run(t, []edgetest.Scenario{
		ask("storing", "models", `,"store":true`, 403, "session:write"),
		ask("storing by default", "models", "", 200, `"store":false`),
		ask("continuing", "models", previous, 403, "session:read"),
		ask("continuing without storing", "models", previous+`,"store":false`, 403, "session:read"),
		ask("reading", "reader", previous, 200, `"store":false`),
		ask("reading and storing", "reader", previous+`,"store":true`, 403, "session:write"),
		ask("an ordinary key", "", previous+`,"store":true`, 200, `"store":true`),
	})
	by := ask("", "models", "", 200)
	unkept := id(t, w.Do(t, &by))
	if got := w.Do(t, &edgetest.Scenario{Method: http.MethodGet, Path: "/v1/responses/" + unkept}); got.Status != 404 || !strings.Contains(got.Body, "not found") {
		t.Errorf("a response that nobody could store is there: %d %s", got.Status, got.Body)
	}
}
