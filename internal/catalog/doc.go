// Package catalog knows models: what they can do, how long their context is,
// where they are served and what they cost. It is for routing (capabilities),
// metering (cost), and everyone who lists or explains models.
//
// Cards are data: cards.jsonl is written by the generator in the directory
// generate from public price lists, with their date; ours.jsonl holds
// hand-checked corrections; the operator's rows come last and win. Geographies
// of inference profiles are data as well (geographies.json).
//
// Guarantees: a Catalog is immutable and safe for concurrent use. Money is
// integer: prices are held to the pico-USD per token, costs are rounded once,
// to the nano-USD, and saturate instead of overflowing. A model without a
// known price has an unknown cost, never a cost of zero.
//
//	c, err := catalog.New(nil)
//	…
//	card := c.Complete(model.Card{ID: "gpt-5", Upstream: "openai"})
//	nano, known := c.Cost(&card, usage)
package catalog
