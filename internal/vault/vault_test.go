package vault_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/secret"
	"github.com/craton-ai/craton/internal/vault"
)

func ptr[T any](v T) *T { return &v }

// is reports whether err is an error of a kind about a subject; an empty
// subject is any.
func is(err error, kind model.Kind, subject string) bool {
	e := model.AsError(err)
	return e != nil && e.Kind == kind && (subject == "" || e.Subject == subject)
}

func TestVaultsLiveAndDie(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.replica()
	ctx := t.Context()
	v, err := s.Create(ctx, "t1", vault.Change{Name: ptr("team"), Metadata: map[string]string{"a": "1"}})
	if err != nil || v.Name != "team" || !strings.HasPrefix(v.ID, "vault_") {
		t.Fatalf("%+v %v", v, err)
	}
	if v, err = s.Update(ctx, "t1", v.ID, vault.Change{Metadata: map[string]string{}}); err != nil || v.Name != "team" || len(v.Metadata) != 0 {
		t.Errorf("cleared metadata: %+v %v", v, err)
	}
	if v, err = s.Update(ctx, "t1", v.ID, vault.Change{Name: ptr("")}); err != nil || v.Name != "" {
		t.Errorf("cleared name: %+v %v", v, err)
	}
	for _, tenant := range []string{"t2", ""} {
		if _, err := s.Get(ctx, tenant, v.ID); !is(err, model.NotFound, v.ID) {
			t.Errorf("another tenant reads the vault: %v", err)
		}
		if err := s.Delete(ctx, tenant, v.ID); !is(err, model.NotFound, v.ID) {
			t.Errorf("another tenant deletes the vault: %v", err)
		}
	}
	c := create(t, s, v.ID, bearerSpec("token", server))
	if err := s.Delete(ctx, "t1", v.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Credential(ctx, "t1", v.ID, c.ID); !is(err, model.NotFound, v.ID) {
		t.Errorf("the credential of a deleted vault: %v", err)
	}
	if _, err := s.CreateCredential(ctx, "t1", v.ID, bearerSpec("x", server)); !is(err, model.NotFound, v.ID) {
		t.Errorf("a credential in a deleted vault: %v", err)
	}
	docs, err := w.docs.List(ctx, document.Query{Tenant: "t1", Kind: "vault.credential"})
	if err != nil || len(docs) != 0 {
		t.Errorf("%d credentials are left: %v", len(docs), err)
	}
}

// TestLists draws vaults and pages, and compares with the plain list.
func TestLists(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		s := w.replica()
		var want []string
		for range rapid.IntRange(0, 12).Draw(rt, "vaults") {
			team := rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "team")
			v, err := s.Create(t.Context(), "t1", vault.Change{Metadata: map[string]string{"team": team}})
			if err != nil {
				rt.Fatal(err)
			}
			if team == "a" {
				want = append(want, v.ID)
			}
		}
		list := vault.List{Limit: rapid.IntRange(1, 5).Draw(rt, "limit"), Ascending: rapid.Bool().Draw(rt, "ascending"),
			Match: func(m map[string]string) bool { return m["team"] == "a" }}
		if !list.Ascending {
			slices.Reverse(want)
		}
		var got []string
		for {
			page, more, err := s.List(t.Context(), "t1", list)
			if err != nil {
				rt.Fatal(err)
			}
			for _, v := range page {
				got = append(got, v.ID)
			}
			if !more {
				break
			}
			if len(page) != list.Limit {
				rt.Fatalf("a page of %d is followed by another", len(page))
			}
			list.After = got[len(got)-1]
		}
		if !slices.Equal(got, want) {
			rt.Fatalf("listed %v, want %v", got, want)
		}
	})
}

func TestCredentialsAreListedByVault(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.replica()
	one, other := w.vault(t, s), w.vault(t, s)
	a := create(t, s, one, bearerSpec("a", server))
	create(t, s, other, bearerSpec("b", server))
	c := create(t, s, one, bearerSpec("c", server))
	page, more, err := s.Credentials(t.Context(), "t1", one, vault.List{Limit: 1})
	if err != nil || !more || len(page) != 1 || page[0].ID != c.ID || page[0].VaultID != one {
		t.Fatalf("%+v %v %v", page, more, err)
	}
	page, more, err = s.Credentials(t.Context(), "t1", one, vault.List{Limit: 1, After: c.ID})
	if err != nil || more || len(page) != 1 || page[0].ID != a.ID {
		t.Fatalf("%+v %v %v", page, more, err)
	}
	if _, _, err := s.Credentials(t.Context(), "t2", one, vault.List{Limit: 1}); !is(err, model.NotFound, one) {
		t.Errorf("another tenant lists credentials: %v", err)
	}
	for _, bad := range []string{"", one + "/", one + "/" + a.ID, "\x00"} {
		if _, err := s.Credential(t.Context(), "t1", bad, a.ID); !is(err, model.NotFound, "") {
			t.Errorf("vault %q: %v", bad, err)
		}
		if _, err := s.Credential(t.Context(), "t1", one, bad); !is(err, model.NotFound, "") {
			t.Errorf("credential %q: %v", bad, err)
		}
	}
}

// TestBadCredentialsAreRefused names what is wrong by its path, and never says
// what the secret was.
func TestBadCredentialsAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.replica()
	in := w.vault(t, s)
	env := func(name, value string, hosts ...string) vault.Spec {
		return vault.Spec{Name: "e", Auth: vault.Auth{Kind: vault.Environment, SecretName: name, AllowedHosts: hosts}, Secrets: vault.Secrets{Token: value}}
	}
	refresh := func(change func(*vault.Spec)) vault.Spec {
		spec := oauthSpec(time.Time{})
		change(&spec)
		return spec
	}
	many := make([]string, 17)
	for i := range many {
		many[i] = fmt.Sprintf("h%d.example.com", i)
	}
	for _, tc := range []struct {
		spec  vault.Spec
		param string
	}{
		{bearerSpec("", server), "auth.token"},
		{bearerSpec("hush hush", server), "auth.token"},
		{bearerSpec("hush\nX-Evil: 1", server), "auth.token"},
		{bearerSpec(strings.Repeat("hush", 20000), server), "auth.token"},
		{bearerSpec("hush", "http://mcp.example.com"), "auth.mcp_server_url"},
		{bearerSpec("hush", "https://user:hush@mcp.example.com"), "auth.mcp_server_url"},
		{bearerSpec("hush", "https://mcp.example.com/#x"), "auth.mcp_server_url"},
		{bearerSpec("hush", "mcp.example.com"), "auth.mcp_server_url"},
		{bearerSpec("hush", "file:///etc/passwd"), "auth.mcp_server_url"},
		{bearerSpec("hush", ""), "auth.mcp_server_url"},
		{vault.Spec{Name: "x", Auth: vault.Auth{Kind: "other"}, Secrets: vault.Secrets{Token: "hush"}}, "auth.type"},
		{env("1X", "hush"), "auth.secret_name"},
		{env("CODEX_HOME", "hush"), "auth.secret_name"},
		{env("https_proxy", "hush"), "auth.secret_name"},
		{env("SSL_CERT_FILE", "hush"), "auth.secret_name"},
		{env("X", ""), "auth.secret_value"},
		{env("X", "hush\r"), "auth.secret_value"},
		{env("X", "hush\x00"), "auth.secret_value"},
		{env("X", "hush", "https://a.example.com"), "auth.networking.allowed_hosts"},
		{env("X", "hush", "*.example.com"), "auth.networking.allowed_hosts"},
		{env("X", "hush", "a.example.com:443"), "auth.networking.allowed_hosts"},
		{env("X", "hush", "a.example.com/x"), "auth.networking.allowed_hosts"},
		{env("X", "hush", "[::1]"), "auth.networking.allowed_hosts"},
		{env("X", "hush", "::1"), "auth.networking.allowed_hosts"},
		{env("X", "hush", "1.2.3"), "auth.networking.allowed_hosts"},
		{env("X", "hush", "1.2.3.256"), "auth.networking.allowed_hosts"},
		{env("X", "hush", ""), "auth.networking.allowed_hosts"},
		{env("X", "hush", many...), "auth.networking.allowed_hosts"},
		{vault.Spec{Name: "e", Auth: vault.Auth{Kind: vault.Environment, SecretName: "X", AllowedHosts: []string{}}, Secrets: vault.Secrets{Token: "hush"}}, "auth.networking.allowed_hosts"},
		{refresh(func(s *vault.Spec) { s.Auth.Refresh.TokenEndpoint = "http://auth.example.com" }), "auth.refresh.token_endpoint"},
		{refresh(func(s *vault.Spec) { s.Auth.Refresh.ClientID = "" }), "auth.refresh.client_id"},
		{refresh(func(s *vault.Spec) { s.Auth.Refresh.Scope = "a\nb" }), "auth.refresh.scope"},
		{refresh(func(s *vault.Spec) { s.Secrets.RefreshToken = "hush\n" }), "auth.refresh.refresh_token"},
		{refresh(func(s *vault.Spec) { s.Secrets.ClientSecret = "hush\n" }), "auth.refresh.token_endpoint_auth.client_secret"},
	} {
		_, err := s.CreateCredential(t.Context(), "t1", in, tc.spec)
		if !is(err, model.Invalid, tc.param) {
			t.Errorf("%+v: %v, want an error about %s", tc.spec.Auth, err, tc.param)
		}
		if err != nil && strings.Contains(err.Error(), "hush") {
			t.Errorf("the error repeats the secret: %v", err)
		}
	}
	c := create(t, s, in, env("SERVICE_API_KEY", "hush", "API.example.com", "api.example.com", "10.0.0.1"))
	if diff := cmp.Diff([]string{"api.example.com", "10.0.0.1"}, c.Auth.AllowedHosts); diff != "" {
		t.Error(diff)
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.replica()
	in := w.vault(t, s)
	later := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	oauth := create(t, s, in, oauthSpec(later))
	plain := create(t, s, in, vault.Spec{Name: "p", Auth: vault.Auth{Kind: vault.OAuth, ServerURL: server}, Secrets: vault.Secrets{Token: "t"}})
	update := func(id string, r vault.Rotation) (vault.Credential, error) {
		return s.UpdateCredential(t.Context(), "t1", in, id, vault.Change{}, &r)
	}
	for _, tc := range []struct {
		id    string
		r     vault.Rotation
		param string
	}{
		{oauth.ID, vault.Rotation{Kind: vault.Bearer, Secrets: vault.Secrets{Token: "x"}}, "auth.type"},
		{oauth.ID, vault.Rotation{Kind: vault.OAuth, Secrets: vault.Secrets{Token: "x y"}}, "auth.access_token"},
		{oauth.ID, vault.Rotation{Kind: vault.OAuth, Refresh: true, ClientAuth: vault.ClientPost}, "auth.refresh.token_endpoint_auth.type"},
		{oauth.ID, vault.Rotation{Kind: vault.OAuth, Refresh: true, Secrets: vault.Secrets{ClientSecret: "x"}}, "auth.refresh.token_endpoint_auth.client_secret"},
		{plain.ID, vault.Rotation{Kind: vault.OAuth, Refresh: true, Secrets: vault.Secrets{RefreshToken: "x"}}, "auth.refresh"},
	} {
		if _, err := update(tc.id, tc.r); !is(err, model.Invalid, tc.param) {
			t.Errorf("%+v: %v", tc.r, err)
		}
	}
	c, err := s.UpdateCredential(t.Context(), "t1", in, oauth.ID, vault.Change{Metadata: map[string]string{"k": "v"}}, nil)
	if err != nil || !c.Auth.ExpiresAt.Equal(later) || c.Metadata["k"] != "v" || c.Name != "oauth" {
		t.Errorf("metadata only: %+v %v", c, err)
	}
	if c, err = update(oauth.ID, vault.Rotation{Kind: vault.OAuth, Refresh: true, Scope: ptr("read")}); err != nil || c.Auth.Refresh.Scope != "read" || !c.Auth.ExpiresAt.Equal(later) {
		t.Errorf("scope: %+v %v", c, err)
	}
	if c, err = update(oauth.ID, vault.Rotation{Kind: vault.OAuth, Secrets: vault.Secrets{Token: "next"}}); err != nil || !c.Auth.ExpiresAt.IsZero() || c.Auth.Refresh.Scope != "read" {
		t.Errorf("a new token: %+v %v", c, err)
	}
	if c, err = update(oauth.ID, vault.Rotation{Kind: vault.OAuth, ExpiresAt: &later}); err != nil || !c.Auth.ExpiresAt.Equal(later) {
		t.Errorf("an expiry: %+v %v", c, err)
	}
	if c, err = update(oauth.ID, vault.Rotation{Kind: vault.OAuth, ExpiresAt: &time.Time{}}); err != nil || !c.Auth.ExpiresAt.IsZero() {
		t.Errorf("a cleared expiry: %+v %v", c, err)
	}
}

// TestSecretsStaySecret looks for secrets where they must not be: in documents,
// in the log, in what is returned, and in another tenant or credential.
func TestSecretsStaySecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.replica()
	in := w.vault(t, s)
	spec := oauthSpec(time.Time{})
	spec.Secrets = vault.Secrets{Token: "hush-1", RefreshToken: "hush-2", ClientSecret: "hush-3"}
	c := create(t, s, in, spec)
	id, err := s.Seal(t.Context(), "t1", "sess_1", server, map[string]string{"X-Key": "hush-4"})
	if err != nil {
		t.Fatal(err)
	}
	var seen strings.Builder
	for _, kind := range []string{"vault", "vault.credential", "vault.inline"} {
		docs, err := w.docs.List(t.Context(), document.Query{Tenant: "t1", Kind: kind})
		if err != nil || len(docs) != 1 {
			t.Fatal(kind, len(docs), err)
		}
		seen.Write(docs[0].Body)
	}
	shown, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(&seen, string(shown), w.log, spec.Secrets, fmt.Sprintf("%+v %#v", spec, spec), id)
	if strings.Contains(seen.String(), "hush") {
		t.Errorf("a secret is in the clear: %s", seen.String())
	}
}

// TestRewrap rotates the master key under stored credentials: afterwards the
// old one is needed no more.
func TestRewrap(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.replica()
	in := w.vault(t, s)
	c := create(t, s, in, bearerSpec("token", server))
	inline, err := s.Seal(t.Context(), "t1", "sess_1", server, map[string]string{"X-Key": "value"})
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := secret.NewMasterKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := s.Rewrap(t.Context(), "t1"); err != nil || n != 0 {
		t.Errorf("%d changed without a new key: %v", n, err)
	}
	if err := w.sealer.Replace(fresh, w.master); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Rewrap(t.Context(), "t1"); err != nil || n != 2 {
		t.Errorf("%d changed: %v", n, err)
	}
	if err := w.sealer.Replace(fresh); err != nil {
		t.Fatal(err)
	}
	if header, err := s.Authorize(t.Context(), "t1", at(server, c.ID, in)); err != nil || header.Get("Authorization") != "Bearer token" {
		t.Error(header, err)
	}
	if header, err := s.Authorize(t.Context(), "t1", at(server, inline)); err != nil || header.Get("X-Key") != "value" {
		t.Error(header, err)
	}
}
