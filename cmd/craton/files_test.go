package main

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/config"
	"github.com/craton-ai/craton/internal/file"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
	"github.com/craton-ai/craton/internal/tool/builtin"
)

// TestFiles keeps files of a served installation within its limits and lets the
// search see them.
func TestFiles(t *testing.T) {
	t.Parallel()
	svc, first := testService(t, func(cfg *config.Config) { cfg.Limits.TenantFileBytes, cfg.Limits.MaxFileBytes = 100, 60 })
	ctx, tenant, files := t.Context(), first.Tenant.ID, svc.state.files
	upload := func(content string) (file.File, error) {
		return files.Create(ctx, tenant, file.Upload{Name: "notes.md", Content: strings.NewReader(content),
			Finish: func() (file.Terms, error) { return file.Terms{Purpose: "user_data", Life: time.Hour}, nil }})
	}
	f, err := upload("Herons stand in shallow water.")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := upload(strings.Repeat("x", 58)); err != nil {
		t.Error(err)
	}
	for size, limit := range map[int]string{61: "max_file_bytes", 20: "tenant_file_bytes"} {
		if _, err := upload(strings.Repeat("x", size)); err == nil || !strings.Contains(model.AsError(err).Public(), limit) {
			t.Errorf("%d bytes: %v, want %s", size, err, limit)
		}
	}
	search, err := builtin.New(builtin.Config{Files: searched{files}}).Source("file_search")
	if err != nil {
		t.Fatal(err)
	}
	result, err := search.Call(ctx, tool.Call{Name: "file_search", Tenant: tenant, Arguments: []byte(`{"query":"heron herons"}`)})
	if err != nil || result.Error || !strings.Contains(string(result.Structured), f.ID) {
		t.Errorf("%s %v", result.Structured, err)
	}
	if strings.Contains(string(mustSearch(t, search, "someone-else")), f.ID) {
		t.Error("another tenant's search sees the file")
	}
	_, r, err := files.Open(ctx, tenant, f.ID)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(r); err != nil || len(text) != int(f.Size) || r.Close() != nil {
		t.Errorf("%q %v", text, err)
	}
}

func mustSearch(t *testing.T, search tool.Source, tenant string) []byte {
	t.Helper()
	result, err := search.Call(t.Context(), tool.Call{Name: "file_search", Tenant: tenant, Arguments: []byte(`{"query":"herons"}`)})
	if err != nil {
		t.Fatal(err)
	}
	return result.Structured
}

// TestUploadedFilesInRequests reads the caller's own file for a request, and no
// other's, whoever is asked.
func TestUploadedFilesInRequests(t *testing.T) {
	t.Parallel()
	svc, first := testService(t, nil)
	ctx, tenant := t.Context(), first.Tenant
	f, err := svc.state.files.Create(ctx, tenant.ID, file.Upload{Name: "a.txt", Content: strings.NewReader("words"),
		Finish: func() (file.Terms, error) { return file.Terms{Purpose: "user_data"}, nil }})
	if err != nil {
		t.Fatal(err)
	}
	who := identity.Principal{Tenant: tenant, Roles: []identity.Role{identity.Developer}}
	got, err := svc.state.uploaded(ctx, who, f.ID, 5)
	if err != nil || string(got.Data) != "words" || got.MIME != "text/plain" || got.Name != "a.txt" {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := svc.state.uploaded(ctx, who, "file-of-the-vendor", 5); got != nil || err != nil {
		t.Errorf("a file that is not here: %+v %v", got, err)
	}
	if got, err := svc.state.uploaded(ctx, identity.Principal{Tenant: identity.Tenant{ID: "other"}, Roles: who.Roles}, f.ID, 5); got != nil || err != nil {
		t.Errorf("another tenant's: %+v %v", got, err)
	}
	if _, err := svc.state.uploaded(ctx, who, f.ID, 4); err == nil || model.AsError(err).Kind != model.TooLarge {
		t.Errorf("a large one: %v", err)
	}
	who.Scopes = []identity.Scope{"model:*"}
	if _, err := svc.state.uploaded(ctx, who, f.ID, 5); err == nil || model.AsError(err).Kind != model.Forbidden {
		t.Errorf("without permission: %v", err)
	}
}
