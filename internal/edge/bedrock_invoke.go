package edge

import (
	"context"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/craton-ai/craton/internal/aws/contract"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/bedrock/family"
	"github.com/craton-ai/craton/internal/wire/bedrock/invoke"
	"github.com/craton-ai/craton/internal/wire/bedrock/object"
)

// invokeModel serves InvokeModel and InvokeModelWithResponseStream in the
// native body of the model's family, whatever upstream serves the model.
func (h *Handler) invokeModel(c *call, m contract.Match) error {
	name, stream := m.Label("modelId"), m.Operation.Name == "InvokeModelWithResponseStream"
	f := h.familyOf(c, name, c.body)
	if f.Embeds() {
		if stream {
			return model.Errorf(model.Invalid, "modelId", "The model is unsupported for streaming.").WithHint("Call InvokeModel.")
		}
		return h.invokeEmbed(c, name, f)
	}
	req, err := h.decodeInvoke(c, name, c.body)
	if err != nil {
		return err
	}
	if err := c.readObjects(req); err != nil {
		return err
	}
	invoke.DecodeHeader(c.r.Header, req)
	req.Stream = stream
	ctx, asked := c.gateway("invoke", name)
	answer, err := h.opts.Gateway.Generate(ctx, asked, req)
	if err != nil {
		return bedrockError(err)
	}
	c.label(answer.Upstream, answer.Model, answer.Losses)
	show := c.invokeOptions(name)
	header := c.w.Header()
	if stream {
		header.Set("X-Amzn-Bedrock-Content-Type", "application/json")
		enc, err := invoke.NewEncoder(f, show)
		if err != nil {
			answer.Stream.Close()
			return err
		}
		return c.pump(answer.Stream, eventStream, enc, enc.Finish)
	}
	resp, err := model.Collect(answer.Stream)
	if err != nil {
		return err
	}
	body, losses, err := invoke.EncodeResponse(f, resp, show)
	if err != nil {
		return err
	}
	c.label(answer.Upstream, answer.Model, append(answer.Losses, losses...))
	invoke.SetUsage(header, &resp.Usage, show)
	return c.json(body)
}

// invokeEmbed serves InvokeModel of an embedding family.
func (h *Handler) invokeEmbed(c *call, name string, f invoke.Family) error {
	req, err := invoke.DecodeEmbedRequest(f, c.body)
	if err != nil {
		return nativeBodyError(err)
	}
	req.Model = name
	ctx, asked := c.gateway("invoke", name)
	resp, served, err := h.opts.Gateway.Embed(ctx, asked, req)
	if err != nil {
		return bedrockError(err)
	}
	c.label(served.Upstream, served.Model, served.Losses)
	show := c.invokeOptions(name)
	body, err := invoke.EncodeEmbedResponse(f, req, resp, show)
	if err != nil {
		return err
	}
	invoke.SetUsage(c.w.Header(), &resp.Usage, show)
	return c.json(body)
}

func (c *call) invokeOptions(name string) invoke.Options {
	return invoke.Options{ID: "msg_bdrk_" + strings.ReplaceAll(c.id, "-", ""), Model: name, Created: c.start.Unix(), Elapsed: c.elapsed}
}

// decodeInvoke reads a native body of the model's family.
func (h *Handler) decodeInvoke(c *call, name string, body []byte) (*model.Request, error) {
	req, err := invoke.DecodeRequest(h.familyOf(c, name, body), body)
	if err != nil {
		return nil, nativeBodyError(err)
	}
	req.Model = name
	return req, nil
}

// nativeBodyError says in the service's words that a native body is not JSON.
// The front door does not look into it, so this is no SerializationException.
func nativeBodyError(err error) error {
	e := model.AsError(err)
	if e.Code != object.Malformed {
		return err
	}
	own := *e
	own.Code = ""
	own.Message = "Malformed input request: " + strings.TrimSuffix(e.Message, ".") + ", please reformat your input and try again."
	return &own
}

// familyOf finds the native body of a model: by the name asked for, by its
// card, or for a model whose vendor has no native body, by the shape of the
// body itself, so that any model can be called in any family.
func (h *Handler) familyOf(c *call, name string, body []byte) invoke.Family {
	if f := invoke.FamilyOf(name, nil); f != family.Unknown {
		return f
	}
	card, _, err := h.opts.Gateway.Explain(context.WithoutCancel(c.r.Context()), c.who, name)
	if err == nil && card.Family != "" {
		return invoke.FamilyOf(name, card)
	}
	return familyByShape(body)
}

// familyByShape recognises a native body by the members only its family has.
func familyByShape(body []byte) invoke.Family {
	has := func(path string) bool { return gjson.GetBytes(body, path).Exists() }
	switch {
	case has("anthropic_version"):
		return family.Anthropic
	case has("schemaVersion"), has("inferenceConfig"), has("messages.0.content.0.text") && !has("messages.0.content.0.type"):
		return family.Nova
	case has("max_gen_len"):
		return family.Llama
	case has("inputText") && has("textGenerationConfig"):
		return family.TitanText
	case has("inputText"):
		return family.TitanEmbedV2
	case has("texts"), has("input_type"):
		return family.CohereEmbed
	case has("prompt"):
		return family.Mistral
	}
	return family.OpenAI
}
