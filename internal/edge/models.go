package edge

import (
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
		return c.json(anthropic.EncodeModels(cards, false))
	}
	return c.json(openai.EncodeModels(cards))
}

// getModel serves GET /v1/models/{id}.
func (h *Handler) getModel(c *call) error {
	if speaksAnthropic(c) {
		c.d = anthropicAPI
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
	resp, served, err := h.opts.Gateway.Embed(c.r.Context(), c.gateway("embeddings", req.Model), req)
	if err != nil {
		return err
	}
	c.label(served.Upstream, served.Model, nil)
	shown := *resp
	shown.Model = req.Model
	return c.json(openai.EncodeEmbedResponse(&shown, opts))
}

// noOperation is the error of an operation that its contract has and this server has not.
func noOperation(name string) error {
	return model.Errorf(model.Unsupported, name, "The operation %s is not supported by this server.", name).
		WithHint("docs/ACCEPTANCE.md lists what is served.")
}
