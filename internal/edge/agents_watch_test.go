package edge_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/craton-ai/craton/internal/edge"
	"github.com/craton-ai/craton/internal/edge/edgetest"
)

// TestReadersLeaveRoom: who follows sessions may not keep everybody else out.
func TestReadersLeaveRoom(t *testing.T) {
	t.Parallel()
	w, _ := sessionsWorld(t, func(o *edge.Options) { o.MaxConcurrent = 4 })
	id := made(t, w, "/v1/agents/sessions", `{"agent":{"model":"m"},"environment":{"type":"self_hosted","workspace_directory":"/work"}}`)["id"].(string)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	follow := &edgetest.Scenario{Method: http.MethodGet, Path: "/v1/agents/sessions/" + id + "/events", Header: beta}
	for range 2 {
		resp, err := w.Server.Client().Do(w.Request(t, follow).WithContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("a reader is answered %d", resp.StatusCode)
		}
	}
	w.Run(t, []edgetest.Scenario{
		agentsCall("one reader too many", "GET", follow.Path, "", 503, "limits.max_concurrent"),
		agentsCall("a session that would be followed", "POST", "/v1/agents/sessions", `{"agent":{"model":"m"},"input":"x","stream":true,"environment":{"type":"none"}}`, 503, "follow sessions"),
		agentsCall("others", "GET", "/v1/agents/sessions", "", 200, `"first_id":"`+id+`","last_id":"`+id+`"`),
	})
	leave()
	edgetest.Eventually(t, "room again", func() bool { return w.Handler.InFlight() == 0 })
}
