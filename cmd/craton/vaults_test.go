package main

import (
	"crypto/rand"
	"testing"

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
