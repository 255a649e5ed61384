package edge

import (
	"time"

	"github.com/craton-ai/craton/internal/aws/contract"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/bedrock"
)

// eventStream is the content type of AWS event streams.
const eventStream = "application/vnd.amazon.eventstream"

// converse serves Converse and ConverseStream.
func (h *Handler) converse(c *call, m contract.Match) error {
	req, err := bedrock.DecodeRequest(c.body)
	if err != nil {
		return err
	}
	if err := bedrock.Check(req); err != nil {
		return err
	}
	if err := c.readObjects(req); err != nil {
		return err
	}
	req.Model, req.Stream = m.Label("modelId"), m.Operation.Name == "ConverseStream"
	ctx, asked := c.gateway("converse", req.Model)
	answer, err := h.opts.Gateway.Generate(ctx, asked, req)
	if err != nil {
		return bedrockError(err)
	}
	c.label(answer.Upstream, answer.Model, answer.Losses)
	show := bedrock.Options{Elapsed: c.elapsed, ResponsePaths: req.ResponsePaths, Latency: req.Latency}
	if req.Stream {
		enc := bedrock.NewEncoder(show)
		return c.pump(answer.Stream, eventStream, enc, enc.Finish)
	}
	resp, err := model.Collect(answer.Stream)
	if err != nil {
		return err
	}
	body, losses, err := bedrock.EncodeResponse(resp, show)
	if err != nil {
		return err
	}
	c.label(answer.Upstream, answer.Model, append(answer.Losses, losses...))
	return c.json(body)
}

// countBedrock serves CountTokens.
func (h *Handler) countBedrock(c *call, m contract.Match) error {
	in, err := bedrock.DecodeCountTokens(c.body)
	if err != nil {
		return err
	}
	req := in.Converse
	name := m.Label("modelId")
	if req == nil {
		if req, err = h.decodeInvoke(c, name, in.InvokeBody); err != nil {
			return err
		}
	}
	if err := c.readObjects(req); err != nil {
		return err
	}
	req.Model = name
	ctx, asked := c.gateway("count_tokens", name)
	n, err := h.opts.Gateway.CountTokens(ctx, asked, req)
	if e := model.AsError(err); e != nil && e.Kind == model.Unsupported {
		return model.Errorf(model.Invalid, "modelId", "The provided model doesn't support counting tokens.")
	}
	if err != nil {
		return bedrockError(err)
	}
	return c.json(bedrock.EncodeCount(n))
}

// bedrockError says in the service's words that a model is unknown.
func bedrockError(err error) error {
	e := model.AsError(err)
	if e.Kind != model.ModelNotFound {
		return err
	}
	own := *e
	own.Kind, own.Message = model.Invalid, "The provided model identifier is invalid."
	if e.Message != "" {
		own.Hint = e.Public()
	}
	return &own
}

// elapsed is the time since the call came in.
func (c *call) elapsed() time.Duration { return c.h.opts.Now().Sub(c.start) }
