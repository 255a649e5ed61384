package edge

import (
	"net/http"
	"strconv"
	"time"

	"github.com/craton-ai/craton/internal/guard/limit"
)

// openAIRates writes x-ratelimit headers: resets are durations.
func openAIRates(h http.Header, s limit.State, _ time.Time) {
	var t rateText
	t.limit(&openAIRequests, s.LimitRequests, s.RemainingRequests, func(b []byte) []byte { return appendDuration(b, s.ResetRequests) })
	t.limit(&openAITokens, s.LimitTokens, s.RemainingTokens, func(b []byte) []byte { return appendDuration(b, s.ResetTokens) })
	t.set(h)
}

func appendDuration(b []byte, d time.Duration) []byte {
	if d = d.Round(time.Millisecond); d < time.Second {
		b = strconv.AppendInt(b, d.Milliseconds(), 10)
		if d > 0 {
			b = append(b, 'm')
		}
		return append(b, 's')
	}
	return append(b, d.String()...)
}

// rateText is the text of up to six headers, in one piece of memory.
type rateText struct {
	bytes [192]byte
	n     int
	names [6]string
	ends  [6]int
	count int
}

// limit adds the headers of one limit, if there is one.
func (t *rateText) limit(names *[3]string, most, left int64, reset func([]byte) []byte) {
	if most == 0 {
		return
	}
	t.add(names[0], strconv.AppendInt(t.bytes[:t.n], most, 10))
	t.add(names[1], strconv.AppendInt(t.bytes[:t.n], max(left, 0), 10))
	t.add(names[2], reset(t.bytes[:t.n]))
}

// add takes the text with what was appended for a header of that canonical name.
func (t *rateText) add(name string, text []byte) {
	t.n = len(text)
	t.names[t.count], t.ends[t.count] = name, t.n
	t.count++
}

// set sets the headers.
func (t *rateText) set(h http.Header) {
	if t.count == 0 {
		return
	}
	text, values, from := string(t.bytes[:t.n]), make([]string, t.count), 0
	for i := range values {
		values[i] = text[from:t.ends[i]]
		h[t.names[i]] = values[i : i+1 : i+1]
		from = t.ends[i]
	}
}

// The headers of the limits: what may be used, what is left, and until when.
var (
	openAIRequests    = [3]string{"X-Ratelimit-Limit-Requests", "X-Ratelimit-Remaining-Requests", "X-Ratelimit-Reset-Requests"}
	openAITokens      = [3]string{"X-Ratelimit-Limit-Tokens", "X-Ratelimit-Remaining-Tokens", "X-Ratelimit-Reset-Tokens"}
	anthropicRequests = [3]string{"Anthropic-Ratelimit-Requests-Limit", "Anthropic-Ratelimit-Requests-Remaining", "Anthropic-Ratelimit-Requests-Reset"}
	anthropicTokens   = [3]string{"Anthropic-Ratelimit-Tokens-Limit", "Anthropic-Ratelimit-Tokens-Remaining", "Anthropic-Ratelimit-Tokens-Reset"}
)

// anthropicRates writes anthropic-ratelimit headers: resets are points in time.
func anthropicRates(h http.Header, s limit.State, now time.Time) {
	var t rateText
	t.limit(&anthropicRequests, s.LimitRequests, s.RemainingRequests, func(b []byte) []byte { return appendMoment(b, now.Add(s.ResetRequests)) })
	t.limit(&anthropicTokens, s.LimitTokens, s.RemainingTokens, func(b []byte) []byte { return appendMoment(b, now.Add(s.ResetTokens)) })
	t.set(h)
}

func appendMoment(b []byte, at time.Time) []byte { return at.UTC().AppendFormat(b, time.RFC3339) }
