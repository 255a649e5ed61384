package main

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/config"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/secret"
	"github.com/craton-ai/craton/internal/tool"
	"github.com/craton-ai/craton/internal/vault"
)

// TestRotateMasterUnderVaults replaces the master key of a server that keeps
// credentials of tenants: they stay usable, and the old key is forgotten.
func TestRotateMasterUnderVaults(t *testing.T) {
	t.Parallel()
	svc, first := testService(t, nil)
	ctx, tenant, vaults := t.Context(), first.Tenant.ID, svc.state.vaults
	const server = "https://mcp.example.com/mcp"
	v, err := vaults.Create(ctx, tenant, vault.Change{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = vaults.CreateCredential(ctx, tenant, v.ID, vault.Spec{Name: "c", Auth: vault.Auth{Kind: vault.Bearer, ServerURL: server}, Secrets: vault.Secrets{Token: "token"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := svc.state.rotateMaster(ctx, svc.state.keyFile); err != nil {
		t.Fatal(err)
	}
	// What a server that starts from the file now has: the new key alone.
	keys, err := secret.Load(ctx, secret.Source{File: svc.state.keyFile}, rand.Reader)
	if err != nil || len(keys) != 1 {
		t.Fatalf("%d keys are in the file: %v", len(keys), err)
	}
	if err := svc.state.sealer.Replace(keys...); err != nil {
		t.Fatal(err)
	}
	header, err := vaults.Authorize(ctx, tenant, tool.Server{Label: "s", URL: server, Vaults: []string{v.ID}})
	if err != nil || header.Get("Authorization") != "Bearer token" {
		t.Errorf("%v %v", header, err)
	}
}

// TestTokensAreRefreshedWithinPolicy asks token endpoints over the network that
// the operator allows, follows none of them elsewhere, and asks no other.
func TestTokensAreRefreshedWithinPolicy(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		fmt.Fprintf(w, `{"access_token":"fresh","token_type":"bearer","expires_in":3600,"refresh_token":"%s-next"}`, r.PostFormValue("refresh_token"))
	})
	mux.Handle("POST /elsewhere", http.RedirectHandler("/token", http.StatusTemporaryRedirect))
	endpoint := httptest.NewServer(mux)
	defer endpoint.Close()
	svc, first := testService(t, func(cfg *config.Config) { cfg.Egress.Hosts = []string{"127.0.0.1"} })
	ctx, tenant, vaults := t.Context(), first.Tenant.ID, svc.state.vaults
	v, err := vaults.Create(ctx, tenant, vault.Change{})
	if err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]string{
		endpoint.URL + "/token":     "",
		endpoint.URL + "/elsewhere": "something else than a token",
		"https://10.0.0.1/token":    "may not be reached",
	} {
		c, err := vaults.CreateCredential(ctx, tenant, v.ID, vault.Spec{Name: "c", Secrets: vault.Secrets{Token: "old", RefreshToken: "first"},
			Auth: vault.Auth{Kind: vault.OAuth, ServerURL: endpoint.URL + "/mcp", ExpiresAt: time.Now().Add(-time.Hour),
				Refresh: &vault.Refresh{ClientID: "c", TokenEndpoint: url, ClientAuth: vault.ClientNone}}})
		if err != nil {
			t.Fatal(err)
		}
		header, err := vaults.Authorize(ctx, tenant, tool.Server{Label: "s", URL: endpoint.URL + "/mcp", Credential: c.ID, Vaults: []string{v.ID}})
		switch {
		case want == "" && (err != nil || header.Get("Authorization") != "Bearer fresh"):
			t.Errorf("%s: %v %v", url, header, err)
		case want != "" && (err == nil || !strings.Contains(model.AsError(err).Public(), want)):
			t.Errorf("%s: %v %v, want %q", url, header, err, want)
		}
	}
	if asked.Load() != 1 {
		t.Errorf("the endpoint was asked %d times", asked.Load())
	}
}
