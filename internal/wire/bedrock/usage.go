package bedrock

import (
	"strconv"

	"github.com/craton-ai/craton/internal/model"
)

type usageShape struct {
	Input      int64        `json:"inputTokens"`
	Output     int64        `json:"outputTokens"`
	Total      int64        `json:"totalTokens"`
	CacheRead  int64        `json:"cacheReadInputTokens"`
	CacheWrite int64        `json:"cacheWriteInputTokens"`
	Details    []cacheShape `json:"cacheDetails"`
	// ReadCount and WriteCount are spellings seen beside or instead of the modelled ones.
	ReadCount  int64 `json:"cacheReadInputTokenCount"`
	WriteCount int64 `json:"cacheWriteInputTokenCount"`
}

type cacheShape struct {
	Input int64  `json:"inputTokens"`
	TTL   string `json:"ttl"`
}

// usageOf maps Converse's counts onto the hub's: inputTokens excludes cached
// tokens in both. Writes whose time to live is not told count as five minutes.
func usageOf(s *usageShape, tier string) model.Usage {
	u := model.Usage{
		Input: s.Input, Output: s.Output, ServiceTier: tier,
		CacheRead: max(s.CacheRead, s.ReadCount),
	}
	write := max(s.CacheWrite, s.WriteCount)
	for _, d := range s.Details {
		write -= d.Input
		if d.TTL == "1h" {
			u.CacheWrite1h += d.Input
		} else {
			u.CacheWrite5m += d.Input
		}
	}
	u.CacheWrite5m += max(write, 0)
	return u
}

// appendUsage appends the usage object. Cache members appear only when a cache
// was used.
func appendUsage(dst []byte, u *model.Usage) []byte {
	dst = appendInt(append(dst, `{"inputTokens":`...), u.Input)
	dst = appendInt(append(dst, `,"outputTokens":`...), u.Output)
	dst = appendInt(append(dst, `,"totalTokens":`...), u.Total())
	write := u.CacheWrite5m + u.CacheWrite1h
	if u.CacheRead != 0 || write != 0 {
		dst = appendInt(append(dst, `,"cacheReadInputTokens":`...), u.CacheRead)
		dst = appendInt(append(dst, `,"cacheWriteInputTokens":`...), write)
	}
	if write != 0 {
		dst = append(dst, `,"cacheDetails":[`...)
		if u.CacheWrite5m != 0 {
			dst = appendInt(append(dst, `{"ttl":"5m","inputTokens":`...), u.CacheWrite5m)
			dst = append(dst, '}')
		}
		if u.CacheWrite1h != 0 {
			if u.CacheWrite5m != 0 {
				dst = append(dst, ',')
			}
			dst = appendInt(append(dst, `{"ttl":"1h","inputTokens":`...), u.CacheWrite1h)
			dst = append(dst, '}')
		}
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

func appendInt(dst []byte, n int64) []byte { return strconv.AppendInt(dst, n, 10) }

// consistent reports whether appendUsage says the same as s.
func (s *usageShape) consistent() bool {
	u := usageOf(s, "")
	return u.Total() == s.Total && u.CacheWrite5m+u.CacheWrite1h == max(s.CacheWrite, s.WriteCount)
}
