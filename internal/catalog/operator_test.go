package catalog_test

import (
	"testing"

	"github.com/craton-ai/craton/internal/catalog"
	"github.com/craton-ai/craton/internal/catalog/table"
	"github.com/craton-ai/craton/internal/model"
)

// TestOperatorsPricesWin sets a price for a model whose upstream says that it
// is free, as the built-in engine does.
func TestOperatorsPricesWin(t *testing.T) {
	t.Parallel()
	rate, err := table.ParseRate("2.5")
	if err != nil {
		t.Fatal(err)
	}
	c, err := catalog.New([]table.Row{{ID: "mine", AsOf: "2026-03-14", Rates: &table.Rates{Input: rate, Output: rate}}, {ID: "yours", Vendor: "you"}})
	if err != nil {
		t.Fatal(err)
	}
	free := model.Price{Known: true}
	mine := c.Complete(model.Card{ID: "mine", Price: free})
	if cost, known := c.Cost(&mine, model.Usage{Input: 1000, Output: 1000}); !known || cost != 5_000_000 {
		t.Errorf("2000 tokens at 2.5 USD a million cost %d nano-USD", cost)
	}
	if yours := c.Complete(model.Card{ID: "yours", Price: free}); yours.Price != free {
		t.Errorf("a row without a price changed what the upstream told: %+v", yours.Price)
	}
}

// TestOperatorsPriceOfOneUpstream sets the price of a model where one upstream
// sells it, and checks that no other upstream's is touched.
func TestOperatorsPriceOfOneUpstream(t *testing.T) {
	t.Parallel()
	rate, err := table.ParseRate("3")
	if err != nil {
		t.Fatal(err)
	}
	c, err := catalog.New([]table.Row{{ID: "here/m", Rates: &table.Rates{Input: rate}}, {ID: "org/m", Rates: &table.Rates{Input: 2 * rate}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []struct {
		card model.Card
		want int64
	}{
		{model.Card{ID: "m", Upstream: "here"}, 3000},
		{model.Card{ID: "m", Upstream: "here", Price: model.Price{Known: true}}, 3000},
		{model.Card{ID: "m", Upstream: "there"}, -1},
		{model.Card{ID: "m", Upstream: "there", Price: model.Price{Known: true, Input: 7}}, 7},
		{model.Card{ID: "org/m", Upstream: "there"}, 6000},
	} {
		card := c.Complete(k.card)
		cost, known := c.Cost(&card, model.Usage{Input: 1})
		if !known {
			cost = -1
		}
		if cost != k.want {
			t.Errorf("a token of %s/%s costs %d nano-USD, want %d", k.card.Upstream, k.card.ID, cost, k.want)
		}
	}
}

// TestOperatorNamesAnAlias prices a known model by another of its names: the
// card keeps what is known of it, under every name.
func TestOperatorNamesAnAlias(t *testing.T) {
	t.Parallel()
	plain, err := catalog.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	var id, alias string
	for _, card := range plain.Cards() {
		for _, a := range card.Aliases {
			if known, _ := plain.Lookup(a); card.Vendor != "" && known.ID == card.ID {
				id, alias = card.ID, a
			}
		}
	}
	if alias == "" {
		t.Fatal("no card has an alias")
	}
	rate, err := table.ParseRate("2.5")
	if err != nil {
		t.Fatal(err)
	}
	other := &table.Rates{Input: 2 * rate}
	for name, rows := range map[string][]table.Row{
		"the alias":         {{ID: alias, Rates: &table.Rates{Input: rate}}},
		"the id after that": {{ID: alias, Rates: other}, {ID: id, Rates: &table.Rates{Input: rate}}},
		"in either order":   {{ID: id, Rates: &table.Rates{Input: rate}}, {ID: alias, Rates: other}},
	} {
		c, err := catalog.New(rows)
		if err != nil {
			t.Fatal(err)
		}
		before, _ := plain.Lookup(alias)
		for _, n := range []string{id, alias} {
			card, ok := c.Lookup(n)
			if !ok || card.Vendor != before.Vendor || card.ContextTokens != before.ContextTokens || card.ID != id {
				t.Errorf("%s: %s became %+v", name, n, card)
			}
			listed := c.Complete(model.Card{ID: n, Upstream: "u"})
			if cost, known := c.Cost(&listed, model.Usage{Input: 1000}); !known || cost != 2_500_000 {
				t.Errorf("%s: 1000 tokens of %s cost %d nano-USD", name, n, cost)
			}
		}
	}
}

// TestOperatorPricesAnything sets a price for what has none, and for nothing else.
func TestOperatorPricesAnything(t *testing.T) {
	t.Parallel()
	rate, err := table.ParseRate("0.0005")
	if err != nil {
		t.Fatal(err)
	}
	c, err := catalog.New([]table.Row{{ID: catalog.Anything, Rates: &table.Rates{Input: rate}}, {ID: "mine", Rates: &table.Rates{Input: 2 * rate}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []struct {
		card model.Card
		want int64
	}{
		{model.Card{ID: "nobody-knows-it", Upstream: "u"}, 500_000}, {model.Card{ID: "mine", Upstream: "u"}, 1_000_000},
		{model.Card{ID: "free", Price: model.Price{Known: true}}, 0},
	} {
		card := c.Complete(k.card)
		if cost, known := c.Cost(&card, model.Usage{Input: 1_000_000}); !known || cost != k.want {
			t.Errorf("a million tokens of %s cost %d nano-USD, want %d", k.card.ID, cost, k.want)
		}
	}
	if _, ok := c.Lookup(catalog.Anything); ok {
		t.Error("it is a model")
	}
}
