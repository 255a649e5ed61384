package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
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
			CostUnknown bool             `json:"cost_unknown"`
		} `json:"data"`
	}
	if err := c.call(ctx, http.MethodGet, "/admin/v1/usage?"+query.Encode(), nil, &rows); err != nil {
		return err
	}
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "%s\tREQUESTS\tERRORS\tESTIMATED\tINPUT\tCACHED\tOUTPUT\tCOST USD\n", strings.ToUpper(strings.Join(c.By, "\t")))
	if i := slices.Index(c.By, "key"); i >= 0 {
		names := c.keyNames(ctx)
		for _, r := range rows.Data {
			if name := names[r.Group[i]]; name != "" {
				r.Group[i] = name + " (" + r.Group[i] + ")"
			}
		}
	}
	for _, r := range rows.Data {
		cost := fmt.Sprintf("%.6f", float64(r.CostNanoUSD)/1e9)
		switch {
		case r.CostUnknown && r.CostNanoUSD == 0:
			cost = "?"
		case r.CostUnknown:
			cost += " + ?"
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%s\n", strings.Join(r.Group, "\t"), r.Requests, r.Errors, r.Estimated,
			r.Tokens["input"], r.Tokens["cached_read"], r.Tokens["output"], cost)
	}
	return w.Flush()
}

// keyNames maps the ids of keys to their names, where the caller may know them.
func (c usageCommand) keyNames(ctx context.Context) map[string]string {
	var keys struct {
		Data []key `json:"data"`
	}
	names := map[string]string{}
	if err := c.call(ctx, http.MethodGet, "/admin/v1/keys", nil, &keys); err != nil {
		return names // ids alone tell as much as the caller may know
	}
	for _, k := range keys.Data {
		names[k.ID] = k.Name
	}
	return names
}
