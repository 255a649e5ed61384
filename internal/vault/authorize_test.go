package vault_test

import (
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
	"github.com/craton-ai/craton/internal/vault"
)

func at(url, credential string, vaults ...string) tool.Server {
	return tool.Server{Label: "s", URL: url, Credential: credential, Vaults: vaults}
}

func TestAuthorize(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.replica()
	one, two := w.vault(t, s), w.vault(t, s)
	old := create(t, s, one, bearerSpec("old", server))
	create(t, s, one, bearerSpec("new", "https://MCP.example.com:443/mcp/"))
	second := create(t, s, two, bearerSpec("second", server))
	env := create(t, s, two, vault.Spec{Name: "e", Auth: vault.Auth{Kind: vault.Environment, SecretName: "X"}, Secrets: vault.Secrets{Token: "v"}})
	gone := create(t, s, two, bearerSpec("gone", server))
	if err := s.DeleteCredential(t.Context(), "t1", two, gone.ID); err != nil {
		t.Fatal(err)
	}
	withHeader := at(server, "", one)
	withHeader.Headers = map[string]string{"authorization": "Basic x"}
	for _, tc := range []struct {
		name   string
		server tool.Server
		want   string
		kind   model.Kind
	}{
		{"the newest of the first vault", at(server, "", one, two), "Bearer new", 0},
		{"the order of vaults counts", at(server, "", two, one), "Bearer second", 0},
		{"a vault that is gone is passed by", at(server, "", "vault_gone", two), "Bearer second", 0},
		{"named", at(server, old.ID, one, two), "Bearer old", 0},
		{"named in a later vault", at(server, second.ID, one, two), "Bearer second", 0},
		{"named, another path of the origin", at("https://mcp.example.com/other", second.ID, two), "Bearer second", 0},
		{"another path has none of its own", at("https://mcp.example.com/other", "", one, two), "", 0},
		{"another host", at("https://mcp.example.org/mcp", "", one, two), "", 0},
		{"no vault", at(server, ""), "", 0},
		{"its own header", withHeader, "", 0},
		{"a source of the server's own", at("craton:builtin", "", one), "", 0},
		{"named, another host", at("https://mcp.example.org/mcp", old.ID, one), "", model.Invalid},
		{"named, another port", at("https://mcp.example.com:8443/mcp", old.ID, one), "", model.Invalid},
		{"named, without TLS", at("http://mcp.example.com/mcp", old.ID, one), "", model.Invalid},
		{"named, no address", at("", old.ID, one), "", model.Invalid},
		{"named, of an environment", at(server, env.ID, two), "", model.Invalid},
		{"named, in another vault", at(server, second.ID, one), "", model.NotFound},
		{"named, deleted", at(server, gone.ID, two), "", model.NotFound},
	} {
		header, err := s.Authorize(t.Context(), "t1", tc.server)
		if tc.kind != 0 {
			if !is(err, tc.kind, "") {
				t.Errorf("%s: %v", tc.name, err)
			}
			continue
		}
		if err != nil || header.Get("Authorization") != tc.want {
			t.Errorf("%s: %v %v", tc.name, header, err)
		}
	}
	if _, err := s.Authorize(t.Context(), "t2", at(server, old.ID, one)); !is(err, model.NotFound, "") {
		t.Errorf("another tenant uses the credential: %v", err)
	}
	if header, err := s.Authorize(t.Context(), "t2", at(server, "", one)); err != nil || header != nil {
		t.Errorf("another tenant uses the vault: %v %v", header, err)
	}
}

func TestUseIsAudited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.replica()
	in := w.vault(t, s)
	c := create(t, s, in, bearerSpec("hush", server))
	ctx := identity.WithPrincipal(t.Context(), identity.Principal{KeyID: "key-7"})
	if _, err := s.Authorize(ctx, "t1", at(server, c.ID, in)); err != nil {
		t.Fatal(err)
	}
	log := w.log.String()
	line := log[strings.LastIndex(strings.TrimSpace(log), "\n")+1:]
	for _, want := range []string{`"msg":"audit"`, `"action":"credential.use"`, `"tenant":"t1"`, `"principal":"key-7"`, c.ID, `"origin":"https://mcp.example.com:443"`, `"granted":true`} {
		if !strings.Contains(line, want) {
			t.Errorf("the line lacks %s: %s", want, line)
		}
	}
	if strings.Contains(log, "hush") {
		t.Error("the log holds the secret")
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.replica()
	in := w.vault(t, s)
	c := create(t, s, in, bearerSpec("x", server))
	sealed, err := s.Seal(t.Context(), "t1", "sess_1", server, map[string]string{"X-Key": "v"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		server tool.Server
		param  string
	}{
		{at(server, "", in), ""},
		{at(server, c.ID, in), ""},
		{at(server, c.ID), "credential_id"},
		{at(server, "cred_unknown", in), "credential_id"},
		{at(server, sealed, in), "credential_id"},
		{at("https://other.example.com", c.ID, in), "credential_id"},
		{at(server, c.ID, "vault_unknown", in), "vault_ids"},
	} {
		err := s.Check(t.Context(), "t1", tc.server)
		if tc.param == "" && err != nil || tc.param != "" && !is(err, model.Invalid, tc.param) {
			t.Errorf("%+v: %v", tc.server, err)
		}
	}
}

func TestInline(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.replica()
	ctx := t.Context()
	seal := func(owner string) string {
		id, err := s.Seal(ctx, "t1", owner, server, map[string]string{"Authorization": "Bearer hush", "x-key": "k"})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	a, b, other := seal("sess_1"), seal("sess_1"), seal("sess_12")
	header, err := s.Authorize(ctx, "t1", at(server, a))
	if err != nil || header.Get("Authorization") != "Bearer hush" || header.Get("X-Key") != "k" {
		t.Fatal(header, err)
	}
	if _, err := s.Authorize(ctx, "t1", at("https://evil.example.com/mcp", a)); !is(err, model.Invalid, "") {
		t.Errorf("presented elsewhere: %v", err)
	}
	if _, err := s.Authorize(ctx, "t2", at(server, a)); !is(err, model.NotFound, "") {
		t.Errorf("presented for another tenant: %v", err)
	}
	if again, err := s.Refused(ctx, "t1", at(server, a), header); err != nil || again {
		t.Errorf("an inline header is renewed: %v %v", again, err)
	}
	if err := s.Forget(ctx, "t1", "sess_1"); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{a, b} {
		if _, err := s.Authorize(ctx, "t1", at(server, id)); !is(err, model.NotFound, "") {
			t.Errorf("%s is still there: %v", id, err)
		}
	}
	if _, err := s.Authorize(ctx, "t1", at(server, other)); err != nil {
		t.Errorf("another session's is gone: %v", err)
	}
	if err := s.Forget(ctx, "t1", other, a, "sess_unknown"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Authorize(ctx, "t1", at(server, other)); !is(err, model.NotFound, "") {
		t.Errorf("%s is still there: %v", other, err)
	}
	for _, bad := range []map[string]string{{"Host": "x"}, {"a b": "x"}, {"": "x"}, {"X": "a\r\nY: b"}, {"X": "1", "x": "2"}, {"Mcp-Session-Id": "x"}} {
		if _, err := s.Seal(ctx, "t1", "sess_1", server, bad); !is(err, model.Invalid, "") {
			t.Errorf("%v: %v", bad, err)
		}
	}
}
