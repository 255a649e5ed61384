package all_test

import (
	"slices"
	"testing"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/provider"
	"github.com/craton-ai/craton/internal/provider/all"
)

func TestEveryKindOpens(t *testing.T) {
	t.Parallel()
	for _, kind := range all.Kinds() {
		p, err := all.New(provider.Config{Kind: kind, BaseURL: "http://127.0.0.1:1", Region: "r-1"})
		if err != nil || p == nil {
			t.Errorf("%s: got %v, %v", kind, p, err)
			continue
		}
		_, relays := model.As[model.Relay](p)
		if speaks := len(all.Dialects(kind)) > 0; speaks != relays {
			t.Errorf("%s: speaks a dialect: %t, relays: %t", kind, speaks, relays)
		}
		if _, ok := model.As[model.Lister](p); !ok {
			t.Errorf("%s cannot list its models", kind)
		}
	}
}

func TestBadConfigurations(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]provider.Config{
		"kind":     {Kind: "magic"},
		"base_url": {Kind: "openai", BaseURL: "nowhere"},
		"region":   {Kind: "bedrock"},
	} {
		p, err := all.New(cfg)
		if e := model.AsError(err); e == nil || e.Kind != model.Invalid || e.Subject != name || p != nil {
			t.Errorf("%s: got %v, %v; want an invalid member and no provider", name, p, err)
		}
	}
	if _, err := all.New(provider.Config{Kind: "azure"}); err == nil {
		t.Error("an Azure upstream needs its address")
	}
}

func TestScriptServesConfiguredNames(t *testing.T) {
	t.Parallel()
	p, err := all.New(provider.Config{Kind: "script", Models: []string{"script-a"}})
	if err != nil {
		t.Fatal(err)
	}
	lister, _ := model.As[model.Lister](p)
	cards, err := lister.Models(t.Context())
	if err != nil || !slices.ContainsFunc(cards, func(c model.Card) bool { return c.ID == "script-a" && c.Vendor == "craton" }) {
		t.Errorf("got %v, %v", cards, err)
	}
}
