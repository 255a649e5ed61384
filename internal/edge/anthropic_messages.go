package edge

import (
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/anthropic"
)

// messages serves POST /v1/messages.
func (h *Handler) messages(c *call) error {
	if err := c.ensureBody(); err != nil {
		return err
	}
	if done, err := c.fastLane(anthropicFast); done {
		return err
	}
	req, err := anthropic.DecodeRequest(c.body)
	if err != nil {
		return err
	}
	ctx, asked := c.gateway("messages", req.Model)
	answer, err := h.opts.Gateway.Generate(ctx, asked, req)
	if err != nil {
		return err
	}
	c.label(answer.Upstream, answer.Model, answer.Losses)
	stream := named(answer)
	show := anthropic.ResponseOptions{ID: "msg_" + c.id, RequestID: c.id}
	if req.Stream {
		enc := anthropic.NewEncoder(show)
		return c.pump(stream, "text/event-stream; charset=utf-8", enc, enc.Finish)
	}
	resp, err := model.Collect(stream)
	if err != nil {
		return err
	}
	body, losses, err := anthropic.EncodeResponse(resp, show)
	if err != nil {
		return err
	}
	c.label(answer.Upstream, answer.Model, append(answer.Losses, losses...))
	return c.json(body)
}

// countTokens serves POST /v1/messages/count_tokens.
func (h *Handler) countTokens(c *call) error {
	if err := c.ensureBody(); err != nil {
		return err
	}
	req, err := anthropic.DecodeCountRequest(c.body)
	if err != nil {
		return err
	}
	ctx, asked := c.gateway("count_tokens", req.Model)
	n, err := h.opts.Gateway.CountTokens(ctx, asked, req)
	if err != nil {
		return err
	}
	return c.json(anthropic.EncodeCount(n))
}

// unknownAnthropic answers operations of Anthropic's contract that are not served.
func (h *Handler) unknownAnthropic(c *call) error {
	return model.Errorf(model.NotFound, c.r.URL.Path, "Not found: %s %s.", c.r.Method, c.r.URL.Path).
		WithHint("The README lists the operations this server has.")
}
