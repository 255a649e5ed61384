package anthropic

import (
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/raw"
)

// addUsage reads a usage object over what was known before. Counts are totals
// of the whole message, so each replaces the earlier one; those a frame leaves
// out stay. Where a frame tells the written cache tokens without their
// lifetimes, a known split of the same sum stays and a new sum counts as 5m.
func addUsage(u *model.Usage, v raw.Value) {
	if !v.IsObject() {
		return
	}
	set := func(dst *int64, m raw.Value) {
		if m.IsInt() && m.Num() >= 0 {
			*dst = m.Num()
		}
	}
	set(&u.Input, v.Get("input_tokens"))
	set(&u.CacheRead, v.Get("cache_read_input_tokens"))
	set(&u.Output, v.Get("output_tokens"))
	set(&u.Reasoning, v.Get("output_tokens_details").Get("thinking_tokens"))
	written := u.CacheWrite5m + u.CacheWrite1h
	set(&written, v.Get("cache_creation_input_tokens"))
	if split := v.Get("cache_creation"); split.IsObject() {
		set(&u.CacheWrite5m, split.Get("ephemeral_5m_input_tokens"))
		set(&u.CacheWrite1h, split.Get("ephemeral_1h_input_tokens"))
	}
	if written != u.CacheWrite5m+u.CacheWrite1h {
		u.CacheWrite5m = max(written-u.CacheWrite1h, 0)
	}
	switch tier := v.Get("service_tier").Text(); tier {
	case "":
	case "standard":
		u.ServiceTier = "default"
	default:
		u.ServiceTier = tier
	}
}

// writeUsage appends the usage object; extra is a usage object whose other members are added.
func writeUsage(b *raw.Builder, u *model.Usage, extra []byte) {
	b.Open('{')
	b.Num("input_tokens", u.Input)
	b.Num("cache_creation_input_tokens", u.CacheWrite5m+u.CacheWrite1h)
	b.Num("cache_read_input_tokens", u.CacheRead)
	b.Key("cache_creation")
	b.Open('{')
	b.Num("ephemeral_5m_input_tokens", u.CacheWrite5m)
	b.Num("ephemeral_1h_input_tokens", u.CacheWrite1h)
	b.Close('}')
	b.Num("output_tokens", u.Output)
	if u.Reasoning > 0 {
		b.Key("output_tokens_details")
		b.Open('{')
		b.Num("thinking_tokens", u.Reasoning)
		b.Close('}')
	}
	b.Str("service_tier", tierToWire(u.ServiceTier))
	b.Merge(extra, nil)
	b.Close('}')
}

func tierToWire(tier string) string {
	if tier == "priority" || tier == "batch" {
		return tier
	}
	return "standard"
}

// modelledUsage are the members of a usage object that the hub models.
func modelledUsage(key string) bool {
	switch key {
	case "input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "cache_creation",
		"output_tokens", "output_tokens_details", "service_tier":
		return true
	}
	return false
}
