package provider

import (
	"net/url"
	"strings"

	"github.com/craton-ai/craton/internal/model"
)

// Base checks a base URL and returns it without a trailing slash. Credentials,
// queries and fragments are refused: they would end up in logs or be lost.
func Base(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", model.Errorf(model.Invalid, "base_url", "The upstream's base URL must be an http or https address.").
			WithHint("Write it like https://api.example.com/v1.")
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", model.Errorf(model.Invalid, "base_url", "The upstream's base URL must hold neither credentials nor a query.").
			WithHint("Give the key as the upstream's api_key.")
	}
	return strings.TrimRight(raw, "/"), nil
}

// Cards are the cards of the configured models, for upstreams that are not asked.
func Cards(cfg Config, dialect model.Dialect) []model.Card {
	cards := make([]model.Card, len(cfg.Models))
	for i, id := range cfg.Models {
		cards[i] = model.Card{ID: id, Upstream: cfg.Name, Dialects: []model.Dialect{dialect}}
	}
	return cards
}
