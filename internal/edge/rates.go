package edge

import (
	"net/http"
	"strconv"
	"time"

	"github.com/craton-ai/craton/internal/guard/limit"
)

// openAIRates writes x-ratelimit headers: resets are durations.
func openAIRates(h http.Header, s limit.State, _ time.Time) {
	values := make([]string, 0, 6)
	write := func(names *[3]string, most, left int64, reset time.Duration) {
		if most == 0 {
			return
		}
		values = append(values, strconv.FormatInt(most, 10), strconv.FormatInt(max(left, 0), 10), reset.Round(time.Millisecond).String())
		set(h, names, values[len(values)-3:])
	}
	write(&openAIRequests, s.LimitRequests, s.RemainingRequests, s.ResetRequests)
	write(&openAITokens, s.LimitTokens, s.RemainingTokens, s.ResetTokens)
}

// The headers of the limits: what may be used, what is left, and until when.
var (
	openAIRequests    = [3]string{"X-Ratelimit-Limit-Requests", "X-Ratelimit-Remaining-Requests", "X-Ratelimit-Reset-Requests"}
	openAITokens      = [3]string{"X-Ratelimit-Limit-Tokens", "X-Ratelimit-Remaining-Tokens", "X-Ratelimit-Reset-Tokens"}
	anthropicRequests = [3]string{"Anthropic-Ratelimit-Requests-Limit", "Anthropic-Ratelimit-Requests-Remaining", "Anthropic-Ratelimit-Requests-Reset"}
	anthropicTokens   = [3]string{"Anthropic-Ratelimit-Tokens-Limit", "Anthropic-Ratelimit-Tokens-Remaining", "Anthropic-Ratelimit-Tokens-Reset"}
)

// set sets headers of canonical names, whose values share their memory.
func set(h http.Header, names *[3]string, values []string) {
	for i, name := range names {
		h[name] = values[i : i+1 : i+1]
	}
}

// anthropicRates writes anthropic-ratelimit headers: resets are points in time.
func anthropicRates(h http.Header, s limit.State, now time.Time) {
	values := make([]string, 0, 6)
	write := func(names *[3]string, most, left int64, reset time.Duration) {
		if most == 0 {
			return
		}
		values = append(values, strconv.FormatInt(most, 10), strconv.FormatInt(max(left, 0), 10), now.Add(reset).UTC().Format(time.RFC3339))
		set(h, names, values[len(values)-3:])
	}
	write(&anthropicRequests, s.LimitRequests, s.RemainingRequests, s.ResetRequests)
	write(&anthropicTokens, s.LimitTokens, s.RemainingTokens, s.ResetTokens)
}
