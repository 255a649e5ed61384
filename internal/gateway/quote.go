package gateway

import (
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/route"
)

// Serving returns the cards of the models that may serve a caller's request by
// this name, fallbacks too: what it may cost. Errors are those of a request.
func (g *Gateway) Serving(who *identity.Principal, dialect model.Dialect, name string) ([]*model.Card, error) {
	_, candidates, err := g.candidates(who, route.Facts{Model: name, Dialect: dialect})
	if err != nil {
		return nil, err
	}
	cards := make([]*model.Card, len(candidates))
	for i := range candidates {
		cards[i] = candidates[i].Card
	}
	return cards, nil
}
