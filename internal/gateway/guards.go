package gateway

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/craton-ai/craton/internal/guard/breaker"
	"github.com/craton-ai/craton/internal/guard/budget"
	"github.com/craton-ai/craton/internal/guard/limit"
	"github.com/craton-ai/craton/internal/guard/meter"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/observe"
	"github.com/craton-ai/craton/internal/route"
	"github.com/craton-ai/craton/internal/usage"
)

// Guards are what every call passes. Meter is required; the others may be nil.
type Guards struct {
	// Meter writes down what each call used.
	Meter *meter.Meter
	// Limiter holds callers to their rates and concurrency.
	Limiter *limit.Limiter
	// Budgets holds them to what they may spend; it needs Worst.
	Budgets *budget.Book
	// Breakers tell which upstreams keep failing.
	Breakers *breaker.Set
	// Worst prices the most a call may use; known is false where no price is known.
	Worst func(card *model.Card, most model.Usage) (nanoUSD int64, known bool)
}

// ticket is what a call holds from its admission to its end. It is closed once.
type ticket struct {
	call   *meter.Call
	span   *observe.Span
	served *model.Card
	// attempts counts upstream calls of a lane that gave way.
	attempts    int
	permit      limit.Permit
	reservation budget.Reservation
	closed      atomic.Bool
}

// admit runs the guards before a call: limits, then budgets. most bounds what
// the call may use on a card, to which an answer without bound of its own is
// held. The dearest candidate is reserved for: a fallback may serve it.
func (g *Gateway) admit(ctx context.Context, call *Call, candidates []route.Candidate, most model.Usage) (*ticket, error) {
	if t := call.admitted; t != nil {
		call.admitted = nil
		return t, nil
	}
	card := candidates[0].Card
	t := &ticket{span: call.Span, served: card, call: g.opts.Guards.Meter.Begin(meter.Facts{
		Tenant: call.Principal.Tenant.ID, KeyID: call.Key.ID, Model: card.ID, Dialect: string(call.Dialect),
		RequestID: call.RequestID, Tags: call.Tags,
	})}
	if l := g.opts.Guards.Limiter; l != nil && call.Key.Limits != (unlimited) {
		permit, err := l.Acquire(ctx, call.Key.ID, limit.Limits(call.Key.Limits), most.Total())
		t.permit = permit
		call.Limits = permit.State()
		if err != nil {
			t.call.End(nil, 0, err)
			return nil, err
		}
	}
	var room [4]budget.Limit
	if limits := budgets(call, room[:0]); len(limits) > 0 && g.opts.Guards.Budgets != nil {
		reservation, err := g.opts.Guards.Budgets.Reserve(ctx, limits, g.dearest(candidates, most))
		if err != nil {
			t.call.End(nil, 0, err)
			t.permit.Release(0)
			return nil, err
		}
		t.reservation = reservation
	}
	call.held = t
	return t, nil
}

// serve notes who is asked.
func (t *ticket) serve(c *route.Candidate) {
	t.call.Serve(c.Upstream, c.Card)
	t.span.Attempt(c.Upstream, c.Model)
	t.served = c.Card
}

// first notes that the first token was passed on.
func (t *ticket) first() {
	t.call.First()
	t.span.First()
}

// close ends the call: the record is closed, the budget settled and the place given back.
func (t *ticket) close(u *model.Usage, attempts int, err error) {
	if !t.closed.CompareAndSwap(false, true) {
		return
	}
	t.reservation.Settle(t.call.End(u, attempts, err))
	t.span.End(observe.Ended{Upstream: t.served.Upstream, Vendor: t.served.Vendor, Model: t.served.ID, Usage: u, Err: err})
	var tokens int64
	if u != nil {
		tokens = u.Total()
	}
	t.permit.Release(tokens)
}

// budgets appends what the call's cost falls under.
func budgets(call *Call, list []budget.Limit) []budget.Limit {
	tenant, key := &call.Principal.Tenant, &call.Key
	for _, l := range [...]budget.Limit{
		{Scope: usage.KeyScope(tenant.ID, key.ID), Span: budget.Daily, NanoUSD: key.Budgets.DailyNanoUSD},
		{Scope: usage.KeyScope(tenant.ID, key.ID), Span: budget.Monthly, NanoUSD: key.Budgets.MonthlyNanoUSD},
		{Scope: usage.TenantScope(tenant.ID), Span: budget.Daily, NanoUSD: tenant.Budgets.DailyNanoUSD},
		{Scope: usage.TenantScope(tenant.ID), Span: budget.Monthly, NanoUSD: tenant.Budgets.MonthlyNanoUSD},
	} {
		if l.NanoUSD > 0 {
			list = append(list, l)
		}
	}
	return list
}

// affordable leaves out the candidates whose price is not known where a budget
// must hold the call, and refuses where none is left. Without a budget it
// changes nothing.
func (g *Gateway) affordable(call *Call, candidates []route.Candidate) ([]route.Candidate, error) {
	guards := &g.opts.Guards
	if guards.Budgets == nil || guards.Worst == nil || call.Key.Budgets == noBudgets && call.Principal.Tenant.Budgets == noBudgets {
		return candidates, nil
	}
	var priced []route.Candidate
	for i := range candidates {
		if _, known := guards.Worst(candidates[i].Card, model.Usage{Output: 1}); known {
			continue
		}
		// Most often all are known, and nothing is copied.
		priced = slices.DeleteFunc(slices.Clone(candidates), func(c route.Candidate) bool {
			_, known := guards.Worst(c.Card, model.Usage{Output: 1})
			return !known
		})
		break
	}
	switch {
	case priced == nil:
		return candidates, nil
	case len(priced) == 0:
		c := &candidates[0]
		return nil, model.Errorf(model.Forbidden, "model", "No price is known for %s/%s, so that the budget of this key or tenant cannot hold it.", c.Upstream, c.Model).
			WithHint("Have the operator set one under `prices` (\"0\" where it is free), or choose a model with a price: `craton models list`.")
	}
	return priced, nil
}

// dearest is the most a bound may cost on any of the candidates, in nano-USD.
func (g *Gateway) dearest(candidates []route.Candidate, most model.Usage) int64 {
	var nano int64
	for i := range candidates {
		nano = max(nano, g.worst(&candidates[i], most))
	}
	return nano
}

// worst prices a bound, in nano-USD; 0 when the price is unknown. A tier that
// was asked for may not be the one that is charged: the dearest that may be counts.
func (g *Gateway) worst(c *route.Candidate, most model.Usage) int64 {
	if g.opts.Guards.Worst == nil {
		return 0
	}
	if most.Output == 0 {
		most.Output = longest(c)
	}
	var nano int64
	for _, most.ServiceTier = range chargeable(c, most.ServiceTier) {
		one, _ := g.opts.Guards.Worst(c.Card, most)
		nano = max(nano, one)
	}
	return nano
}

// chargeable lists the tiers by which a call may be charged; "" is the standard
// one. Who asks for "auto" leaves it to the upstream, and by Anthropic's contract
// so does who asks for none.
func chargeable(c *route.Candidate, asked string) []string {
	switch {
	case asked == "auto", asked == "" && slices.Contains(c.Dialects, model.DialectAnthropic):
		return []string{"", "priority"}
	case asked == "":
		return []string{""}
	}
	return []string{asked, ""}
}

// longest is the length taken for that of an answer without a bound of its own.
// Anthropic's contract knows no such request: there the model's whole limit is
// asked for.
func longest(c *route.Candidate) int64 {
	limit := int64(c.Card.MaxOutputTokens)
	switch {
	case limit <= 0:
		return unboundedAnswer
	case slices.Contains(c.Dialects, model.DialectAnthropic):
		return limit
	}
	return min(limit, unboundedAnswer)
}
