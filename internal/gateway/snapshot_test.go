package gateway

import (
	"testing"

	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/route"
)

// TestRenamedTenantsSeeAnew renames a tenant out of an upstream's list.
func TestRenamedTenantsSeeAnew(t *testing.T) {
	t.Parallel()
	w := newWorld([]Upstream{{Name: "u", Provider: relaying{}, Tenants: []string{"acme"}}}, [][]model.Card{{{ID: "m"}}}, Names{},
		func(card model.Card) model.Card { return card })
	sees := func(name string) bool {
		snap, err := w.view(&identity.Tenant{ID: "tnt_1", Name: name})
		if err != nil {
			t.Fatal(err)
		}
		_, err = snap.Route(route.Facts{Model: "u/m"}, route.Conditions{})
		return err == nil
	}
	if !sees("acme") || sees("renamed") || !sees("acme") {
		t.Error("what a tenant sees does not follow its name")
	}
}
