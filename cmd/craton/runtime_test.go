package main

import (
	"maps"
	"testing"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/usage"
)

// TestAgentsAreTaggedAsTheirKey asks a model on behalf of sessions: usage has
// the tags of their keys, and the session's unless a key has one of that name.
func TestAgentsAreTaggedAsTheirKey(t *testing.T) {
	t.Parallel()
	svc, first := testService(t, nil)
	admin, _, err := svc.state.directory.AuthenticateBearer(t.Context(), first.Bearer.Token)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ key, want map[string]string }{
		{nil, map[string]string{"session": "sess_1"}},
		{map[string]string{"team": "search"}, map[string]string{"session": "sess_1", "team": "search"}},
		{map[string]string{"Session": "theirs"}, map[string]string{"Session": "theirs"}},
	} {
		issued, err := svc.state.directory.CreateKey(identity.WithPrincipal(t.Context(), admin), identity.KeySpec{Name: "agents", Tags: c.key})
		if err != nil {
			t.Fatal(err)
		}
		who := driver.Asker{Tenant: first.Tenant.ID, Session: "sess_1", Principal: agent.Principal{Key: issued.Key.ID}}
		answer, err := models{svc}.Ask(t.Context(), who, &model.Request{Model: "script/script-chat", Messages: []model.Message{model.UserText("Hello")}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := model.Collect(answer.Stream); err != nil {
			t.Fatal(err)
		}
		if err := svc.guards.meter.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		list, err := svc.state.db.Records(t.Context(), usage.Filter{Tenant: first.Tenant.ID, KeyID: issued.Key.ID}, "", 0)
		if err != nil || len(list) != 1 || !maps.Equal(list[0].Tags, c.want) {
			t.Errorf("a key tagged %v: %+v, %v", c.key, list, err)
		}
	}
}
