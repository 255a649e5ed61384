package catalog

import (
	"bytes"
	_ "embed" // for the tables
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/craton-ai/craton/internal/catalog/table"
	"github.com/craton-ai/craton/internal/model"
)

//go:embed cards.jsonl
var generated []byte

//go:embed ours.jsonl
var ours []byte

//go:embed geographies.json
var geographies []byte

// Geography is a prefix of inference profile ids, with the regions a request
// under it may be served in; none means anywhere.
type Geography struct {
	Prefix  string   `json:"prefix"`
	Name    string   `json:"name"`
	Regions []string `json:"regions"`
}

// Source says where a catalogue's facts come from.
type Source struct {
	// Date is when they were collected, YYYY-MM-DD.
	Date string
	// Text names the lists.
	Text string
}

// entry is a card with its exact prices.
type entry struct {
	card  model.Card
	rates *table.Rates
	tiers map[string]table.Rates
	long  []table.Long
	// operator says that the price is the operator's own.
	operator bool
}

// Catalog is a set of model cards.
type Catalog struct {
	byID map[string]*entry
	// exact are the operator's entries whose id may name an upstream as well.
	exact map[string]*entry
	// fallback prices what nothing else does; nil without the operator's word.
	fallback    *entry
	ids         []string
	geographies []Geography
	source      Source
}

// Anything is the id of an operator's row whose prices hold for every model
// without a known price.
const Anything = "*"

// New builds the catalogue from the built-in tables and the operator's rows.
// A row with a known id, or a known card's alias, changes that card: fields that
// are set replace, and prices replace all of the card's prices. Of two rows for
// one card, the one with its id comes last. A row with a new id adds a card. The
// prices of a row whose id is "upstream/model" hold for that upstream only, and
// those of [Anything] for what has no price.
func New(operator []table.Row) (*Catalog, error) {
	sheet, err := table.Read(bytes.NewReader(generated))
	if err != nil {
		return nil, fmt.Errorf("catalog: cards.jsonl: %w", err)
	}
	corrections, err := table.Read(bytes.NewReader(ours))
	if err != nil {
		return nil, fmt.Errorf("catalog: ours.jsonl: %w", err)
	}
	c := &Catalog{byID: map[string]*entry{}, exact: map[string]*entry{}, source: Source{Date: sheet.Date, Text: sheet.Source}}
	if err := json.Unmarshal(geographies, &c.geographies); err != nil {
		return nil, fmt.Errorf("catalog: geographies.json: %w", err)
	}
	operator = slices.DeleteFunc(slices.Clone(operator), func(r table.Row) bool {
		if r.ID == Anything {
			c.fallback = &entry{card: cardOf(r), rates: r.Rates}
		}
		return r.ID == Anything
	})
	rows, err := merge(sheet, corrections, nil)
	if err != nil {
		return nil, err
	}
	operator, named := resolve(operator, rows)
	if rows, err = merge(&table.Sheet{Rows: rows, Date: sheet.Date}, &table.Sheet{}, operator); err != nil {
		return nil, err
	}
	for _, r := range rows {
		c.add(r)
	}
	for i, r := range operator {
		e := c.byID[r.ID]
		e.operator = e.operator || r.Rates != nil
		if r.Rates != nil && strings.Contains(named[i], "/") {
			c.exact[named[i]] = e
		}
	}
	eachAlias(rows, func(alias string, r table.Row) {
		if _, taken := c.byID[alias]; !taken {
			c.byID[alias] = c.byID[r.ID]
		}
	})
	slices.Sort(c.ids)
	return c, nil
}

// resolve gives the operator's rows that name a card by an alias that card's id,
// and puts them first. named are the names as they were written, in that order.
func resolve(operator, rows []table.Row) (resolved []table.Row, named []string) {
	ids, aliases := map[string]bool{}, map[string]string{}
	for _, r := range rows {
		ids[r.ID] = true
	}
	eachAlias(rows, func(alias string, r table.Row) {
		if _, taken := aliases[alias]; !taken {
			aliases[alias] = r.ID
		}
	})
	operator = slices.SortedFunc(slices.Values(operator), func(a, b table.Row) int { return strings.Compare(a.ID, b.ID) })
	for _, direct := range []bool{false, true} {
		for _, r := range operator {
			id, alias := aliases[r.ID]
			if alias = alias && !ids[r.ID]; alias == direct {
				continue
			}
			named = append(named, r.ID)
			if alias {
				r.ID = id
			}
			resolved = append(resolved, r)
		}
	}
	return resolved, named
}

// eachAlias goes through every alias. One that a vendor's own card shares with
// a reseller's ("vendor.model") means the vendor's, which comes first.
func eachAlias(rows []table.Row, see func(alias string, r table.Row)) {
	for _, resold := range []bool{false, true} {
		for _, r := range rows {
			if strings.HasPrefix(r.ID, r.Vendor+".") != resold {
				continue
			}
			for _, alias := range r.Aliases {
				see(alias, r)
			}
		}
	}
}

// merge applies corrections and the operator's rows, in this order.
func merge(sheet, corrections *table.Sheet, operator []table.Row) ([]table.Row, error) {
	rows := slices.Clone(sheet.Rows)
	place := map[string]int{}
	for i := range rows {
		rows[i].AsOf = first(rows[i].AsOf, sheet.Date)
		place[rows[i].ID] = i
	}
	apply := func(r table.Row) error {
		if r.ID == "" {
			return model.Errorf(model.Invalid, "prices", "A row of the model catalogue has no id.")
		}
		i, known := place[r.ID]
		if !known {
			place[r.ID] = len(rows)
			rows = append(rows, r)
			return nil
		}
		rows[i] = replace(rows[i], r)
		return nil
	}
	for _, r := range corrections.Rows {
		r.AsOf = first(r.AsOf, corrections.Date)
		if err := apply(r); err != nil {
			return nil, err
		}
	}
	for _, r := range operator {
		if err := apply(r); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// replace returns old with the fields that are set in new.
func replace(old, with table.Row) table.Row {
	old.Name, old.Vendor = first(with.Name, old.Name), first(with.Vendor, old.Vendor)
	old.Family, old.Licence = first(with.Family, old.Family), first(with.Licence, old.Licence)
	old.Released = first(with.Released, old.Released)
	old.Context, old.MaxOutput = first(with.Context, old.Context), first(with.MaxOutput, old.MaxOutput)
	old.Dimensions = first(with.Dimensions, old.Dimensions)
	old.Deprecated = old.Deprecated || with.Deprecated
	for _, f := range []struct{ old, with *[]string }{
		{&old.In, &with.In}, {&old.Out, &with.Out}, {&old.Can, &with.Can}, {&old.Regions, &with.Regions},
	} {
		if *f.with != nil {
			*f.old = *f.with
		}
	}
	old.Aliases = union(old.Aliases, with.Aliases)
	if with.Rates != nil {
		old.Rates, old.Tiers, old.Long, old.AsOf = with.Rates, with.Tiers, with.Long, with.AsOf
		for geography := range old.Geographies {
			old.Geographies[geography] = nil
		}
	}
	if with.Geographies != nil {
		old.Geographies = with.Geographies
	}
	return old
}

// first returns the first value that is set.
func first[T comparable](values ...T) T {
	var zero T
	for _, v := range values {
		if v != zero {
			return v
		}
	}
	return zero
}

func union(a, b []string) []string {
	u := slices.Clone(a)
	for _, s := range b {
		if !slices.Contains(u, s) {
			u = append(u, s)
		}
	}
	return u
}

func (c *Catalog) add(r table.Row) {
	e := &entry{card: cardOf(r), rates: r.Rates, tiers: r.Tiers, long: r.Long}
	c.byID[r.ID] = e
	c.ids = append(c.ids, r.ID)
	for prefix, rates := range r.Geographies {
		p := *e
		p.card.ID = prefix + "." + r.ID
		p.card.Aliases = nil
		for _, g := range c.geographies {
			if g.Prefix == prefix {
				p.card.Name, p.card.Regions = e.card.Name+" ("+g.Name+")", g.Regions
			}
		}
		if rates != nil {
			p.rates = rates
			p.tiers, p.long = scaled(p.tiers, p.long, r.Rates, rates)
			p.card.Price = priceOf(rates, r.AsOf)
		}
		c.byID[p.card.ID] = &p
		c.ids = append(c.ids, p.card.ID)
	}
}

func cardOf(r table.Row) model.Card {
	card := model.Card{
		ID: r.ID, Name: first(r.Name, r.ID), Vendor: r.Vendor, Family: r.Family, Aliases: r.Aliases,
		ContextTokens: r.Context, MaxOutputTokens: r.MaxOutput, Input: r.In, Output: r.Out,
		Dimensions: r.Dimensions, Licence: r.Licence, Regions: r.Regions, Deprecated: r.Deprecated,
		Price: priceOf(r.Rates, r.AsOf),
	}
	for _, can := range r.Can {
		card.Capabilities = append(card.Capabilities, model.Capability(can))
	}
	if day, err := time.Parse(time.DateOnly, r.Released); err == nil {
		card.Created = day.Unix()
	}
	return card
}

// priceOf rounds rates to the hub's whole nano-USD per token.
func priceOf(r *table.Rates, asOf string) model.Price {
	if r == nil {
		return model.Price{}
	}
	return model.Price{
		Input: r.Input.Nano(), CacheRead: r.CacheRead.Nano(), CacheWrite5m: r.CacheWrite5m.Nano(),
		CacheWrite1h: r.CacheWrite1h.Nano(), Output: r.Output.Nano(), Reasoning: r.Reasoning.Nano(),
		AudioInput: r.AudioInput.Nano(), AudioOutput: r.AudioOutput.Nano(), AsOf: asOf, Known: true,
	}
}

// Lookup finds a model by its id, an inference profile's id or an alias. The
// card is a copy whose slices are shared: do not write into them.
func (c *Catalog) Lookup(id string) (model.Card, bool) {
	e, ok := c.byID[id]
	if !ok {
		e = c.byProfile(id)
	}
	if e == nil {
		return model.Card{}, false
	}
	return e.card, true
}

// byProfile finds the model behind an inference profile the tables do not
// list: new geographies sell old models. Its price is then the base's.
func (c *Catalog) byProfile(id string) *entry {
	prefix, base, ok := strings.Cut(id, ".")
	if !ok || c.byID[base] == nil || !slices.ContainsFunc(c.geographies, func(g Geography) bool { return g.Prefix == prefix }) {
		return nil
	}
	return c.byID[base]
}

// Complete fills what an upstream's card leaves empty from the catalogue's
// card of that id. What the upstream told stays, but for a price that the
// operator set. A card unknown here keeps what it has.
func (c *Catalog) Complete(card model.Card) model.Card {
	if known, ok := c.Lookup(card.ID); ok {
		card = c.fill(card, known)
	}
	if e := c.at(&card); e != nil {
		card.Price = e.card.Price
	}
	if !card.Price.Known && c.fallback != nil {
		card.Price = c.fallback.card.Price
	}
	return card
}

// at is the operator's own entry for a model of one upstream; nil without one.
func (c *Catalog) at(card *model.Card) *entry {
	if len(c.exact) == 0 {
		return nil
	}
	return c.exact[card.Upstream+"/"+card.ID]
}

func (c *Catalog) fill(card, known model.Card) model.Card {
	card.Name, card.Vendor = first(card.Name, known.Name), first(card.Vendor, known.Vendor)
	card.Family, card.Licence = first(card.Family, known.Family), first(card.Licence, known.Licence)
	card.ContextTokens = first(card.ContextTokens, known.ContextTokens)
	card.MaxOutputTokens = first(card.MaxOutputTokens, known.MaxOutputTokens)
	card.Dimensions, card.Created = first(card.Dimensions, known.Dimensions), first(card.Created, known.Created)
	card.Deprecated = card.Deprecated || known.Deprecated
	card.Aliases = aliasesOf(card, known)
	if len(card.Input) == 0 {
		card.Input = known.Input
	}
	if len(card.Output) == 0 {
		card.Output = known.Output
	}
	if len(card.Capabilities) == 0 {
		card.Capabilities = known.Capabilities
	}
	if len(card.Regions) == 0 {
		card.Regions = known.Regions
	}
	if e := c.byID[card.ID]; !card.Price.Known || e != nil && e.operator {
		card.Price = known.Price
	}
	return card
}

// aliasesOf joins the names of a card served under one of its aliases. An
// inference profile is one way to reach a model and takes no other names.
func aliasesOf(card, known model.Card) []string {
	if strings.HasSuffix(card.ID, "."+known.ID) {
		return card.Aliases
	}
	all := union(card.Aliases, known.Aliases)
	if known.ID != card.ID {
		all = union(all, []string{known.ID})
	}
	return slices.DeleteFunc(all, func(a string) bool { return a == card.ID })
}

// Cards lists every card, inference profiles included, by id.
func (c *Catalog) Cards() []model.Card {
	cards := make([]model.Card, 0, len(c.ids))
	for _, id := range c.ids {
		cards = append(cards, c.byID[id].card)
	}
	return cards
}

// Geographies lists the known geographies of inference profiles.
func (c *Catalog) Geographies() []Geography { return slices.Clone(c.geographies) }

// GeographyPrefixes lists their prefixes, as routing wants them.
func (c *Catalog) GeographyPrefixes() []string {
	var prefixes []string
	for _, g := range c.geographies {
		prefixes = append(prefixes, g.Prefix)
	}
	return prefixes
}

// Source says where the built-in facts come from and of what date they are.
func (c *Catalog) Source() Source { return c.source }

// scaled are another geography's tiers and long-input prices: the standard
// ones, multiplied as that geography's input price is.
func scaled(tiers map[string]table.Rates, long []table.Long, base, now *table.Rates) (map[string]table.Rates, []table.Long) {
	if base == nil || base.Input == 0 || *base == *now {
		return tiers, long
	}
	tiers, long = maps.Clone(tiers), slices.Clone(long)
	for name, r := range tiers {
		tiers[name] = times(r, now.Input, base.Input)
	}
	for i := range long {
		long[i].Rates = times(long[i].Rates, now.Input, base.Input)
	}
	return tiers, long
}
