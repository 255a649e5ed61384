package main

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"

	"github.com/craton-ai/craton/internal/catalog/table"
)

// members names the price list's member of each kind of token.
func members(r *table.Rates) map[string]*table.Rate {
	return map[string]*table.Rate{
		"input_cost_per_token":                      &r.Input,
		"cache_read_input_token_cost":               &r.CacheRead,
		"cache_creation_input_token_cost":           &r.CacheWrite5m,
		"cache_creation_input_token_cost_above_1hr": &r.CacheWrite1h,
		"output_cost_per_token":                     &r.Output,
		"output_cost_per_reasoning_token":           &r.Reasoning,
		"input_cost_per_audio_token":                &r.AudioInput,
		"output_cost_per_audio_token":               &r.AudioOutput,
	}
}

// prices fills a row's standard prices, tiers and long-input prices.
func prices(r *table.Row, f *fact) error {
	if len(f.Tiered) > 0 {
		return tiered(r, f)
	}
	if _, ok := f.number("input_cost_per_token"); !ok {
		return nil
	}
	standard, err := rates(f, "")
	if err != nil {
		return err
	}
	r.Rates = &standard
	for _, tier := range []string{"flex", "priority"} {
		special, err := rates(f, "_"+tier)
		if err != nil {
			return err
		}
		if special.Input == 0 {
			continue
		}
		if r.Tiers == nil {
			r.Tiers = map[string]table.Rates{}
		}
		r.Tiers[tier] = filled(special, standard)
	}
	return long(r, f, standard)
}

var above = regexp.MustCompile(`^input_cost_per_token_above_(\d+)k_tokens$`)

func long(r *table.Row, f *fact, standard table.Rates) error {
	for name := range f.all {
		m := above.FindStringSubmatch(name)
		if m == nil {
			continue
		}
		k, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil {
			return err
		}
		special, err := rates(f, "_above_"+m[1]+"k_tokens")
		if err != nil {
			return err
		}
		r.Long = append(r.Long, table.Long{Above: k * 1000, Rates: filled(special, standard)})
	}
	slices.SortFunc(r.Long, func(a, b table.Long) int { return int(a.Above - b.Above) })
	return nil
}

// filled scales the kinds a special price list does not tell as its input price is scaled.
func filled(special, standard table.Rates) table.Rates {
	have := members(&special)
	for name, base := range members(&standard) {
		if *have[name] == 0 && standard.Input > 0 {
			*have[name] = table.Rate(int64(*base) * int64(special.Input) / int64(standard.Input))
		}
	}
	return special
}

func rates(f *fact, suffix string) (table.Rates, error) {
	var r table.Rates
	for name, place := range members(&r) {
		text, ok := f.number(name + suffix)
		if !ok {
			continue
		}
		rate, err := exact(text)
		if err != nil {
			return r, fmt.Errorf("%s: %w", name+suffix, err)
		}
		*place = rate
	}
	return r, nil
}

// exact turns USD per token into pico-USD per token. The list computes some
// prices in floating point; what is within a millionth of a whole number is meant to be it.
func exact(text string) (table.Rate, error) {
	usd, ok := new(big.Rat).SetString(text)
	if !ok || usd.Sign() < 0 {
		return 0, fmt.Errorf("%q is not a price", text)
	}
	pico := usd.Mul(usd, big.NewRat(1e12, 1))
	rounded := new(big.Int).Div(new(big.Int).Add(new(big.Int).Mul(pico.Num(), big.NewInt(2)), pico.Denom()),
		new(big.Int).Mul(pico.Denom(), big.NewInt(2)))
	off := new(big.Rat).Sub(pico, new(big.Rat).SetInt(rounded))
	if off.Abs(off).Cmp(big.NewRat(1, 1000)) > 0 {
		return 0, fmt.Errorf("%s USD per token is finer than a pico-USD", text)
	}
	return table.Rate(rounded.Int64()), nil
}

// tiered reads price lists by length of input.
func tiered(r *table.Row, f *fact) error {
	raw := f.all["tiered_pricing"]
	var steps []map[string]json.RawMessage
	if err := json.Unmarshal(raw, &steps); err != nil {
		return err
	}
	for i, step := range steps {
		prices, err := rates(&fact{all: step}, "")
		if err != nil {
			return err
		}
		var bounds []float64
		if err := json.Unmarshal(step["range"], &bounds); err != nil || len(bounds) != 2 {
			return fmt.Errorf("tiered_pricing: range %s", step["range"])
		}
		if i == 0 {
			r.Rates = &prices
			continue
		}
		r.Long = append(r.Long, table.Long{Above: int64(bounds[0]), Rates: prices})
	}
	return nil
}
