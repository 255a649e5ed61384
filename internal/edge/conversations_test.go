package edge_test

import (
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/craton-ai/craton/internal/edge"
	"github.com/craton-ai/craton/internal/edge/edgetest"
	"github.com/craton-ai/craton/internal/identity"
)

var conversationID = regexp.MustCompile(`"id":"(conv_[a-z0-9]+)"`)

// beginConversation begins a conversation and returns its id.
func beginConversation(t *testing.T, w *edgetest.World, body string) string {
	t.Helper()
	a := w.Do(t, &edgetest.Scenario{Method: http.MethodPost, Path: "/v1/conversations", Body: body})
	m := conversationID.FindStringSubmatch(a.Body)
	if m == nil {
		t.Fatalf("there is no conversation in %d %s", a.Status, a.Body)
	}
	return m[1]
}

// TestConversations runs the eight operations.
func TestConversations(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{})
	conv := beginConversation(t, w, `{"metadata":{"topic":"boats"},"items":[{"role":"user","content":"Hello"},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"Hi"}],"id":"msg_mine"}]}`)
	one, items := "/v1/conversations/"+conv, "/v1/conversations/"+conv+"/items"
	w.Run(t, []edgetest.Scenario{
		{Name: "get", Method: http.MethodGet, Path: one, Want: []string{conv, `"object":"conversation"`, `"created_at":`, `"topic":"boats"`}},
		{Name: "update", Method: http.MethodPost, Path: one, Body: `{"metadata":{"topic":"sails"}}`, Want: []string{`"topic":"sails"`}},
		{Name: "updated", Method: http.MethodGet, Path: one, Want: []string{`"topic":"sails"`}},
		{Name: "update to none", Method: http.MethodPost, Path: one, Body: `{"metadata":null}`, Want: []string{`"metadata":{}`}},
		{Name: "updated to none", Method: http.MethodGet, Path: one, Want: []string{`"metadata":{}`}},
		{Name: "update without metadata", Method: http.MethodPost, Path: one, Body: `{}`, Status: 400, Want: []string{"metadata"}},
		{Name: "newest first", Method: http.MethodGet, Path: items + "?limit=1", Want: []string{"msg_mine", `"last_id":"msg_mine"`, `"has_more":true`, `"output_text"`}},
		{Name: "next page", Method: http.MethodGet, Path: items + "?limit=1&after=msg_mine", Want: []string{"Hello", `"has_more":false`, `"status":"completed"`, `"input_text"`}},
		{Name: "oldest first", Method: http.MethodGet, Path: items + "?order=asc&limit=2", Want: []string{"Hello", "Hi"}},
		{Name: "one item", Method: http.MethodGet, Path: items + "/msg_mine", Want: []string{"Hi", `"role":"assistant"`}},
		{Name: "unknown item", Method: http.MethodGet, Path: items + "/msg_none", Status: 404, Want: []string{"msg_none"}},
		{Name: "add", Method: http.MethodPost, Path: items, Want: []string{`"object":"list"`, `"id":"fc_`, "call_1", `"id":"fco_`, "rs_1"}, Not: []string{"c2VjcmV0"},
			Body: `{"items":[{"type":"function_call","call_id":"call_1","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"call_1","output":"42"},{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"c2VjcmV0"}]}`},
		{Name: "secrets are shown when asked for", Method: http.MethodGet, Path: items + "/rs_1?include[]=reasoning.encrypted_content", Want: []string{"c2VjcmV0"}},
		{Name: "an unknown wish", Method: http.MethodGet, Path: items + "?include=everything", Status: 400, Want: []string{"include"}},
		{Name: "an id that is taken", Method: http.MethodPost, Path: items, Body: `{"items":[{"role":"user","content":"x","id":"msg_mine"}]}`, Status: 400, Want: []string{"duplicate_item_id"}},
		{Name: "an unknown type", Method: http.MethodPost, Path: items, Body: `{"items":[{"type":"poem"}]}`, Status: 400, Want: []string{"items[0].type"}},
		{Name: "an unknown role", Method: http.MethodPost, Path: items, Body: `{"items":[{"role":"bard","content":"x"}]}`, Status: 400, Want: []string{"items[0].role"}},
		{Name: "too many", Method: http.MethodPost, Path: items, Body: `{"items":[` + strings.Repeat(`{"role":"user","content":"x"},`, 20) + `{"role":"user","content":"x"}]}`, Status: 400, Want: []string{"20"}},
		{Name: "too much metadata", Method: http.MethodPost, Path: one, Body: `{"metadata":{"k":"` + strings.Repeat("v", 513) + `"}}`, Status: 400, Want: []string{"metadata"}},
		{Name: "foreign", Method: http.MethodGet, Path: one, As: "other", Status: 404, Want: []string{"not found"}},
		{Name: "foreign items", Method: http.MethodGet, Path: items, As: "other", Status: 404},
		{Name: "delete an item", Method: http.MethodDelete, Path: items + "/msg_mine", Want: []string{conv, `"object":"conversation"`}},
		{Name: "it is gone", Method: http.MethodGet, Path: items + "/msg_mine", Status: 404},
		{Name: "delete", Method: http.MethodDelete, Path: one, Want: []string{`"conversation.deleted"`, `"deleted":true`}},
		{Name: "gone", Method: http.MethodGet, Path: one, Status: 404},
		{Name: "delete again", Method: http.MethodDelete, Path: one, Status: 404},
	})
}

// TestNothingIsKept refuses conversations where the operator keeps nothing.
func TestNothingIsKept(t *testing.T) {
	t.Parallel()
	var none atomic.Bool
	w := edgetest.New(t, edgetest.Options{Edge: func(o *edge.Options) { o.KeepNothing = func(t identity.Tenant) bool { return t.Root && none.Load() } }})
	earlier := beginConversation(t, w, `{"items":[{"role":"user","content":"Hello"}]}`)
	none.Store(true)
	say := func(more string) string { return `{"model":"script/script-chat","input":"hi"` + more + "}" }
	a := w.Do(t, &edgetest.Scenario{Method: http.MethodPost, Path: "/v1/responses", Body: say("")})
	w.Run(t, []edgetest.Scenario{
		{Name: "a conversation", Method: http.MethodPost, Path: "/v1/conversations", Body: `{}`, Status: 400, Want: []string{"retention"}},
		{Name: "store is false", Method: http.MethodPost, Path: "/v1/responses", Body: say(""), Want: []string{`"store":false`}},
		{Name: "it is not there", Method: http.MethodGet, Path: "/v1/responses/" + id(t, a), Status: 404},
		{Name: "storing is refused", Method: http.MethodPost, Path: "/v1/responses", Body: say(`,"store":true`), Status: 400, Want: []string{"retention"}},
		{Name: "background is refused", Method: http.MethodPost, Path: "/v1/responses", Body: say(`,"background":true`), Status: 400, Want: []string{"background"}},
		{Name: "one from before is not added to", Method: http.MethodPost, Path: "/v1/conversations/" + earlier + "/items",
			Body: `{"items":[{"role":"user","content":"x"}]}`, Status: 400, Want: []string{"retention", `"param":"items"`}},
		{Name: "nor by a response", Method: http.MethodPost, Path: "/v1/responses", Body: say(`,"conversation":"` + earlier + `"`), Status: 400,
			Want: []string{"retention", `"param":"conversation"`}},
		{Name: "it can be read", Method: http.MethodGet, Path: "/v1/conversations/" + earlier + "/items", Want: []string{"Hello", `"has_more":false`}},
		{Name: "and deleted", Method: http.MethodDelete, Path: "/v1/conversations/" + earlier},
		{Name: "other tenants", Method: http.MethodPost, Path: "/v1/responses", As: "other", Body: say(`,"store":true`), Want: []string{`"store":true`}},
	})
}
