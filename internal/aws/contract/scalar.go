package contract

import (
	"encoding/base64"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// broken returns the phrases of the constraints that text breaks as a value of
// s: pattern before lengths, as in AWS's own messages.
func (s *Shape) broken(text string) []string {
	var out []string
	switch s.Kind {
	case String:
		if s.pattern != nil && !s.pattern().Match(text) {
			out = append(out, s.patternPhrase())
		}
		if len(s.Enum) > 0 && !slices.Contains(s.Enum, text) {
			out = append(out, s.enumPhrase())
		}
		if s.Min != nil || s.Max != nil {
			out = s.length(out, utf8.RuneCountInString(text))
		}
	case Blob:
		if s.Min != nil || s.Max != nil {
			n, _ := decodedLen(text)
			out = s.length(out, n)
		}
	case Integer, Long, Float, Double:
		if s.Min == nil && s.Max == nil {
			break
		}
		v, err := strconv.ParseFloat(text, 64)
		if s.Min != nil && (err != nil || v < *s.Min) {
			out = append(out, valuePhrase(false, *s.Min))
		}
		if s.Max != nil && (err != nil || v > *s.Max) {
			out = append(out, valuePhrase(true, *s.Max))
		}
	}
	return out
}

// length appends the phrases of the length bounds that n breaks.
func (s *Shape) length(out []string, n int) []string {
	if s.Min != nil && float64(n) < *s.Min {
		out = append(out, lengthPhrase(false, *s.Min))
	}
	if s.Max != nil && float64(n) > *s.Max {
		out = append(out, lengthPhrase(true, *s.Max))
	}
	return out
}

// decodedLen returns the number of bytes that a base64 text stands for.
func decodedLen(text string) (int, bool) {
	if len(text)%4 != 0 {
		return 0, false
	}
	for i := range len(strings.TrimRight(text, "=")) {
		c := text[i]
		if !(c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/') {
			return 0, false
		}
	}
	pad := len(text) - len(strings.TrimRight(text, "="))
	return base64.StdEncoding.DecodedLen(len(text)) - pad, pad <= 2
}

// isInteger reports whether a JSON number is an integer of the shape's width.
// A fraction of zero ("5.0") counts when lax.
func (s *Shape) isInteger(text string, lax bool) bool {
	if v, err := strconv.ParseInt(text, 10, 64); err == nil {
		return s.Kind == Long || v >= math.MinInt32 && v <= math.MaxInt32
	}
	if !lax {
		return false
	}
	v, err := strconv.ParseFloat(text, 64)
	return err == nil && v == math.Trunc(v) && (math.Abs(v) <= math.MaxInt32 || s.Kind == Long && math.Abs(v) < 1<<63)
}

// isTime reports whether text is a timestamp of the given format.
func isTime(text, format string) bool {
	switch format {
	case "iso8601":
		_, err := time.Parse(time.RFC3339Nano, text)
		return err == nil
	case "rfc822":
		_, err := http.ParseTime(text)
		return err == nil
	}
	v, err := strconv.ParseFloat(text, 64)
	return err == nil && !math.IsInf(v, 0) && !math.IsNaN(v)
}

// timeFormat is the format of a timestamp outside a JSON body.
func (m *Member) timeFormat() string {
	switch {
	case m.Shape.Format != "":
		return m.Shape.Format
	case m.Location == Header:
		return "rfc822"
	}
	return "iso8601" // queries and labels, for every service
}

// wellFormed reports whether text, taken from a label, query or header, is a
// value of the member's type at all; s is its shape or its element's.
func (m *Member) wellFormed(s *Shape, text string) bool {
	switch s.Kind {
	case Integer, Long:
		return s.isInteger(text, false)
	case Float, Double:
		_, err := strconv.ParseFloat(text, 64)
		return err == nil
	case Boolean:
		return text == "true" || text == "false"
	case Timestamp:
		return isTime(text, m.timeFormat())
	}
	return utf8.ValidString(text)
}
