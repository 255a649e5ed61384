package edge

import (
	"strings"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/usage"
)

// usageView is one group of usage.
type usageView struct {
	Group       []string   `json:"group"`
	Requests    int64      `json:"requests"`
	Errors      int64      `json:"errors"`
	Estimated   int64      `json:"estimated"`
	Tokens      tokensView `json:"tokens"`
	CostNanoUSD int64      `json:"cost_nano_usd"`
	LatencyMs   int64      `json:"latency_ms"`
}

type tokensView struct {
	Input        int64 `json:"input"`
	CachedRead   int64 `json:"cached_read"`
	CacheWrite5m int64 `json:"cache_write_5m"`
	CacheWrite1h int64 `json:"cache_write_1h"`
	Output       int64 `json:"output"`
	Reasoning    int64 `json:"reasoning"`
	AudioInput   int64 `json:"audio_input"`
	AudioOutput  int64 `json:"audio_output"`
}

// adminUsage serves GET /admin/v1/usage?by=model,key&from=…&to=….
func (h *Handler) adminUsage(c *call) error {
	if h.opts.Usage == nil {
		return noOperation("usage")
	}
	query := usage.Aggregate{Filter: usage.Filter{Tenant: c.who.Tenant.ID}}
	for _, by := range strings.Split(c.r.URL.Query().Get("by"), ",") {
		switch d := usage.Dimension(by); {
		case by == "":
		case d == usage.ByKey, d == usage.ByModel, d == usage.ByUpstream, d == usage.ByDialect, d == usage.ByDay, strings.HasPrefix(by, "tag:"):
			query.By = append(query.By, d)
		default:
			return model.Errorf(model.Invalid, "by", "Usage cannot be grouped by %q.", by).
				WithHint("Use key, model, upstream, dialect, day or tag:NAME.")
		}
	}
	var err error
	if query.From, err = date(c, "from"); err != nil {
		return err
	}
	if query.To, err = date(c, "to"); err != nil {
		return err
	}
	rows, err := h.opts.Usage(c.r.Context(), query)
	if err != nil {
		return err
	}
	out := list[usageView]{Data: []usageView{}}
	for _, r := range rows {
		out.Data = append(out.Data, usageView{Group: r.Group, Requests: r.Requests, Errors: r.Errors, Estimated: r.Estimated,
			Tokens: tokensView(r.Tokens), CostNanoUSD: r.CostNanoUSD, LatencyMs: r.LatencyMs})
	}
	return c.answer(out)
}
