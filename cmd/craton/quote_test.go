package main

import (
	"testing"

	"github.com/craton-ai/craton/internal/model"
)

// TestQuoteIsTheDearest: a name that several models may serve costs what the
// dearest does, and has a price only if all have.
func TestQuoteIsTheDearest(t *testing.T) {
	t.Parallel()
	price := func(card *model.Card, u model.Usage) (int64, bool) {
		return u.Total() * int64(len(card.ID)), card.ID != "free"
	}
	short, long := &model.Card{ID: "a", MaxOutputTokens: 10}, &model.Card{ID: "abc", MaxOutputTokens: 20}
	q := quoteOf([]*model.Card{short, long}, price, price)
	if nano, known := q.Worst(model.Usage{Input: 2}); nano != 6 || !known || q.MaxOutput != 20 {
		t.Errorf("it costs %d (%v) and has %d tokens", nano, known, q.MaxOutput)
	}
	q = quoteOf([]*model.Card{short, {ID: "free"}}, price, price)
	if _, known := q.Cost(model.Usage{Input: 2}); known || q.MaxOutput != 0 {
		t.Errorf("it is priced: %v, and has %d tokens", known, q.MaxOutput)
	}
}
