package edge

import (
	"slices"
	"strings"

	"github.com/craton-ai/craton/internal/identity"
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
	// CostUnknown says that some of it has no known price and is not in the cost.
	CostUnknown bool  `json:"cost_unknown,omitzero"`
	LatencyMs   int64 `json:"latency_ms"`
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

// ownUsageOnly reports whether the caller is a developer and no more: it sees
// what its own key used, others what their tenant did.
func (c *call) ownUsageOnly() bool {
	return !slices.ContainsFunc(c.who.Roles, func(r identity.Role) bool {
		return r != identity.Developer && identity.Allows(r, identity.UsageRead)
	})
}

// adminUsage serves GET /admin/v1/usage?by=model,key&from=…&to=….
func (h *Handler) adminUsage(c *call) error {
	if h.opts.Usage == nil {
		return noOperation("usage")
	}
	query := usage.Aggregate{Filter: usage.Filter{Tenant: c.who.Tenant.ID}}
	if c.ownUsageOnly() {
		query.KeyID = c.who.KeyID
	}
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
	unpriced, err := c.unpriced(query)
	if err != nil {
		return err
	}
	out := list[usageView]{Data: []usageView{}}
	for _, r := range rows {
		out.Data = append(out.Data, usageView{Group: r.Group, Requests: r.Requests, Errors: r.Errors, Estimated: r.Estimated,
			Tokens: tokensView(r.Tokens), CostNanoUSD: r.CostNanoUSD, LatencyMs: r.LatencyMs,
			CostUnknown: unpriced[strings.Join(r.Group, "\x00")]})
	}
	return c.answer(out)
}

// unpriced finds the groups in which tokens cost nothing because no price of
// their model is known. It groups further, by upstream and model, and so
// cannot tell where the question uses up the dimensions.
func (c *call) unpriced(query usage.Aggregate) (map[string]bool, error) {
	fine, asked := query, len(query.By)
	place := map[usage.Dimension]int{}
	for _, d := range []usage.Dimension{usage.ByUpstream, usage.ByModel} {
		place[d] = slices.Index(fine.By, d)
		if place[d] < 0 {
			place[d] = len(fine.By)
			fine.By = append(slices.Clone(fine.By), d)
		}
	}
	if fine.Check() != nil {
		return nil, nil
	}
	rows, err := c.h.opts.Usage(c.r.Context(), fine)
	if err != nil {
		return nil, err
	}
	groups := map[string]bool{}
	for _, r := range rows {
		if r.CostNanoUSD == 0 && r.Tokens != (usage.Tokens{}) && !c.h.opts.Gateway.Priced(r.Group[place[usage.ByUpstream]], r.Group[place[usage.ByModel]]) {
			groups[strings.Join(r.Group[:asked], "\x00")] = true
		}
	}
	return groups, nil
}
