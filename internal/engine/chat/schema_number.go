package chat

import (
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
)

// span is a range of numbers; an absent bound is infinite.
type span struct {
	low, high         float64
	openLow, openHigh bool // the bound itself is outside
}

// maxBound is the largest magnitude a bound may have: integers up to it are
// exact in every JSON reader.
const maxBound = 1 << 53

func (c *compiler) number(n node, integer bool) (string, error) {
	if err := n.checkNumber(integer); err != nil {
		return "", err
	}
	s, bounded, err := n.span()
	if err != nil {
		return "", err
	}
	if !bounded {
		if integer {
			return c.grammar.shared("integer"), nil
		}
		return c.grammar.shared("number"), nil
	}
	var parts []string
	if integer {
		parts = integers(s)
	} else {
		parts = decimals(s)
	}
	if len(parts) == 0 {
		return "", n.fail("no number that can be written briefly lies within its bounds")
	}
	return c.grammar.rule("number", strings.Join(parts, " | ")), nil
}

// checkNumber refuses what cannot be told from digits.
func (n node) checkNumber(integer bool) error {
	if raw, ok := n.raw["multipleOf"]; ok && (string(raw) != "1" || !integer) {
		return n.fail("multipleOf is not supported")
	}
	if raw, ok := n.raw["format"]; ok {
		switch strings.Trim(string(raw), `"`) {
		case "int32", "int64", "float", "double":
		default:
			return n.fail("the format %s is not supported for numbers", raw)
		}
	}
	return nil
}

// span reads the bounds, in their 2020-12 form and the boolean one before it.
func (n node) span() (span, bool, error) {
	s := span{low: math.Inf(-1), high: math.Inf(1)}
	bounded := false
	for _, b := range []struct {
		key  string
		into *float64
		open *bool
		sign float64
	}{
		{"minimum", &s.low, &s.openLow, 1}, {"exclusiveMinimum", &s.low, &s.openLow, 1},
		{"maximum", &s.high, &s.openHigh, -1}, {"exclusiveMaximum", &s.high, &s.openHigh, -1},
	} {
		raw, ok := n.raw[b.key]
		if !ok {
			continue
		}
		exclusive := strings.HasPrefix(b.key, "exclusive")
		if raw.Kind() == 't' || raw.Kind() == 'f' {
			*b.open = *b.open || exclusive && raw.Kind() == 't'
			continue
		}
		var value float64
		if json.Unmarshal(raw, &value) != nil || math.Abs(value) > maxBound {
			return s, false, n.fail("%s is a number of at most 2^53", b.key)
		}
		bounded = true
		if b.sign*value > b.sign**b.into || exclusive && value == *b.into {
			*b.into, *b.open = value, exclusive
		}
	}
	return s, bounded, nil
}

// integers are the alternatives for the whole numbers of a span.
func integers(s span) []string {
	low, high := math.Ceil(s.low), math.Floor(s.high)
	if s.openLow && low == s.low {
		low++
	}
	if s.openHigh && high == s.high {
		high--
	}
	if low > high {
		return nil
	}
	var parts []string
	if low < 0 {
		if p := wholes(max(1, -high), -low); p != "" {
			parts = append(parts, `"-" `+p)
		}
	}
	if high >= 0 {
		parts = append(parts, wholes(max(0, low), high))
	}
	return parts
}

// decimals are the alternatives for the numbers of a span, by sign.
func decimals(s span) []string {
	var parts []string
	if s.high > 0 || s.high == 0 && !s.openHigh {
		positive := s
		if s.low < 0 {
			positive.low, positive.openLow = 0, false
		}
		parts = append(parts, magnitudes(positive)...)
	}
	if s.low < 0 {
		negative := span{low: -s.high, high: -s.low, openLow: s.openHigh, openHigh: s.openLow}
		if negative.low < 0 {
			negative.low, negative.openLow = 0, false
		}
		for _, m := range magnitudes(negative) {
			parts = append(parts, `"-" `+m)
		}
	}
	return parts
}

const (
	anyFraction     = `("." [0-9]{1,15})?`
	zeroFraction    = `(".0")?`
	nonZeroFraction = `"." [0-9]{0,14} [1-9]`
)

// magnitudes are the alternatives for the numbers of a span that is not
// negative: whole parts strictly inside carry any fraction, those at a bound
// only one that stays inside.
func magnitudes(s span) []string {
	first, last := math.Floor(s.low), math.Floor(s.high)
	var parts []string
	add := func(low, high float64, fraction string) {
		if p := wholes(low, high); p != "" {
			parts = append(parts, p+" "+fraction)
		}
	}
	if first == last && !math.IsInf(last, 1) {
		return append(parts, within(s, first)...)
	}
	inner := first + 1
	switch {
	case first == s.low && !s.openLow:
		inner = first
	case first == s.low:
		add(first, first, nonZeroFraction)
	default:
		parts = append(parts, within(span{low: s.low, openLow: s.openLow, high: first + 1, openHigh: true}, first)...)
	}
	if math.IsInf(last, 1) {
		add(inner, last, anyFraction)
		return parts
	}
	add(inner, last-1, anyFraction)
	if last == s.high {
		if !s.openHigh {
			add(last, last, zeroFraction)
		}
		return parts
	}
	return append(parts, within(span{low: last, high: s.high, openHigh: s.openHigh}, last)...)
}

// within are the numbers of a span with one whole part: hundredths that lie
// inside carry no further digits.
func within(s span, whole float64) []string {
	var options []string
	for i := range 100 {
		value := whole + float64(i)/100
		if value < s.low || value > s.high || value == s.low && s.openLow || value == s.high && s.openHigh {
			continue
		}
		options = append(options, literal(strconv.FormatFloat(value, 'f', -1, 64)))
	}
	if len(options) == 0 {
		return nil
	}
	return []string{alternatives(options)}
}

// wholes is the range of non-negative whole numbers from low to high, without
// leading zeros; empty for an empty range.
func wholes(low, high float64) string {
	if low > high {
		return ""
	}
	if math.IsInf(high, 1) {
		const digits = 16
		text := strconv.FormatInt(int64(low), 10)
		nines := strings.Repeat("9", len(text))
		parts := between(text, nines)
		if len(text) < digits {
			parts = append(parts, "[1-9] [0-9]{"+strconv.Itoa(len(text))+","+strconv.Itoa(digits-1)+"}")
		}
		return alternatives(parts)
	}
	from, to := strconv.FormatInt(int64(low), 10), strconv.FormatInt(int64(high), 10)
	var parts []string
	for len(from) < len(to) {
		parts = append(parts, between(from, strings.Repeat("9", len(from)))...)
		from = "1" + strings.Repeat("0", len(from))
	}
	return alternatives(append(parts, between(from, to)...))
}

// between are the alternatives for digit strings of one length from low to high.
func between(low, high string) []string {
	if low == high {
		return []string{literal(low)}
	}
	same := 0
	for low[same] == high[same] {
		same++
	}
	prefix, l, h := low[:same], low[same:], high[same:]
	lead := ""
	if prefix != "" {
		lead = literal(prefix) + " "
	}
	rest := len(l) - 1
	if rest == 0 {
		return []string{lead + "[" + l[:1] + "-" + h[:1] + "]"}
	}
	var parts []string
	first, last := l[0], h[0]
	if strings.Trim(l[1:], "0") != "" {
		for _, p := range between(l[1:], strings.Repeat("9", rest)) {
			parts = append(parts, lead+literal(l[:1])+" "+p)
		}
		first++
	}
	var top []string
	if strings.Trim(h[1:], "9") != "" {
		for _, p := range between(strings.Repeat("0", rest), h[1:]) {
			top = append(top, lead+literal(h[:1])+" "+p)
		}
		last--
	}
	if first <= last {
		parts = append(parts, lead+"["+string(first)+"-"+string(last)+"] [0-9]{"+strconv.Itoa(rest)+"}")
	}
	return append(parts, top...)
}
