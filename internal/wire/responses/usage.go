package responses

import (
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/raw"
)

// readUsage reads a usage object. The dialect's input_tokens include what was
// cached and written to a cache; the hub's Input does not.
func readUsage(v raw.Value, u *model.Usage) bool {
	if !v.IsObject() {
		return false
	}
	total := max(v.Get("input_tokens").Num(), 0)
	in, out := v.Get("input_tokens_details"), v.Get("output_tokens_details")
	u.CacheRead = clamp(in.Get("cached_tokens").Num(), total)
	u.CacheWrite5m = clamp(in.Get("cache_write_tokens").Num(), total-u.CacheRead)
	u.Input = total - u.CacheRead - u.CacheWrite5m
	u.Output = max(v.Get("output_tokens").Num(), 0)
	u.Reasoning = clamp(out.Get("reasoning_tokens").Num(), u.Output)
	return true
}

func clamp(n, high int64) int64 { return min(max(n, 0), high) }

func writeUsage(b *raw.Builder, u *model.Usage) {
	b.Open('{')
	b.Num("input_tokens", u.InputTotal())
	b.Key("input_tokens_details")
	b.Open('{')
	b.Num("cached_tokens", u.CacheRead)
	b.Num("cache_write_tokens", u.CacheWrite5m+u.CacheWrite1h)
	b.Close('}')
	b.Num("output_tokens", u.Output)
	b.Key("output_tokens_details")
	b.Open('{')
	b.Num("reasoning_tokens", u.Reasoning)
	b.Close('}')
	b.Num("total_tokens", u.Total())
	b.Close('}')
}
