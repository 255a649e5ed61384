package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
)

// usageCommand shows what was used, grouped.
type usageCommand struct {
	remote
	By   []string `help:"Group by key, model, upstream, dialect, day or tag:NAME." default:"model"`
	From string   `help:"First day or time (UTC), such as 2026-01-31."`
	To   string   `help:"Last day or time (UTC), exclusive."`
}

// Run prints a table of usage.
func (c usageCommand) Run(ctx context.Context, s streams) error {
	query := url.Values{"by": {strings.Join(c.By, ",")}}
	if c.From != "" {
		query.Set("from", c.From)
	}
	if c.To != "" {
		query.Set("to", c.To)
	}
	var rows struct {
		Data []struct {
			Group       []string         `json:"group"`
			Requests    int64            `json:"requests"`
			Errors      int64            `json:"errors"`
			Estimated   int64            `json:"estimated"`
			Tokens      map[string]int64 `json:"tokens"`
			CostNanoUSD int64            `json:"cost_nano_usd"`
		} `json:"data"`
	}
	if err := c.call(ctx, http.MethodGet, "/admin/v1/usage?"+query.Encode(), nil, &rows); err != nil {
		return err
	}
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "%s\tREQUESTS\tERRORS\tESTIMATED\tINPUT\tCACHED\tOUTPUT\tCOST USD\n", strings.ToUpper(strings.Join(c.By, "\t")))
	for _, r := range rows.Data {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%.6f\n", strings.Join(r.Group, "\t"), r.Requests, r.Errors, r.Estimated,
			r.Tokens["input"], r.Tokens["cached_read"], r.Tokens["output"], float64(r.CostNanoUSD)/1e9)
	}
	return w.Flush()
}
