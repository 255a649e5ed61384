package edge_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/edge/edgetest"
	"github.com/craton-ai/craton/internal/gateway"
	"github.com/craton-ai/craton/internal/identity"
)

var (
	responseID = regexp.MustCompile(`"id":"(resp_[^"]+)"`)
	invocation = regexp.MustCompile(`"invocationArn":"([^"]+)"`)
)

// TestTenantsSeeTheirOwn makes one of everything as one tenant, and asks for
// each as another: the answer must be that of a thing that was never made.
func TestTenantsSeeTheirOwn(t *testing.T) {
	t.Parallel()
	stub := edgetest.Upstream("private", "m", nil)
	stub.RootOnly = true
	named := edgetest.Upstream("named", "m2", nil)
	named.Tenants = []string{"other"}
	w := edgetest.New(t, edgetest.Options{Upstreams: []gateway.Upstream{stub, named}})
	response := responseID.FindStringSubmatch(w.Do(t, &edgetest.Scenario{Method: http.MethodPost, Path: "/v1/responses",
		Body: `{"model":"script/script-chat","input":"My secret is swordfish"}`}).Body)[1]
	s3 := &edgetest.Signing{Service: "s3"}
	w.Run(t, []edgetest.Scenario{
		{Name: "bucket", Method: http.MethodPut, Path: "/mine", As: "aws", Sign: s3},
		{Name: "object", Method: http.MethodPut, Path: "/mine/a", As: "aws", Sign: s3, Body: "swordfish"},
	})
	arn := invocation.FindStringSubmatch(w.Do(t, &edgetest.Scenario{Method: http.MethodPost, Path: "/async-invoke", As: "aws",
		Body: `{"modelId":"script/script-chat","modelInput":{"messages":[]},"outputDataConfig":{"s3OutputDataConfig":{"s3Uri":"s3://mine/jobs"}}}`}).Body)[1]
	key := w.Key("")

	// Each pair asks for what is another's and for what is nobody's.
	pairs := []struct{ name, method, theirs, nobodys, body, as string }{
		{"response", "GET", "/v1/responses/" + response, "/v1/responses/resp_none", "", "other"},
		{"response's items", "GET", "/v1/responses/" + response + "/input_items", "/v1/responses/resp_none/input_items", "", "other"},
		{"deleting a response", "DELETE", "/v1/responses/" + response, "/v1/responses/resp_none", "", "other"},
		{"object", "GET", "/mine/a", "/none/a", "", "other-aws"},
		{"bucket", "GET", "/mine?list-type=2", "/none?list-type=2", "", "other-aws"},
		{"writing an object", "PUT", "/mine/b", "/none/b", "x", "other-aws"},
		{"removing a bucket", "DELETE", "/mine", "/none", "", "other-aws"},
		{"async job", "GET", "/async-invoke/" + strings.ReplaceAll(arn, "/", "%2F"), "/async-invoke/" + strings.ReplaceAll(arn[:len(arn)-12], "/", "%2F") + "zzzzzzzzzzzz", "", "other-aws"},
		{"model", "GET", "/v1/models/private/m", "/v1/models/nowhere/m", "", "other"},
		{"rotating a key", "POST", "/admin/v1/keys/" + key.Key.ID + "/rotate", "/admin/v1/keys/key_none/rotate", `{}`, "other"},
		{"revoking a key", "DELETE", "/admin/v1/keys/" + key.Key.ID, "/admin/v1/keys/key_none", "", "other"},
		{"renaming a tenant", "PATCH", "/admin/v1/tenants/" + w.Root.ID, "/admin/v1/tenants/tnt_none", `{"name":"x"}`, "other"},
	}
	for _, p := range pairs {
		t.Run(p.name, func(t *testing.T) {
			ask := func(path string) *edgetest.Answer {
				s := &edgetest.Scenario{Method: p.method, Path: path, As: p.as, Body: p.body}
				if strings.HasPrefix(path, "/mine") || strings.HasPrefix(path, "/none") {
					s.Sign = s3
				}
				return w.Do(t, s)
			}
			theirs, nobodys := ask(p.theirs), ask(p.nobodys)
			clean := func(a *edgetest.Answer, path string) string {
				text := regexp.MustCompile(`[0-9a-f]{8}-0000-4000-8000-[0-9a-f]{12}`).ReplaceAllString(a.Body, "ID")
				for _, part := range strings.Split(path, "/")[1:] {
					text = strings.ReplaceAll(text, part, "X")
				}
				return fmt.Sprint(a.Status, strings.ReplaceAll(text, "private/m", "X/X"), a.Header.Get("X-Amzn-Errortype"))
			}
			if got, want := clean(theirs, p.theirs), clean(nobodys, p.nobodys); got != want || theirs.Status < 400 {
				t.Errorf("another tenant's answers\n%s\nan unknown one answers\n%s", got, want)
			}
		})
	}
	w.Run(t, []edgetest.Scenario{
		{Name: "continuing a response", Method: http.MethodPost, Path: "/v1/responses", As: "other", Status: 400,
			Body: `{"model":"script/script-chat","input":"What is it?","previous_response_id":"` + response + `"}`, Want: []string{"previous_response_not_found"}, Not: []string{"swordfish"}},
		{Name: "it is still there", Method: http.MethodGet, Path: "/v1/responses/" + response, Want: []string{"swordfish"}},
		{Name: "models of the root tenant", Method: http.MethodGet, Path: "/v1/models", Want: []string{"private/m", "script/script-chat"}, Not: []string{"named/m2"}},
		{Name: "models of the other", Method: http.MethodGet, Path: "/v1/models", As: "other", Want: []string{"named/m2"}, Not: []string{"private"}},
		{Name: "a model of another", Method: http.MethodPost, Path: "/v1/chat/completions", As: "other", Body: strings.Replace(hello, scriptModel, "private/m", 1), Status: 404, Want: []string{"model_not_found"}},
		{Name: "buckets", Method: http.MethodGet, Path: "/", As: "other-aws", Sign: s3, Want: []string{"ListAllMyBucketsResult"}, Not: []string{"mine"}},
		{Name: "the same bucket's name", Method: http.MethodPut, Path: "/mine", As: "other-aws", Sign: s3},
		{Name: "is another bucket", Method: http.MethodGet, Path: "/mine?list-type=2", As: "other-aws", Sign: s3, Want: []string{"<KeyCount>0<"}},
		{Name: "jobs", Method: http.MethodGet, Path: "/async-invoke", As: "other-aws", Want: []string{`"asyncInvokeSummaries":[]`}},
		{Name: "keys", Method: http.MethodGet, Path: "/admin/v1/keys", As: "other", Not: []string{key.Key.ID, w.Root.ID}},
		{Name: "keys of the root tenant", Method: http.MethodGet, Path: "/admin/v1/keys?tenant=" + w.Root.ID, As: "other", Status: 404, Not: []string{key.Key.ID}},
		{Name: "a key in the root tenant", Method: http.MethodPost, Path: "/admin/v1/keys", As: "other", Body: `{"tenant":"` + w.Root.ID + `","roles":["administrator"]}`, Status: 404, Not: []string{"sk-craton"}},
		{Name: "tenants", Method: http.MethodGet, Path: "/admin/v1/tenants", As: "other", Want: []string{w.Other.ID}, Not: []string{w.Root.ID}},
		{Name: "a tenant of one's own making", Method: http.MethodPost, Path: "/admin/v1/tenants", As: "other", Body: `{"name":"third"}`, Status: 403},
		{Name: "usage", Method: http.MethodGet, Path: "/admin/v1/usage?by=model", As: "other", Want: []string{`"data":[]`}},
		{Name: "usage of the root tenant", Method: http.MethodGet, Path: "/admin/v1/usage?by=model", Want: []string{"script-chat"}},
		{Name: "a backup", Method: http.MethodPost, Path: "/admin/v1/backup", As: "other", Body: `{"name":"x"}`, Status: 400},
	})
}

// TestRoles asks for everything with keys of lesser roles.
func TestRoles(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{})
	for _, role := range identity.Roles() {
		w.AddKey(t, string(role), identity.KeySpec{Roles: []identity.Role{role}})
	}
	w.AddKey(t, "narrow", identity.KeySpec{Roles: []identity.Role{identity.Administrator}, Scopes: []identity.Scope{"model:list"}})
	for _, c := range []struct {
		method, path, body string
		allowed            []string
	}{
		{"GET", "/v1/models", "", []string{"administrator", "operator", "developer", "approver", "auditor", "narrow"}},
		{"POST", "/v1/chat/completions", hello, []string{"administrator", "operator", "developer"}},
		{"GET", "/admin/v1/keys", "", []string{"administrator", "operator", "auditor"}},
		{"POST", "/admin/v1/tenants", `{"name":""}`, []string{"administrator"}},
		{"GET", "/admin/v1/usage", "", []string{"administrator", "operator", "developer", "auditor"}},
	} {
		for _, key := range append([]string{"narrow"}, names()...) {
			a := w.Do(t, &edgetest.Scenario{Method: c.method, Path: c.path, Body: c.body, As: key})
			if may, want := a.Status != http.StatusForbidden, strings.Contains(strings.Join(c.allowed, " "), key); may != want {
				t.Errorf("%s %s as %s: status %d, allowed should be %t", c.method, c.path, key, a.Status, want)
			}
		}
	}
}

func names() []string {
	var list []string
	for _, r := range identity.Roles() {
		list = append(list, string(r))
	}
	return list
}
