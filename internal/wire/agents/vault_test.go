package agents

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/craton-ai/craton/internal/model"
)

func TestDecodeVault(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]VaultRequest{
		``:                              {},
		`{}`:                            {},
		`{"name":" team ","new":1}`:     {Name: Optional[string]{Set: true, Value: "team"}},
		`{"name":null,"metadata":{}}`:   {Name: Optional[string]{Set: true, Null: true}, Metadata: Optional[map[string]string]{Set: true, Value: map[string]string{}}},
		`{"metadata":{"a":"1","b":""}}`: {Metadata: Optional[map[string]string]{Set: true, Value: map[string]string{"a": "1", "b": ""}}},
	} {
		got, err := DecodeVault([]byte(body))
		if err != nil {
			t.Errorf("%s: %v", body, err)
			continue
		}
		if diff := cmp.Diff(want, *got); diff != "" {
			t.Errorf("%s: %s", body, diff)
		}
	}
	for body, param := range map[string]string{
		`{"name":" "}`: "name",
		`{"name":"` + strings.Repeat("ü", 129) + `"}`: "name",
		`{"name":1}`:              "name",
		`{"metadata":{"a":1}}`:    "metadata.a",
		`{"metadata":[]}`:         "metadata",
		`{"metadata":{"":"x"}}`:   "metadata",
		`[]`:                      "",
		`{"name":"a","name":"b"}`: "",
	} {
		_, err := DecodeVault([]byte(body))
		if e := model.AsError(err); e == nil || e.Kind != model.Invalid || e.Subject != param {
			t.Errorf("%s: %v, want an error about %q", body, err, param)
		}
	}
}

func TestDecodeCredential(t *testing.T) {
	t.Parallel()
	body := `{"name":"n","metadata":{"k":"v"},"auth":{"type":"mcp_oauth","access_token":"a","mcp_server_url":"https://m","expires_at":"2030-01-01T02:00:00+02:00",
		"refresh":{"client_id":"c","refresh_token":"r","token_endpoint":"https://t","scope":"s","resource":null,"token_endpoint_auth":{"type":"client_secret_basic","client_secret":"x"}}}}`
	want := CredentialRequest{Name: Optional[string]{Set: true, Value: "n"}, Metadata: Optional[map[string]string]{Set: true, Value: map[string]string{"k": "v"}},
		Auth: &AuthRequest{Type: AuthMCPOAuth, Token: "a", ServerURL: "https://m", ExpiresAt: Optional[time.Time]{Set: true, Value: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)},
			Refresh: &RefreshRequest{ClientID: "c", RefreshToken: "r", TokenEndpoint: "https://t", Scope: Optional[string]{Set: true, Value: "s"},
				Resource: Optional[string]{Set: true, Null: true}, Auth: ClientBasic, ClientSecret: "x"}}}
	got, err := DecodeCredential([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, *got); diff != "" {
		t.Error(diff)
	}
	for body, want := range map[string]AuthRequest{
		`{"type":"static_bearer","token":"t","mcp_server_url":"u"}`:                                                                  {Type: AuthStaticBearer, Token: "t", ServerURL: "u"},
		`{"type":"environment_variable","secret_name":"N","secret_value":"v","networking":{"type":"unrestricted"}}`:                  {Type: AuthEnvironment, SecretName: "N", Token: "v"},
		`{"type":"environment_variable","secret_name":"N","secret_value":"v","networking":{"type":"limited","allowed_hosts":["h"]}}`: {Type: AuthEnvironment, SecretName: "N", Token: "v", AllowedHosts: []string{"h"}},
		`{"type":"mcp_oauth","access_token":"a","mcp_server_url":"u","expires_at":null,"refresh":null}`:                              {Type: AuthMCPOAuth, Token: "a", ServerURL: "u", ExpiresAt: Optional[time.Time]{Set: true, Null: true}},
	} {
		got, err := DecodeCredential([]byte(`{"name":"n","auth":` + body + `}`))
		if err != nil {
			t.Errorf("%s: %v", body, err)
			continue
		}
		if diff := cmp.Diff(want, *got.Auth); diff != "" {
			t.Errorf("%s: %s", body, diff)
		}
	}
}

// TestBadCredentials tells where the fault is and repeats no secret.
func TestBadCredentials(t *testing.T) {
	t.Parallel()
	refresh := func(auth string) string {
		return `{"type":"mcp_oauth","access_token":"hush","mcp_server_url":"u","refresh":{"client_id":"c","refresh_token":"hush","token_endpoint":"t"` + auth + `}}`
	}
	for auth, param := range map[string]string{
		`null`:                               "auth",
		`"hush"`:                             "auth",
		`{}`:                                 "auth.type",
		`{"type":"password","token":"hush"}`: "auth.type",
		`{"type":"static_bearer","token":["hush"],"mcp_server_url":"u"}`:                                          "auth.token",
		`{"type":"static_bearer","token":"","mcp_server_url":"u"}`:                                                "auth.token",
		`{"type":"static_bearer","token":"hush"}`:                                                                 "auth.mcp_server_url",
		`{"type":"mcp_oauth","mcp_server_url":"u"}`:                                                               "auth.access_token",
		`{"type":"mcp_oauth","access_token":"hush","mcp_server_url":"u","expires_at":"tomorrow"}`:                 "auth.expires_at",
		`{"type":"environment_variable","secret_name":"N","secret_value":"hush"}`:                                 "auth.networking",
		`{"type":"environment_variable","secret_name":"N","secret_value":"hush","networking":{"type":"some"}}`:    "auth.networking.type",
		`{"type":"environment_variable","secret_name":"N","secret_value":"hush","networking":{"type":"limited"}}`: "auth.networking.allowed_hosts",
		refresh(``):                          "auth.refresh.token_endpoint_auth",
		refresh(`,"token_endpoint_auth":{}`): "auth.refresh.token_endpoint_auth.type",
		refresh(`,"token_endpoint_auth":{"type":"client_secret_post"}`):                    "auth.refresh.token_endpoint_auth.client_secret",
		refresh(`,"token_endpoint_auth":{"type":"none","client_secret":"hush"}`):           "auth.refresh.token_endpoint_auth.client_secret",
		refresh(`,"token_endpoint_auth":{"type":"client_secret_post","client_secret":{}}`): "auth.refresh.token_endpoint_auth.client_secret",
	} {
		_, err := DecodeCredential([]byte(`{"name":"n","auth":` + auth + `}`))
		if e := model.AsError(err); e == nil || e.Kind != model.Invalid || e.Subject != param {
			t.Errorf("%s: %v, want an error about %q", auth, err, param)
		}
		if err != nil && strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: the error repeats the secret: %v", auth, err)
		}
	}
}

func TestDecodeCredentialChange(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]CredentialRequest{
		`{"metadata":{}}`: {Metadata: Optional[map[string]string]{Set: true, Value: map[string]string{}}},
		`{"auth":{"type":"mcp_oauth","access_token":null,"expires_at":null,"refresh":{"refresh_token":null,"scope":null,"token_endpoint_auth":{"type":"client_secret_post","client_secret":null}}}}`: {
			Auth: &AuthRequest{Type: AuthMCPOAuth, ExpiresAt: Optional[time.Time]{Set: true, Null: true}, Refresh: &RefreshRequest{Scope: Optional[string]{Set: true, Null: true}, Auth: ClientPost}}},
		`{"auth":{"type":"static_bearer","token":"t"}}`:               {Auth: &AuthRequest{Type: AuthStaticBearer, Token: "t"}},
		`{"auth":{"type":"environment_variable","secret_value":"v"}}`: {Auth: &AuthRequest{Type: AuthEnvironment, Token: "v"}},
	} {
		got, err := DecodeCredentialChange([]byte(body))
		if err != nil {
			t.Errorf("%s: %v", body, err)
			continue
		}
		if diff := cmp.Diff(want, *got); diff != "" {
			t.Errorf("%s: %s", body, diff)
		}
	}
	for body, param := range map[string]string{
		`{"name":"other"}`:                                                                            "name",
		`{"auth":{"type":"static_bearer"}}`:                                                           "auth.token",
		`{"auth":{"token":"t"}}`:                                                                      "auth.type",
		`{"auth":{"type":"environment_variable"}}`:                                                    "auth.secret_value",
		`{"auth":{"type":"static_bearer","token":"t","mcp_server_url":"u"}}`:                          "auth.mcp_server_url",
		`{"auth":{"type":"environment_variable","secret_value":"v","secret_name":"N"}}`:               "auth.secret_name",
		`{"auth":{"type":"environment_variable","secret_value":"v","networking":{"type":"limited"}}}`: "auth.networking",
		`{"auth":{"type":"mcp_oauth","refresh":{"client_id":"c"}}}`:                                   "auth.refresh.client_id",
		`{"auth":{"type":"mcp_oauth","refresh":{"token_endpoint":"c"}}}`:                              "auth.refresh.token_endpoint",
		`{"auth":{"type":"mcp_oauth","refresh":{"scope":" "}}}`:                                       "auth.refresh.scope",
	} {
		_, err := DecodeCredentialChange([]byte(body))
		if e := model.AsError(err); e == nil || e.Kind != model.Invalid || e.Subject != param {
			t.Errorf("%s: %v, want an error about %q", body, err, param)
		}
	}
}
