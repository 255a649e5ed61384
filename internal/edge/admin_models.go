package edge

import (
	"fmt"
	"strings"

	"github.com/craton-ai/craton/internal/model"
)

// modelView is a model card as the admin API shows it.
type modelView struct {
	ID              string             `json:"id"`
	Name            string             `json:"name,omitempty"`
	Upstream        string             `json:"upstream"`
	Vendor          string             `json:"vendor,omitempty"`
	Licence         string             `json:"licence,omitempty"`
	ContextTokens   int                `json:"context_tokens,omitzero"`
	MaxOutputTokens int                `json:"max_output_tokens,omitzero"`
	Input           []string           `json:"input,omitempty"`
	Output          []string           `json:"output,omitempty"`
	Capabilities    []model.Capability `json:"capabilities,omitempty"`
	Aliases         []string           `json:"aliases,omitempty"`
	// AliasOf is upstream/model where id is the operator's own name for it.
	AliasOf string   `json:"alias_of,omitempty"`
	Regions []string `json:"regions,omitempty"`
	// Prices are US dollars per million tokens by kind, exactly, as decimal text.
	Prices     map[string]string `json:"prices_usd_per_million,omitempty"`
	PricesAsOf string            `json:"prices_as_of,omitempty"`
	Deprecated bool              `json:"deprecated,omitzero"`
	// Reasons say why this upstream serves the name that was asked for.
	Reasons []string `json:"reasons,omitempty"`
}

func viewModel(card *model.Card) modelView {
	v := modelView{
		ID: card.ID, Name: card.Name, Upstream: card.Upstream, Vendor: card.Vendor, Licence: card.Licence,
		ContextTokens: card.ContextTokens, MaxOutputTokens: card.MaxOutputTokens, Input: card.Input, Output: card.Output,
		Capabilities: card.Capabilities, Aliases: card.Aliases, AliasOf: card.AliasOf, Regions: card.Regions, Deprecated: card.Deprecated,
	}
	if !card.Price.Known {
		return v
	}
	p := card.Price
	v.PricesAsOf, v.Prices = p.AsOf, map[string]string{}
	for kind, nano := range map[string]int64{
		"input": p.Input, "cache_read": p.CacheRead, "cache_write_5m": p.CacheWrite5m, "cache_write_1h": p.CacheWrite1h,
		"output": p.Output, "reasoning": p.Reasoning, "audio_input": p.AudioInput, "audio_output": p.AudioOutput,
	} {
		if nano != 0 {
			v.Prices[kind] = perMillion(nano)
		}
	}
	if len(v.Prices) == 0 { // known to be free is not unknown
		v.Prices["input"], v.Prices["output"] = "0", "0"
	}
	return v
}

// perMillion writes nano-USD per token as US dollars per million tokens: a thousandth of the number.
func perMillion(nano int64) string {
	s := strings.TrimRight(fmt.Sprintf("%d.%03d", nano/1000, nano%1000), "0")
	return strings.TrimSuffix(s, ".")
}

func (h *Handler) adminListModels(c *call) error {
	cards, err := h.opts.Gateway.Models(c.r.Context(), c.who)
	if err != nil {
		return err
	}
	out := list[modelView]{Data: []modelView{}}
	for i := range cards {
		out.Data = append(out.Data, viewModel(&cards[i]))
	}
	return c.answer(out)
}

func (h *Handler) adminShowModel(c *call) error {
	card, reasons, err := h.opts.Gateway.Explain(c.r.Context(), c.who, c.r.PathValue("id"))
	if err != nil {
		return err
	}
	v := viewModel(card)
	v.Reasons = reasons
	return c.answer(v)
}
