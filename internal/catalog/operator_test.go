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
