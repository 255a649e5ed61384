package gateway

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
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

// fragile lists its models, or breaks down.
type fragile struct {
	relaying
	broken *bool
}

func (f fragile) Models(context.Context) ([]model.Card, error) {
	if *f.broken {
		panic("no listing today")
	}
	return []model.Card{{ID: "m"}}, nil
}

// TestListingsThatBreakDown: the upstream keeps what it listed before, the log
// says so, and the others are listed.
func TestListingsThatBreakDown(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	var broken, whole bool
	upstreams := []Upstream{{Name: "frail", Provider: fragile{broken: &broken}}, {Name: "sound", Provider: fragile{broken: &whole}}}
	logger := slog.New(slog.NewTextHandler(&log, nil))
	first := list(t.Context(), upstreams, nil, logger)
	broken = true
	second := list(t.Context(), upstreams, map[string][]model.Card{"frail": first[0]}, logger)
	for i, cards := range second {
		if len(cards) != 1 || cards[0].ID != "m" {
			t.Errorf("%s lists %+v", upstreams[i].Name, cards)
		}
	}
	if said := log.String(); !strings.Contains(said, "upstream=frail") || !strings.Contains(said, "no listing today") || strings.Contains(said, "sound") {
		t.Errorf("the log says %s", said)
	}
}
