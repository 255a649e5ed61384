package main

import (
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/craton-ai/craton/internal/catalog"
	"github.com/craton-ai/craton/internal/catalog/table"
	"github.com/craton-ai/craton/internal/config"
	"github.com/craton-ai/craton/internal/model"
)

// cards is the catalogue in use; a reload replaces it.
type cards struct {
	atomic.Pointer[catalog.Catalog]
}

func (c *cards) complete(card model.Card) model.Card { return c.Load().Complete(card) }

func (c *cards) cost(card *model.Card, u model.Usage) (nanoUSD int64, known bool) {
	return c.Load().Cost(card, u)
}

// worst is the most a call may cost that uses at most so much.
func (c *cards) worst(card *model.Card, most model.Usage) (nanoUSD int64, known bool) {
	return c.Load().Worst(card, catalog.Ask{InputTokens: most.InputTotal(), OutputTokens: most.Output,
		Audio: most.AudioInput > 0, ServiceTier: most.ServiceTier})
}

// doubtPrices warns of prices that no model listed now would be charged.
func (svc *service) doubtPrices(cfg *config.Config) {
	for _, name := range slices.Sorted(maps.Keys(cfg.Prices)) {
		if name != catalog.Anything && !svc.gateway.Lists(name) {
			svc.log.Warn("a price is set for a model that no upstream lists now", "price", name,
				"hint", "a key of `prices` is upstream/model, or a model's id: `craton models list` shows them")
		}
	}
}

// newCatalog builds the catalogue with the operator's prices.
func newCatalog(cfg *config.Config) (*catalog.Catalog, error) {
	var rows []table.Row
	for _, id := range slices.Sorted(maps.Keys(cfg.Prices)) {
		rates, field, err := exact(cfg.Prices[id])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", cfg.At("prices."+id+"."+field), err)
		}
		rows = append(rows, table.Row{ID: id, AsOf: time.Now().UTC().Format(time.DateOnly), Rates: rates})
	}
	return catalog.New(rows)
}

// exact reads the operator's prices; field is the one that cannot be read.
func exact(p config.Price) (rates *table.Rates, field string, err error) {
	var r table.Rates
	for _, f := range []struct {
		name, text string
		rate       *table.Rate
	}{{"input", p.Input, &r.Input}, {"output", p.Output, &r.Output}, {"cache_read", p.CacheRead, &r.CacheRead},
		{"cache_write_5m", p.CacheWrite5m, &r.CacheWrite5m}, {"cache_write_1h", p.CacheWrite1h, &r.CacheWrite1h}} {
		if f.text == "" {
			continue
		}
		if *f.rate, err = table.ParseRate(f.text); err != nil {
			return nil, f.name, err
		}
	}
	return &r, "", nil
}
