package gateway

import (
	"context"

	"github.com/craton-ai/craton/internal/guard"
	"github.com/craton-ai/craton/internal/guard/fallback"
	"github.com/craton-ai/craton/internal/guard/meter"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/route"
)

// Generate answers a request with the best candidate that can. Errors are
// *model.Error; once a stream is returned its own errors end it.
func (g *Gateway) Generate(ctx context.Context, call *Call, req *model.Request) (*Answer, error) {
	facts := route.Facts{Model: req.Model, Dialect: call.Dialect, Needs: route.NeedsOf(req), ServiceTier: req.ServiceTier}
	w, candidates, err := g.candidates(&call.Principal, facts)
	if err != nil {
		return nil, err
	}
	if candidates, err = g.affordable(call, candidates); err != nil {
		return nil, err
	}
	size := sizeOf(req)
	t, err := g.admit(ctx, call, candidates, bound(req, size))
	if err != nil {
		return nil, err
	}
	// The upstream outlives a client that goes away by a bounded while, to
	// learn what it used.
	upstream, release := g.opts.Guards.Meter.Detach(ctx)
	attempts, media := t.attempts, g.newMedia(&call.Principal, size.plain)
	media.lasting = call.Lasting
	stream, i, err := fallback.Do(upstream, len(candidates), func(ctx context.Context, i int) (model.Stream, error) {
		if call.spent.on(&candidates[i]) && len(candidates) > 1 {
			return nil, call.spent.err // its calls were counted when they were made
		}
		s, n, err := g.try(ctx, call, req, w, &candidates[i], t, media)
		attempts += n
		return s, err
	})
	if err != nil {
		t.close(nil, attempts, err)
		release()
		return nil, err
	}
	watched := g.opts.Guards.Meter.Watch(ctx, stream, meter.Watched{
		InputBytes: size.text, First: t.first, Release: release,
		Done: func(u *model.Usage, err error) { t.close(u, attempts, err) },
	})
	c := &candidates[i]
	return &Answer{Stream: watched, Upstream: c.Upstream, Model: c.Model, Card: c.Card, Losses: model.LossesOf(stream)}, nil
}

// try asks one candidate and waits for its first event. It returns how many
// upstream calls that took.
func (g *Gateway) try(ctx context.Context, call *Call, req *model.Request, w *world, c *route.Candidate, t *ticket, m *media) (model.Stream, int, error) {
	t.serve(c)
	local, err := m.localize(ctx, w.byName[c.Upstream], req)
	if err != nil {
		return nil, 0, err
	}
	named := *local
	named.Model, named.OutputLimit = c.Model, c.Card.MaxOutputTokens
	provider := w.byName[c.Upstream].Provider
	if once := w.byName[c.Upstream].Once; once != nil && call.spent.on(c) {
		provider = once
	}
	s, err := provider.Generate(ctx, &named)
	if err == nil {
		s, err = guard.Peek(s)
	}
	if err == nil && call.Strict {
		if err = RefuseLosses(model.LossesOf(s)); err != nil {
			s.Close()
		}
	}
	if err != nil {
		return nil, guard.Attempts(err), err
	}
	return s, guard.Attempts(s), nil
}

// RefuseLosses is strict mode: not even a hint may be lost. Its error is a
// *model.Error about the first of the losses, nil where there are none. It is
// safe for concurrent use.
func RefuseLosses(losses []model.Loss) error {
	if len(losses) == 0 {
		return nil
	}
	return model.Errorf(model.Unsupported, losses[0].Path, "In strict mode nothing may be lost: %s.", losses[0].What).
		WithHint("Leave it out, or send no X-Craton-Strict header. The upstream of another model may know it.")
}
