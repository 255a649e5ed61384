package openai

import (
	"context"
	"net/http"

	"github.com/tidwall/gjson"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/provider"
)

// Counting is a Provider whose server also counts tokens with the model's own
// tokenizer, as the built-in engine does at /chat/count_tokens.
type Counting struct{ *Provider }

// CountTokens asks the server. One that does not count answers an *model.Error
// of kind Unsupported.
func (c Counting) CountTokens(ctx context.Context, req *model.Request) (int64, error) {
	const op = "provider/openai.CountTokens"
	body, losses, err := c.quirks.EncodeRequest(req)
	if err != nil {
		return 0, err
	}
	if err := provider.Refuse(op, losses); err != nil {
		return 0, err
	}
	answer, err := c.client.Bytes(ctx, c.call(op, "/chat/count_tokens", req.Model, body, req.Hops))
	if err != nil {
		if e := model.AsError(err); e.UpstreamStatus == http.StatusNotFound && e.Kind != model.ModelNotFound {
			return 0, model.Errorf(model.Unsupported, "model", "The model's server does not count tokens.")
		}
		return 0, err
	}
	n := gjson.GetBytes(answer, "input_tokens")
	if n.Type != gjson.Number || n.Int() < 0 {
		return 0, model.Errorf(model.UpstreamGarbage, "", "The upstream's answer could not be understood.")
	}
	return n.Int(), nil
}
