package invoke

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/craton-ai/craton/internal/model"
	"github.com/go-json-experiment/json"
)

// The headers InvokeModel has where Converse has members.
const (
	headerTrace     = "X-Amzn-Bedrock-Trace"
	headerGuardrail = "X-Amzn-Bedrock-GuardrailIdentifier"
	headerVersion   = "X-Amzn-Bedrock-GuardrailVersion"
	headerLatency   = "X-Amzn-Bedrock-PerformanceConfig-Latency"
	headerTier      = "X-Amzn-Bedrock-Service-Tier"
	headerMetadata  = "X-Amzn-Bedrock-Request-Metadata"
	headerInput     = "X-Amzn-Bedrock-Input-Token-Count"
	headerOutput    = "X-Amzn-Bedrock-Output-Token-Count"
	headerCacheRead = "X-Amzn-Bedrock-Cache-Read-Input-Token-Count"
	headerCacheMade = "X-Amzn-Bedrock-Cache-Write-Input-Token-Count"
	headerElapsed   = "X-Amzn-Bedrock-Invocation-Latency"
)

// DecodeHeader adds what InvokeModel's request headers say to req: guardrail,
// latency mode, service tier and metadata for logs. Metadata is a JSON object
// of strings; any other text is kept whole under the name "request-metadata".
func DecodeHeader(h http.Header, req *model.Request) {
	if id := h.Get(headerGuardrail); id != "" {
		req.Guardrail = &model.GuardrailConfig{
			ID: id, Version: h.Get(headerVersion), Trace: strings.ToLower(h.Get(headerTrace)),
		}
	}
	if v := h.Get(headerLatency); v != "" {
		req.Latency = v
	}
	if v := h.Get(headerTier); v != "" {
		req.ServiceTier = v
	}
	if v := h.Get(headerMetadata); v != "" {
		var m map[string]string
		if json.Unmarshal([]byte(v), &m) != nil {
			m = map[string]string{wholeMetadata: v}
		}
		req.Metadata = m
	}
}

// wholeMetadata names metadata that is no JSON object of strings.
const wholeMetadata = "request-metadata"

// EncodeHeader sets the request headers for an upstream: the reverse of DecodeHeader.
func EncodeHeader(h http.Header, req *model.Request) {
	set := func(name, value string) {
		if value != "" {
			h.Set(name, value)
		}
	}
	if g := req.Guardrail; g != nil {
		set(headerGuardrail, g.ID)
		set(headerVersion, g.Version)
		set(headerTrace, strings.ToUpper(g.Trace))
	}
	set(headerLatency, req.Latency)
	if req.ServiceTier != "auto" {
		set(headerTier, req.ServiceTier)
	}
	if v, ok := req.Metadata[wholeMetadata]; ok && len(req.Metadata) == 1 {
		set(headerMetadata, v)
	} else if len(req.Metadata) > 0 {
		if b, err := json.Marshal(req.Metadata, json.Deterministic(true)); err == nil {
			set(headerMetadata, string(b))
		}
	}
}

// SetUsage sets the response headers that tell an answer's tokens and latency;
// embeddings have no output count. Streams tell them in the last object instead.
func SetUsage(h http.Header, u *model.Usage, opts Options) {
	set := func(name string, n int64) { h.Set(name, strconv.FormatInt(n, 10)) }
	if !u.Absent {
		set(headerInput, u.Input)
		if u.Output > 0 {
			set(headerOutput, u.Output)
		}
		if write := u.CacheWrite5m + u.CacheWrite1h; u.CacheRead > 0 || write > 0 {
			set(headerCacheRead, u.CacheRead)
			set(headerCacheMade, write)
		}
	}
	set(headerElapsed, opts.elapsedMs())
	if u.ServiceTier != "" {
		h.Set(headerTier, u.ServiceTier)
	}
}

// UsageOf completes an answer's usage by the response headers, where the
// native body told none.
func UsageOf(h http.Header, u model.Usage) model.Usage {
	get := func(name string) (int64, bool) {
		n, err := strconv.ParseInt(h.Get(name), 10, 64)
		return n, err == nil && n >= 0
	}
	if u.Absent {
		in, told := get(headerInput)
		out, toldOut := get(headerOutput)
		if told || toldOut {
			u.Absent, u.Input, u.Output = false, in, out
			u.CacheRead, _ = get(headerCacheRead)
			u.CacheWrite5m, _ = get(headerCacheMade)
		}
	}
	if u.ServiceTier == "" {
		u.ServiceTier = h.Get(headerTier)
	}
	return u
}
