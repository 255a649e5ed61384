package main

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/async"
	"github.com/craton-ai/craton/internal/blob"
	"github.com/craton-ai/craton/internal/config"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
)

// testService is a server without a listener, and its first administrator.
func testService(t *testing.T, change func(*config.Config)) (*service, identity.Bootstrapped) {
	t.Helper()
	s := streams{out: io.Discard, err: io.Discard, getenv: func(string) string { return "" }}
	cfg, err := config.Load("", s.getenv, func(c *config.Config) {
		c.Data, c.Engine.Disabled = t.TempDir(), true
		c.Upstreams = []config.Upstream{{Name: "script", Kind: "script"}}
		if change != nil {
			change(c)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	st, err := openState(t.Context(), cfg, s)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	first, err := st.directory.Bootstrap(t.Context(), identity.Preset{})
	if err != nil {
		t.Fatal(err)
	}
	svc, err := newService(t.Context(), cfg, st, s, log, "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { svc.close(context.Background()) })
	return svc, first
}

// TestAsyncReadsOwnObjects runs async invocations whose documents lie in the
// object space: the caller's own is read, nobody else's is.
func TestAsyncReadsOwnObjects(t *testing.T) {
	t.Parallel()
	svc, first := testService(t, nil)
	st := svc.state
	tenant := first.Tenant.ID
	if err := st.objects.CreateBucket(t.Context(), tenant, "mine"); err != nil {
		t.Fatal(err)
	}
	if _, err := st.objects.Put(t.Context(), tenant, "mine", "a.txt", strings.NewReader("some words"), blob.Attributes{}, nil); err != nil {
		t.Fatal(err)
	}
	invoke := func(address string) error {
		job := &async.Job{Tenant: tenant, KeyID: first.Bearer.Key.ID, ID: "job", Model: "script/script-chat", Family: "nova", Modified: time.Now(),
			Input: []byte(`{"schemaVersion":"messages-v1","messages":[{"role":"user","content":[{"text":"Hello"},
				{"document":{"format":"txt","name":"d","source":{"s3Location":{"uri":"` + address + `"}}}}]}]}`)}
		_, err := svc.invokeAsync(t.Context(), job)
		return err
	}
	if err := invoke("s3://mine/a.txt"); err != nil {
		t.Error("the caller's own object:", err)
	}
	if e := model.AsError(invoke("s3://theirs/a.txt")); e == nil || e.Kind != model.Invalid || !strings.Contains(e.Message, "your object space") {
		t.Errorf("an object that is not the caller's: got %v", e)
	}
}
