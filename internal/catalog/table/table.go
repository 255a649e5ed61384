// Package table is the written form of the model catalogue: one JSON object a
// line, prices in USD per million tokens as the vendors print them. It is for
// the catalogue, which reads it, and for its generator, which writes it.
//
// Guarantees: prices are exact, as whole pico-USD per token; Write followed by
// Read gives the same rows; an unknown field is an error.
//
//	sheet, err := table.Read(file)
//	if err != nil {
//		return err
//	}
//	fmt.Println(sheet.Date, len(sheet.Rows))
package table

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
)

// Rate is a price in pico-USD per token, which is micro-USD per million
// tokens. It is written as USD per million tokens: 1250000 is 1.25.
type Rate int64

// MaxRate bounds a rate at a dollar a token, far above any price and low
// enough that sums cannot overflow unnoticed.
const MaxRate = Rate(1e12)

// ParseRate reads USD per million tokens, with at most six decimals.
func ParseRate(s string) (Rate, error) {
	whole, fraction, _ := strings.Cut(s, ".")
	if len(fraction) > 6 {
		return 0, fmt.Errorf("table: price %q has more than six decimals", s)
	}
	n, err := strconv.ParseInt(whole+fraction+strings.Repeat("0", 6-len(fraction)), 10, 64)
	if err != nil || whole == "" || n < 0 || Rate(n) > MaxRate || strings.ContainsAny(s, "+_") {
		return 0, fmt.Errorf("table: price %q is not a number of USD per million tokens from 0 to 1000000", s)
	}
	return Rate(n), nil
}

// Nano is the rate rounded half up to nano-USD per token.
func (r Rate) Nano() int64 { return (int64(r) + 500) / 1000 }

// FromNano is the rate of a whole number of nano-USD per token.
func FromNano(nano int64) Rate { return Rate(nano * 1000) }

// String renders USD per million tokens.
func (r Rate) String() string {
	s := fmt.Sprintf("%d.%06d", r/1e6, r%1e6)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// MarshalJSON writes USD per million tokens as a number.
func (r Rate) MarshalJSON() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalJSON reads USD per million tokens.
func (r *Rate) UnmarshalJSON(b []byte) error {
	n, err := ParseRate(string(b))
	*r = n
	return err
}

// Rates are prices by kind of token. A kind of 0 costs what its base kind
// costs: cached and audio input as Input, a 1 h cache write as a 5 min one,
// reasoning and audio output as Output.
type Rates struct {
	Input        Rate `json:"in,omitzero"`
	CacheRead    Rate `json:"read,omitzero"`
	CacheWrite5m Rate `json:"write5m,omitzero"`
	CacheWrite1h Rate `json:"write1h,omitzero"`
	Output       Rate `json:"out,omitzero"`
	Reasoning    Rate `json:"reasoning,omitzero"`
	AudioInput   Rate `json:"audio_in,omitzero"`
	AudioOutput  Rate `json:"audio_out,omitzero"`
}

// Long is a price list that holds for the whole request when its input exceeds Above tokens.
type Long struct {
	Above int64 `json:"above"`
	Rates
}

// Row is a model.
type Row struct {
	ID      string   `json:"id"`
	Name    string   `json:"name,omitzero"`
	Vendor  string   `json:"vendor,omitzero"`
	Family  string   `json:"family,omitzero"`
	Aliases []string `json:"aliases,omitempty"`
	// Context and MaxOutput are in tokens; 0 is unknown.
	Context   int `json:"context,omitzero"`
	MaxOutput int `json:"max_output,omitzero"`
	// In and Out are modalities, Can are capabilities, as in model.Card.
	In         []string `json:"input,omitempty"`
	Out        []string `json:"output,omitempty"`
	Can        []string `json:"can,omitempty"`
	Dimensions int      `json:"dimensions,omitzero"`
	Licence    string   `json:"licence,omitzero"`
	// Released is YYYY-MM-DD; empty is unknown.
	Released   string   `json:"released,omitzero"`
	Deprecated bool     `json:"deprecated,omitzero"`
	Regions    []string `json:"regions,omitempty"`
	// Rates are the standard prices; nil means no price is known.
	Rates *Rates `json:"usd_per_million,omitempty"`
	// AsOf dates the prices where it differs from the sheet's date.
	AsOf string `json:"as_of,omitzero"`
	// Tiers are the prices of other service tiers.
	Tiers map[string]Rates `json:"tiers,omitempty"`
	// Long are prices of long inputs, by rising Above. They hold for the
	// standard tier; another tier is scaled alike.
	Long []Long `json:"long,omitempty"`
	// Geographies are the inference profiles the model is sold under, each with
	// its prices; nil means the standard ones.
	Geographies map[string]*Rates `json:"profiles,omitempty"`
}

// Sheet is a table: rows and where they come from.
type Sheet struct {
	// Date is when the facts were collected, YYYY-MM-DD; Source says from where.
	Date   string `json:"date"`
	Source string `json:"source"`
	Rows   []Row  `json:"-"`
}

// Read parses a table: first a line with date and source, then a row a line.
func Read(r io.Reader) (*Sheet, error) {
	var s Sheet
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		if s.Date == "" {
			if err := json.Unmarshal(line, &s, json.RejectUnknownMembers(true)); err != nil || s.Date == "" {
				return nil, fmt.Errorf("table: line %d must tell date and source: %w", n, err)
			}
			continue
		}
		var row Row
		if err := json.Unmarshal(line, &row, json.RejectUnknownMembers(true)); err != nil {
			return nil, fmt.Errorf("table: line %d: %w", n, err)
		}
		s.Rows = append(s.Rows, row)
	}
	return &s, lines.Err()
}

// Write prints a table as Read parses it.
func Write(w io.Writer, s *Sheet) error {
	out := bufio.NewWriter(w)
	for i := -1; i < len(s.Rows); i++ {
		var v any = s
		if i >= 0 {
			v = &s.Rows[i]
		}
		line, err := json.Marshal(v, json.Deterministic(true))
		if err != nil {
			return fmt.Errorf("table: %w", err)
		}
		out.Write(line)
		out.WriteByte('\n')
	}
	return out.Flush()
}
