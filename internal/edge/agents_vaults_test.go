package edge_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/craton-ai/craton/internal/edge/edgetest"
	"github.com/craton-ai/craton/internal/identity"
)

const (
	oauthBody = `{"name":" wiki ","metadata":{"k":"v"},"auth":{"type":"mcp_oauth","access_token":"hush-1","mcp_server_url":"https://mcp.example.com/mcp",
"expires_at":"2030-01-01T01:00:00+01:00","refresh":{"client_id":"c","refresh_token":"hush-2","token_endpoint":"https://auth.example.com/t",
"token_endpoint_auth":{"type":"client_secret_post","client_secret":"hush-3"},"scope":"read"}}}`
	bearerBody = `{"name":"b","auth":{"type":"static_bearer","token":"hush-4","mcp_server_url":"https://mcp.example.com/mcp"}}`
	envBody    = `{"name":"e","auth":{"type":"environment_variable","secret_name":"API_KEY","secret_value":"hush-5","networking":{"type":"limited","allowed_hosts":["API.example.com"]}}}`
)

func TestVaults(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{})
	bare := made(t, w, "/v1/vaults", `{}`)
	named := made(t, w, "/openai/v1/vaults", `{"name":" team ","metadata":{"team a":"ü","empty":""}}`)
	start := float64(edgetest.Start.Unix())
	want := map[string]any{"id": named["id"], "object": "vault", "created_at": start + 1, "name": "team", "metadata": map[string]any{"team a": "ü", "empty": ""}}
	if diff := cmp.Diff(want, named); diff != "" {
		t.Error(diff)
	}
	first, second := "/v1/vaults/"+bare["id"].(string), "/v1/vaults/"+named["id"].(string)
	list := func(name, query string, more string, want ...string) edgetest.Scenario {
		s := agentsCall(name, "GET", "/v1/vaults"+query, "", 200, `"object":"list"`, `"has_more":`+more)
		s.Then = func(t *testing.T, a *edgetest.Answer) {
			var ids []string
			for _, one := range parsed(t, a.Body)["data"].([]any) {
				ids = append(ids, one.(map[string]any)["id"].(string))
			}
			if diff := cmp.Diff(want, ids); diff != "" {
				t.Error(diff)
			}
		}
		return s
	}
	a, b := bare["id"].(string), named["id"].(string)
	other := agentsCall("another tenant's", "GET", second, "", 404, `"not_found_error"`)
	other.As = "other"
	w.Run(t, []edgetest.Scenario{
		agentsCall("get", "GET", first, "", 200, `"name":null`, `"metadata":{}`),
		list("newest first", "", "false", b, a),
		list("a page", "?limit=1", "true", b),
		list("the next page", "?limit=1&after="+b, "false", a),
		list("oldest first", "?order=asc", "false", a, b),
		list("by metadata", "?metadata%5Bteam%20a%5D=%C3%BC&metadata%5Bempty%5D=", "false", b),
		list("by other metadata", "?metadata[team%20a]=u", "false"),
		list("active ones", "?status=active", "false", b, a),
		list("both", "?status[]=active&status[]=archived", "false", b, a),
		list("archived ones", "?status[]=archived", "false"),
		agentsCall("a wrong limit", "GET", "/v1/vaults?limit=0", "", 400, `"param":"limit"`),
		agentsCall("rename", "POST", second, `{"name":"other"}`, 200, `"name":"other"`, `"empty":""`),
		agentsCall("clear the name", "POST", second, `{"name":null}`, 200, `"name":null`, `"empty":""`),
		agentsCall("clear metadata", "POST", second, `{"metadata":{}}`, 200, `"metadata":{}`),
		agentsCall("a wrong name", "POST", second, `{"name":"  "}`, 400, `"param":"name"`, `"invalid_request_error"`),
		agentsCall("metadata of numbers", "POST", second, `{"metadata":{"a":1}}`, 400, `"param":"metadata.a"`),
		other,
		{Name: "without the beta", Method: "GET", Path: "/v1/vaults", Status: 400, Want: []string{`"code":"invalid_beta"`}},
		{Name: "without a key", Method: "GET", Path: "/v1/vaults", As: edgetest.Nobody, Header: beta, Status: 401, Want: []string{`"unauthorized"`}},
		agentsCall("delete", "DELETE", first, "", 200, `{"id":"`+a+`","object":"vault.deleted","deleted":true}`),
		agentsCall("get what is gone", "GET", first, "", 404, `"not_found_error"`),
		agentsCall("delete what is gone", "DELETE", first, "", 404, `"not_found_error"`),
	})
}

// TestCredentials never sees a secret again that it put in.
func TestCredentials(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{})
	vaultPath := "/v1/vaults/" + made(t, w, "/v1/vaults", `{}`)["id"].(string)
	path := vaultPath + "/credentials"
	oauth := made(t, w, path, oauthBody)
	want := map[string]any{"id": oauth["id"], "object": "vault.credential", "vault_id": strings.TrimPrefix(vaultPath, "/v1/vaults/"), "name": "wiki",
		"metadata": map[string]any{"k": "v"}, "created_at": float64(edgetest.Start.Unix() + 1), "updated_at": float64(edgetest.Start.Unix() + 1),
		"auth": map[string]any{"type": "mcp_oauth", "mcp_server_url": "https://mcp.example.com/mcp", "expires_at": "2030-01-01T00:00:00Z",
			"refresh": map[string]any{"client_id": "c", "resource": nil, "scope": "read", "token_endpoint": "https://auth.example.com/t",
				"token_endpoint_auth": map[string]any{"type": "client_secret_post"}}}}
	if diff := cmp.Diff(want, oauth); diff != "" {
		t.Error(diff)
	}
	bearer, env := made(t, w, path, bearerBody), made(t, w, path, envBody)
	one := path + "/" + oauth["id"].(string)
	w.Advance(time.Minute)
	list := []edgetest.Scenario{
		agentsCall("list", "GET", path, "", 200, `"has_more":false`, oauth["id"].(string), `{"type":"static_bearer","mcp_server_url":"https://mcp.example.com/mcp"}`,
			`{"type":"environment_variable","secret_name":"API_KEY","networking":{"type":"limited","allowed_hosts":["api.example.com"]}}`),
		agentsCall("list by metadata", "GET", path+"?metadata[k]=v&limit=1", "", 200, `"has_more":false`, oauth["id"].(string)),
		agentsCall("list archived ones", "GET", path+"?status=archived", "", 200, `"data":[]`),
		agentsCall("metadata only", "POST", one, `{"metadata":{"k":"w"}}`, 200, `"k":"w"`, `"expires_at":"2030-01-01T00:00:00Z"`),
		agentsCall("rotate", "POST", one, `{"auth":{"type":"mcp_oauth","access_token":"hush-6","refresh":{"refresh_token":"hush-7","scope":null}}}`, 200,
			`"expires_at":null`, `"scope":null`, `"k":"w"`),
		agentsCall("another type", "POST", one, `{"auth":{"type":"static_bearer","token":"hush-8"}}`, 400, `"param":"auth.type"`),
		agentsCall("what is fixed", "POST", one, `{"auth":{"type":"mcp_oauth","mcp_server_url":"https://x.example.com"}}`, 400, `"param":"auth.mcp_server_url"`),
		agentsCall("the name is fixed", "POST", one, `{"name":"x"}`, 400, `"param":"name"`),
		agentsCall("a bad token", "POST", path, strings.Replace(bearerBody, "hush-4", `hush\n4`, 1), 400, `"param":"auth.token"`),
		agentsCall("no TLS", "POST", path, strings.Replace(bearerBody, "https", "http", 1), 400, `"param":"auth.mcp_server_url"`),
		agentsCall("no auth", "POST", path, `{"name":"x"}`, 400, `"param":"auth"`),
		agentsCall("in no vault", "POST", "/v1/vaults/vault_no/credentials", bearerBody, 404, `"not_found_error"`),
		agentsCall("list of no vault", "GET", "/v1/vaults/vault_no/credentials?status=archived", "", 404, `"not_found_error"`),
		agentsCall("delete", "DELETE", path+"/"+bearer["id"].(string), "", 200, `"object":"vault.credential.deleted"`, `"deleted":true`),
		agentsCall("delete again", "DELETE", path+"/"+bearer["id"].(string), "", 404),
		agentsCall("delete the vault", "DELETE", vaultPath, "", 200),
		agentsCall("gone with its vault", "GET", path+"/"+env["id"].(string), "", 404),
	}
	for i := range list {
		list[i].Not = []string{"hush"}
	}
	w.Run(t, list)
}

func TestWhoMayUseVaults(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{})
	for _, role := range identity.Roles() {
		w.AddKey(t, string(role), identity.KeySpec{Roles: []identity.Role{role}})
	}
	w.AddKey(t, "narrow", identity.KeySpec{Roles: []identity.Role{identity.Administrator}, Scopes: []identity.Scope{"session:*"}})
	for as, status := range map[string][2]int{"operator": {200, 200}, "developer": {200, 200}, "auditor": {200, 403}, "approver": {403, 403}, "narrow": {403, 403}} {
		for i, method := range []string{http.MethodGet, http.MethodPost} {
			s := agentsCall(as+" "+method, method, "/v1/vaults", "", status[i])
			if method == http.MethodPost {
				s.Body = `{}`
			}
			s.As = as
			w.Run(t, []edgetest.Scenario{s})
		}
	}
}
