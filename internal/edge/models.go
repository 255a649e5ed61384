package edge

import (
	"net/url"
	"slices"
	"strconv"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/anthropic"
	"github.com/craton-ai/craton/internal/wire/openai"
)

// speaksAnthropic tells whose model list is wanted on the shared path.
func speaksAnthropic(c *call) bool {
	return c.d == anthropicAPI || c.r.Header.Get("Anthropic-Version") != ""
}

// listModels serves GET /v1/models in the shape the client speaks.
func (h *Handler) listModels(c *call) error {
	cards, err := h.opts.Gateway.Models(c.r.Context(), c.who)
	if err != nil {
		return err
	}
	if speaksAnthropic(c) {
		page, more, err := anthropicPage(cards, c.r.URL.Query())
		if err != nil {
			c.d = anthropicAPI
			return err
		}
		return c.json(anthropic.EncodeModels(page, more))
	}
	return c.json(openai.EncodeModels(cards))
}

// The sizes of a page where the client names none, and at most.
const (
	anthropicLimit    = 20
	anthropicMaxLimit = 1000
)

// anthropicPage cuts out the page that after_id, before_id and limit name. more
// says that there are others beyond it, in the direction that was asked for.
func anthropicPage(cards []model.Card, query url.Values) (page []model.Card, more bool, err error) {
	limit := anthropicLimit
	if s := query.Get("limit"); s != "" {
		if limit, err = strconv.Atoi(s); err != nil || limit < 1 || limit > anthropicMaxLimit {
			return nil, false, model.Errorf(model.Invalid, "limit", "limit: must be a whole number from 1 to %d.", anthropicMaxLimit)
		}
	}
	place := func(name string) (int, error) {
		id := query.Get(name)
		i := slices.IndexFunc(cards, func(c model.Card) bool { return c.ID == id })
		if i < 0 {
			return 0, model.Errorf(model.Invalid, name, "%s: there is no model %q in the list.", name, id).WithHint("Begin again without it.")
		}
		return i, nil
	}
	switch {
	case query.Get("after_id") != "" && query.Get("before_id") != "":
		return nil, false, model.Errorf(model.Invalid, "before_id", "before_id: goes alone, not with after_id.")
	case query.Get("before_id") != "":
		end, err := place("before_id")
		begin := max(end-limit, 0)
		return cards[begin:end], begin > 0, err
	case query.Get("after_id") != "":
		i, err := place("after_id")
		if err != nil {
			return nil, false, err
		}
		cards = cards[i+1:]
	}
	end := min(limit, len(cards))
	return cards[:end], end < len(cards), nil
}

// getModel serves GET /v1/models/{id}.
func (h *Handler) getModel(c *call) error {
	if speaksAnthropic(c) {
		c.d = anthropicAPI
	}
	if c.r.PathValue("id") == "" { // which would be the default model
		return model.Errorf(model.NotFound, "id", "The path %s names no model.", c.r.URL.Path).WithHint("Leave the last slash out to list them.")
	}
	card, _, err := h.opts.Gateway.Explain(c.r.Context(), c.who, c.r.PathValue("id"))
	if err != nil {
		return err
	}
	if speaksAnthropic(c) {
		return c.json(anthropic.EncodeModel(card))
	}
	return c.json(openai.EncodeModel(card))
}

// embeddings serves POST /v1/embeddings.
func (h *Handler) embeddings(c *call) error {
	if err := c.ensureBody(); err != nil {
		return err
	}
	req, opts, err := openai.DecodeEmbedRequest(c.body)
	if err != nil {
		return err
	}
	ctx, asked := c.gateway("embeddings", req.Model)
	resp, served, err := h.opts.Gateway.Embed(ctx, asked, req)
	if err != nil {
		return err
	}
	c.label(served.Upstream, served.Model, served.Losses)
	shown := *resp
	shown.Model = req.Model
	return c.json(openai.EncodeEmbedResponse(&shown, opts))
}

// noOperation is the error of an operation that its contract has and this server has not.
func noOperation(name string) error {
	return model.Errorf(model.Unsupported, name, "The operation %s is not supported by this server.", name).
		WithHint("docs/ACCEPTANCE.md lists what is served.")
}
