package main

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/craton-ai/craton/internal/config"
	"github.com/craton-ai/craton/internal/gateway"
	"github.com/craton-ai/craton/internal/guard"
	"github.com/craton-ai/craton/internal/guard/breaker"
	"github.com/craton-ai/craton/internal/guard/budget"
	"github.com/craton-ai/craton/internal/guard/hedge"
	"github.com/craton-ai/craton/internal/guard/limit"
	"github.com/craton-ai/craton/internal/guard/meter"
	"github.com/craton-ai/craton/internal/guard/retry"
	"github.com/craton-ai/craton/internal/guard/timeout"
	"github.com/craton-ai/craton/internal/model"
)

// Timeouts that suit streams, where the configuration names none.
const (
	firstEventTimeout = 5 * time.Minute
	idleTimeout       = 2 * time.Minute
	// retryShare and retryMost bound retries over all requests of an upstream.
	retryShare = 0.2
	retryMost  = 10
)

// guards holds what stands between requests and upstreams.
type guards struct {
	cfg      *config.Config
	log      *slog.Logger
	cards    *cards
	meter    *meter.Meter
	budgets  *budget.Book
	limiter  *limit.Limiter
	breakers *breaker.Set
}

func newGuards(cfg *config.Config, st *state, known *cards, log *slog.Logger, finished func(*meter.Finished)) *guards {
	return &guards{
		cfg: cfg, log: log, cards: known,
		meter:    meter.New(meter.Config{Store: st.db, Cost: known.cost, Finished: finished, Now: time.Now, NewID: timeID, Log: log}),
		budgets:  budget.New(budget.Config{Store: st.db, Now: time.Now, NewID: uuid.NewString, Log: log}),
		limiter:  limit.New(limit.Config{Wait: cfg.Guards.QueueWait.Or(limit.DefaultWait), Now: time.Now}),
		breakers: breaker.NewSet(breaker.Config{Now: time.Now}),
	}
}

// timeID makes an id that sorts by time, so that a batch of records lies
// together in the store instead of all over it.
func timeID() string {
	id, err := uuid.NewV7()
	if err != nil {
		return uuid.NewString()
	}
	return id.String()
}

// gateway hands the guards of every call to the gateway.
func (g *guards) gateway() gateway.Guards {
	return gateway.Guards{Meter: g.meter, Limiter: g.limiter, Budgets: g.budgets, Breakers: g.breakers, Worst: g.cards.worst}
}

// around puts the guards of one upstream around its provider: retries
// outermost, so that each attempt asks the breaker and has its own time. once
// is the same without retries.
func (g *guards) around(upstream string, p model.Provider) (full, once model.Provider) {
	c := g.cfg.Guards
	policy := retry.Policy{Budget: retry.NewBudget(retryShare, retryMost), Random: rand.Float64, Now: time.Now}
	if c.Retries != nil {
		if policy.Retries = *c.Retries; policy.Retries == 0 {
			policy.Retries = -1
		}
	}
	within := guard.Chain(
		g.breakers.Of(upstream),
		hedge.New(time.Duration(c.Hedge)),
		timeout.New(timeout.Bounds{FirstEvent: c.FirstEvent.Or(firstEventTimeout), Idle: c.Idle.Or(idleTimeout), Now: time.Now}),
	)
	return guard.Wrap(p, guard.Chain(retry.New(policy), within)), guard.Wrap(p, within)
}

// close writes what was metered and gives budget slices back.
func (g *guards) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := g.meter.Close(ctx); err != nil {
		g.log.Error("usage records were not all written", "err", err)
	}
	if err := g.budgets.Close(ctx); err != nil {
		g.log.Error("budget slices were not all given back; they count as spent", "err", err)
	}
}
