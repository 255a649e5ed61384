package edge_test

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/edge"
	"github.com/craton-ai/craton/internal/edge/edgetest"
)

func admin(name, method, path, body string, status int, want ...string) edgetest.Scenario {
	return edgetest.Scenario{Name: name, Method: method, Path: "/admin/v1" + path, Body: body, Status: status, Want: want}
}

// TestKeys creates, uses, rotates and revokes a key over the admin API.
func TestKeys(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{})
	make := admin("", "POST", "/keys", `{"name":"app","roles":["developer"],"tags":{"team":"blue"},"limits":{"requests_per_minute":100},"budgets":{"daily_nano_usd":1000000}}`, 0)
	made := w.Do(t, &make)
	find := func(what string, in *edgetest.Answer) string {
		m := regexp.MustCompile(`"` + what + `":"([^"]+)"`).FindStringSubmatch(in.Body)
		if m == nil {
			t.Fatalf("there is no %s in %d %s", what, in.Status, in.Body)
		}
		return m[1]
	}
	key, token := find("id", made), find("token", made)
	use := func(name, token string, status int) edgetest.Scenario {
		return edgetest.Scenario{Name: name, Method: http.MethodPost, Path: "/v1/chat/completions", As: edgetest.Nobody, Body: hello, Status: status,
			Header: map[string]string{"X-Api-Key": token, "X-Craton-Tag-Project": "alpha"}}
	}
	shown := admin("listed without its secret", "GET", "/keys", "", 200, `"name":"app"`, `"requests_per_minute":100`, `"daily_nano_usd":1000000`)
	shown.Not = []string{token, "secret_access_key"}
	w.Run(t, []edgetest.Scenario{use("used", token, 200), shown,
		admin("usage by key", "GET", "/usage?by=key", "", 200, key, `"requests":1`), admin("usage by tag", "GET", "/usage?by=tag:project,tag:team", "", 200, `["alpha","blue"]`),
		admin("usage of a day", "GET", "/usage?by=day,model,upstream&from=2026-03-14&to=2026-03-15", "", 200, "2026-03-14", "script-chat"),
		admin("usage of another", "GET", "/usage?from=2026-03-15T00:00:00Z", "", 200, `"data":[]`),
		admin("usage by dialect", "GET", "/usage?by=dialect", "", 200, "openai.chat"), admin("usage by too much", "GET", "/usage?by=day,model,upstream,dialect", "", 400, "3 dimensions"),
		admin("usage by nonsense", "GET", "/usage?by=colour", "", 400, "tag:NAME"), admin("usage since nonsense", "GET", "/usage?from=yesterday", "", 400, "2026-01-31"),
		admin("an unknown member", "POST", "/keys", `{"nmae":"x"}`, 400, "nmae"), admin("an unknown role", "POST", "/keys", `{"roles":["king"]}`, 400, "king"),
		admin("a long overlap", "POST", "/keys/"+key+"/rotate", `{"overlap_seconds":99999999}`, 400, "overlap_seconds"),
	})
	rotate := admin("", "POST", "/keys/"+key+"/rotate", `{"overlap_seconds":60}`, 0)
	rotated := w.Do(t, &rotate)
	next := find("token", rotated)
	w.Run(t, []edgetest.Scenario{use("the old one overlaps", token, 200), use("the new one works", next, 200)})
	w.Advance(2 * time.Minute)
	w.Run(t, []edgetest.Scenario{use("the old one has ended", token, 401),
		admin("revoke", "DELETE", "/keys/"+find("id", rotated), "", 200, "revoked_at"), use("the new one is revoked", next, 401),
		admin("an AWS key", "POST", "/keys", `{"kind":"aws","roles":["developer"]}`, 200, `"access_key_id":"`, `"secret_access_key":"`)})
}

// TestUsageIsOnesOwn checks that a developer sees what its own key used, and
// that tokens without a known price are said to be so.
func TestUsageIsOnesOwn(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{})
	make := admin("", "POST", "/keys", `{"name":"app","roles":["developer"]}`, 200)
	token := regexp.MustCompile(`"token":"([^"]+)"`).FindStringSubmatch(w.Do(t, &make).Body)[1]
	mine := map[string]string{"X-Api-Key": token}
	as := func(s edgetest.Scenario) edgetest.Scenario {
		s.As, s.Header = edgetest.Nobody, mine
		return s
	}
	none := as(admin("a developer does not see others' usage", "GET", "/usage", "", 200, `"data":[]`))
	w.Run(t, []edgetest.Scenario{
		{Name: "somebody asks", Method: http.MethodPost, Path: "/v1/chat/completions", Body: hello, Status: 200}, none,
		as(edgetest.Scenario{Name: "the developer asks", Method: http.MethodPost, Path: "/v1/chat/completions", Body: hello, Status: 200}),
		as(admin("and sees it", "GET", "/usage?by=model", "", 200, `"requests":1`)),
		admin("an administrator sees both", "GET", "/usage?by=model", "", 200, `"requests":2`),
		{Name: "the address in a browser", Method: http.MethodGet, Path: "/", As: edgetest.Nobody, Status: 200, Want: []string{"/anthropic", "/admin/v1/openapi.json"}},
		{Name: "where the JSON breaks", Method: http.MethodPost, Path: "/v1/chat/completions", Body: `{"model":}`, Status: 400, Want: []string{"At byte 9"}},
	})
}

// TestTenants makes one, renames it and stops it.
func TestTenants(t *testing.T) {
	t.Parallel()
	var saved string
	w := edgetest.New(t, edgetest.Options{Edge: func(o *edge.Options) {
		o.Backup = func(_ context.Context, name string) (string, error) {
			if saved != "" {
				return "", errors.New("the directory is not empty")
			}
			saved = name
			return "/backups/" + name, nil
		}
	}})
	w.Run(t, []edgetest.Scenario{
		admin("create", "POST", "/tenants", `{"name":"third","account_id":"111122223333"}`, 200, `"account_id":"111122223333"`),
		admin("create again", "POST", "/tenants", `{"name":"third","account_id":"111122223333"}`, 409),
		admin("a bad account", "POST", "/tenants", `{"name":"x","account_id":"12"}`, 400),
		admin("a budget", "PATCH", "/tenants/"+w.Other.ID, `{"name":"renamed","budgets":{"monthly_nano_usd":5}}`, 200, `"name":"renamed"`, `"monthly_nano_usd":5`),
		admin("the root tenant stays", "PATCH", "/tenants/"+w.Root.ID, `{"disabled":true}`, 400),
		{Name: "it works", Method: "GET", Path: "/v1/models", As: "other"},
		admin("disable", "PATCH", "/tenants/"+w.Other.ID, `{"disabled":true}`, 200, `"disabled":true`),
		{Name: "it does not", Method: "GET", Path: "/v1/models", As: "other", Status: 401},
		admin("backup", "POST", "/backup", `{"name":"one-2026.01"}`, 200, `"directory":"/backups/one-2026.01"`),
		admin("a backup that fails", "POST", "/backup", `{"name":"one"}`, 409, "not empty"),
		admin("a backup anywhere", "POST", "/backup", `{"name":"/etc/cron.d/x"}`, 400, "name must be"),
		admin("a backup above", "POST", "/backup", `{"name":".."}`, 400, "name must be"),
		admin("a backup of old", "POST", "/backup", `{"directory":"/tmp/x"}`, 400),
		admin("the description", "GET", "/openapi.json", "", 200, `"openapi"`, "/admin/v1/keys"),
	})
	if saved != "one-2026.01" {
		t.Errorf("the backup went to %q", saved)
	}
}
