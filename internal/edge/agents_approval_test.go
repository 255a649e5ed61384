package edge_test

import (
	"net/http"
	"testing"

	"github.com/craton-ai/craton/internal/edge"
	"github.com/craton-ai/craton/internal/edge/edgetest"
	"github.com/craton-ai/craton/internal/identity"
)

func TestApprovalsTakeTwo(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{Drive: true, Edge: func(o *edge.Options) { o.BarSelfApproval = true }})
	w.AddKey(t, "approver", identity.KeySpec{TenantID: w.Root.ID, Roles: []identity.Role{identity.Approver}})
	session := made(t, w, "/v1/agents/sessions", `{"agent":{"model":"script/script-chat"},"environment":{"type":"none"},"input":"hello"}`)
	path := "/v1/agents/sessions/" + session["id"].(string) + "/events"
	decide := func(name, as string, status int, want string, decision string) {
		t.Helper()
		w.Run(t, []edgetest.Scenario{{Name: name, Method: http.MethodPost, Path: path, Header: beta, As: as, Status: status, Want: []string{want},
			Body: `{"events":[{"type":"agent.session.input.mcp_approval_request_result","request_id":"mcpr_x","response":{"type":"mcp_tool_call","decision":"` + decision + `"}}]}`}})
	}
	decide("who asked does not approve", "", 403, "may approve what its agent asks for", "approve")
	decide("who asked may deny", "", 400, "no pending approval request", "deny")
	decide("another may approve", "approver", 400, "no pending approval request", "approve")
}
