package edge

import (
	"net/http"
	"strconv"
	"time"

	"github.com/craton-ai/craton/internal/guard/limit"
)

// openAIRates writes x-ratelimit headers: resets are durations.
func openAIRates(h http.Header, s limit.State, _ time.Time) {
	write := func(kind string, most, left int64, reset time.Duration) {
		if most == 0 {
			return
		}
		h.Set("X-Ratelimit-Limit-"+kind, strconv.FormatInt(most, 10))
		h.Set("X-Ratelimit-Remaining-"+kind, strconv.FormatInt(max(left, 0), 10))
		h.Set("X-Ratelimit-Reset-"+kind, reset.Round(time.Millisecond).String())
	}
	write("Requests", s.LimitRequests, s.RemainingRequests, s.ResetRequests)
	write("Tokens", s.LimitTokens, s.RemainingTokens, s.ResetTokens)
}

// anthropicRates writes anthropic-ratelimit headers: resets are points in time.
func anthropicRates(h http.Header, s limit.State, now time.Time) {
	write := func(kind string, most, left int64, reset time.Duration) {
		if most == 0 {
			return
		}
		prefix := "Anthropic-Ratelimit-" + kind + "-"
		h.Set(prefix+"Limit", strconv.FormatInt(most, 10))
		h.Set(prefix+"Remaining", strconv.FormatInt(max(left, 0), 10))
		h.Set(prefix+"Reset", now.Add(reset).UTC().Format(time.RFC3339))
	}
	write("Requests", s.LimitRequests, s.RemainingRequests, s.ResetRequests)
	write("Tokens", s.LimitTokens, s.RemainingTokens, s.ResetTokens)
}
