package catalog

import (
	"math"
	"math/bits"

	"github.com/craton-ai/craton/internal/catalog/table"
	"github.com/craton-ai/craton/internal/model"
)

// Cost is what a request cost, in nano-USD, rounded half up, and whether it is
// known: it is not where the card has no price or the usage is absent.
//
// Where the card's price is the catalogue's own, the exact prices hold, with
// those of the service tier in the usage and of long inputs; a price set on
// the card itself is charged as it stands. A kind without its own price costs
// what its base kind costs (see table.Rates).
func (c *Catalog) Cost(card *model.Card, u model.Usage) (nanoUSD int64, known bool) {
	if !card.Price.Known || u.Absent {
		return 0, false
	}
	rates := c.rates(card, u.ServiceTier, u.InputTotal())
	return charge(&rates, u), true
}

// Ask is what a request could at most use.
type Ask struct {
	// InputTokens and OutputTokens are upper bounds.
	InputTokens, OutputTokens int64
	// Audio says that it may hear or speak.
	Audio bool
	// ServiceTier is the tier asked for.
	ServiceTier string
}

// Worst is the most a request can cost, in nano-USD: every input token charged
// as the dearest kind of input, every output token as the dearest of output.
func (c *Catalog) Worst(card *model.Card, ask Ask) (nanoUSD int64, known bool) {
	if !card.Price.Known {
		return 0, false
	}
	r := c.rates(card, ask.ServiceTier, ask.InputTokens)
	in := max(r.Input, r.CacheRead, r.CacheWrite5m, r.CacheWrite1h)
	out := max(r.Output, r.Reasoning)
	if ask.Audio {
		in, out = max(in, r.AudioInput), max(out, r.AudioOutput)
	}
	var s sum
	s.add(ask.InputTokens, in)
	s.add(ask.OutputTokens, out)
	return s.nano(), true
}

// rates are the prices that hold for a card, a tier and a length of input.
func (c *Catalog) rates(card *model.Card, tier string, input int64) table.Rates {
	e := c.at(card)
	if e == nil {
		e = c.byID[card.ID]
	}
	if e == nil {
		e = c.byProfile(card.ID)
	}
	if e == nil || e.rates == nil || e.card.Price != card.Price {
		e = c.fallback
	}
	if e == nil || e.rates == nil || e.card.Price != card.Price {
		return fromPrice(card.Price)
	}
	rates := *e.rates
	for i := range e.long {
		if input > e.long[i].Above {
			rates = e.long[i].Rates
		}
	}
	if t, ok := e.tiers[tier]; ok {
		if rates != *e.rates {
			return times(rates, t.Input, e.rates.Input)
		}
		return t
	}
	return rates
}

func fromPrice(p model.Price) table.Rates {
	return table.Rates{
		Input: table.FromNano(p.Input), CacheRead: table.FromNano(p.CacheRead),
		CacheWrite5m: table.FromNano(p.CacheWrite5m), CacheWrite1h: table.FromNano(p.CacheWrite1h),
		Output: table.FromNano(p.Output), Reasoning: table.FromNano(p.Reasoning),
		AudioInput: table.FromNano(p.AudioInput), AudioOutput: table.FromNano(p.AudioOutput),
	}
}

// charge multiplies counts and prices. Usage nests: AudioInput lies within
// Input, Reasoning and AudioOutput within Output.
func charge(r *table.Rates, u model.Usage) int64 {
	write5m := first(r.CacheWrite5m, r.Input)
	audioIn, reasoning := min(u.AudioInput, u.Input), min(u.Reasoning, u.Output)
	audioOut := min(u.AudioOutput, u.Output-reasoning)
	var s sum
	s.add(u.Input-audioIn, r.Input)
	s.add(audioIn, first(r.AudioInput, r.Input))
	s.add(u.CacheRead, first(r.CacheRead, r.Input))
	s.add(u.CacheWrite5m, write5m)
	s.add(u.CacheWrite1h, first(r.CacheWrite1h, write5m))
	s.add(u.Output-reasoning-audioOut, r.Output)
	s.add(reasoning, first(r.Reasoning, r.Output))
	s.add(audioOut, first(r.AudioOutput, r.Output))
	return s.nano()
}

// sum adds products in 128 bits, so that nothing overflows before the end.
type sum struct{ high, low uint64 }

// add adds tokens times rate; a negative count, which no honest upstream
// tells, adds nothing.
func (s *sum) add(tokens int64, rate table.Rate) {
	if tokens <= 0 || rate <= 0 {
		return
	}
	high, low := bits.Mul64(uint64(tokens), uint64(rate))
	var carry uint64
	s.low, carry = bits.Add64(s.low, low, 0)
	s.high, _ = bits.Add64(s.high, high, carry)
}

// nano rounds pico-USD half up to nano-USD; beyond int64 it saturates.
func (s sum) nano() int64 {
	low, carry := bits.Add64(s.low, 500, 0)
	high := s.high + carry
	if high >= 1000 {
		return math.MaxInt64
	}
	n, _ := bits.Div64(high, low, 1000)
	return int64(min(n, math.MaxInt64))
}

// times multiplies every rate by up/down, rounded half up.
func times(r table.Rates, up, down table.Rate) table.Rates {
	if down == 0 {
		return r
	}
	for _, p := range []*table.Rate{
		&r.Input, &r.CacheRead, &r.CacheWrite5m, &r.CacheWrite1h,
		&r.Output, &r.Reasoning, &r.AudioInput, &r.AudioOutput,
	} {
		high, low := bits.Mul64(uint64(*p), uint64(up))
		low, carry := bits.Add64(low, uint64(down)/2, 0)
		if high += carry; high >= uint64(down) {
			*p = table.MaxRate // absurd prices, kept from overflowing
			continue
		}
		n, _ := bits.Div64(high, low, uint64(down))
		*p = table.Rate(min(n, uint64(table.MaxRate)))
	}
	return r
}
