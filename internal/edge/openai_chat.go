package edge

import (
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/openai"
)

// chatCompletions serves POST /v1/chat/completions.
func (h *Handler) chatCompletions(c *call) error {
	if err := c.ensureBody(); err != nil {
		return err
	}
	if done, err := c.fastLane(openAIFast); done {
		return err
	}
	req, opts, err := openai.DecodeRequest(c.body)
	if err != nil {
		return err
	}
	ctx, asked := c.gateway("chat", req.Model)
	answer, err := h.opts.Gateway.Generate(ctx, asked, req)
	if err != nil {
		return err
	}
	c.label(answer.Upstream, answer.Model, answer.Losses)
	stream := named(answer)
	show := openai.EncoderOptions{ID: "chatcmpl-" + c.id, Created: c.start.Unix(), IncludeUsage: opts.IncludeUsage}
	if req.Stream {
		enc := openai.NewEncoder(show)
		return c.pump(stream, "text/event-stream", enc, enc.Finish)
	}
	resp, err := model.Collect(stream)
	if err != nil {
		return err
	}
	body, losses, err := openai.EncodeResponse(resp, show)
	if err != nil {
		return err
	}
	c.label(answer.Upstream, answer.Model, append(answer.Losses, losses...))
	return c.json(body)
}

// unknownOpenAI answers operations of OpenAI's contract that are not served.
func (h *Handler) unknownOpenAI(c *call) error {
	return model.Errorf(model.NotFound, c.r.URL.Path, "Unknown request URL: %s %s.", c.r.Method, c.r.URL.Path).
		WithHint("The README lists the operations this server has.")
}
