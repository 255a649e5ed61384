package gateway

import (
	"context"

	"github.com/craton-ai/craton/internal/guard"
	"github.com/craton-ai/craton/internal/guard/fallback"
	"github.com/craton-ai/craton/internal/guard/limit"
	"github.com/craton-ai/craton/internal/guard/meter"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/route"
)

// Embed makes embeddings with the best candidate that can, and says which it was
// and what hints it could not be told. A strict call that lost one is refused
// once the upstream has answered: what that used is metered all the same.
func (g *Gateway) Embed(ctx context.Context, call *Call, req *model.EmbedRequest) (*model.EmbedResponse, *Answer, error) {
	facts := route.Facts{Model: req.Model, Dialect: call.Dialect, Needs: route.Need(model.CanEmbed)}
	w, candidates, err := g.candidates(&call.Principal, facts)
	if err != nil {
		return nil, nil, err
	}
	if candidates, err = g.affordable(call, candidates); err != nil {
		return nil, nil, err
	}
	t, err := g.admit(ctx, call, candidates, embedBound(req))
	if err != nil {
		return nil, nil, err
	}
	resp, i, err := fallback.Do(ctx, len(candidates), func(ctx context.Context, i int) (*model.EmbedResponse, error) {
		c := &candidates[i]
		t.serve(c)
		embedder, ok := model.As[model.Embedder](w.byName[c.Upstream].Provider)
		if !ok {
			return nil, unable(c, "make embeddings")
		}
		u := w.byName[c.Upstream]
		if u.FetchURLs != FetchPass && req.Extra != nil && namesAddress(req.Extra.Raw, false) {
			return nil, addressRefused("")
		}
		named := *req
		named.Model = c.Model
		resp, err := embedder.Embed(ctx, &named)
		if err != nil {
			t.attempts += guard.Attempts(err)
		} else {
			t.attempts += guard.Attempts(resp)
		}
		return resp, err
	})
	if err != nil {
		t.close(nil, t.attempts, err)
		return nil, nil, err
	}
	if call.Strict {
		err = RefuseLosses(resp.Losses)
	}
	t.first()
	t.close(embedUsed(req, resp), t.attempts, err)
	if err != nil {
		return nil, nil, err
	}
	c := &candidates[i]
	return resp, &Answer{Upstream: c.Upstream, Model: c.Model, Card: c.Card, Losses: resp.Losses}, nil
}

// embedUsed is what the upstream told, or an estimate where it told nothing:
// else budgets and rates would take its work as free.
func embedUsed(req *model.EmbedRequest, resp *model.EmbedResponse) *model.Usage {
	u := resp.Usage
	if !u.Absent {
		return &u
	}
	guess := int64(len(req.Images) * tokensPerPicture)
	for _, text := range req.Input {
		guess += meter.EstimateTokens(int64(len(text)))
	}
	for _, tokens := range req.Tokens {
		guess += int64(len(tokens))
	}
	u.Input, u.Estimated, u.Absent = max(u.Input, guess), true, false
	return &u
}

// CountTokens counts a request's input with the model's own tokenizer. It is
// not metered, as nothing is generated, but held to the key's rates like a
// request that uses no tokens: the upstream works for it all the same.
func (g *Gateway) CountTokens(ctx context.Context, call *Call, req *model.Request) (int64, error) {
	w, candidates, err := g.candidates(&call.Principal, route.Facts{Model: req.Model, Dialect: call.Dialect})
	if err != nil {
		return 0, err
	}
	c := &candidates[0]
	counter, ok := model.As[model.TokenCounter](w.byName[c.Upstream].Provider)
	if !ok {
		return 0, unable(c, "count tokens")
	}
	if l := g.opts.Guards.Limiter; l != nil && call.Key.Limits != unlimited {
		permit, err := l.Acquire(ctx, call.Key.ID, limit.Limits(call.Key.Limits), 0)
		call.Limits = permit.State()
		if err != nil {
			return 0, err
		}
		defer permit.Release(0)
	}
	local, err := g.newMedia(&call.Principal, sizeOf(req).plain).localize(ctx, w.byName[c.Upstream], req)
	if err != nil {
		return 0, err
	}
	named := *local
	named.Model = c.Model
	return counter.CountTokens(ctx, &named)
}

// Explain describes one model by any of its names, and says why that one.
func (g *Gateway) Explain(_ context.Context, who identity.Principal, name string) (*model.Card, []string, error) {
	_, candidates, err := g.candidates(&who, route.Facts{Model: name})
	if err != nil {
		return nil, nil, err
	}
	c := &candidates[0]
	card := *c.Card
	card.ID, card.Upstream = c.Upstream+"/"+c.Model, c.Upstream
	return &card, c.Reasons, nil
}

func unable(c *route.Candidate, what string) error {
	return model.Errorf(model.Unsupported, "model", "The model %s/%s cannot %s.", c.Upstream, c.Model, what).
		WithHint("Choose another model; `craton models show` says what each can do.")
}
