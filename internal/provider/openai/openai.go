package openai

import (
	"bytes"
	"context"
	"io"
	"mime"
	"net/http"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/provider"
	wire "github.com/craton-ai/craton/internal/wire/openai"
)

// DefaultBaseURL is OpenAI's own address.
const DefaultBaseURL = "https://api.openai.com/v1"

// Provider is an upstream that speaks OpenAI's contracts: a model.Provider,
// Embedder, Lister and Relay.
type Provider struct {
	cfg    provider.Config
	client *provider.Client
	quirks wire.Quirks
	site   site
}

// New returns the upstream cfg describes. The error is an *model.Error of kind
// Invalid that names the member that is wrong.
func New(cfg provider.Config) (*Provider, error) {
	cfg = cfg.WithDefaults()
	if cfg.BaseURL == "" && cfg.Kind != KindAzure {
		cfg.BaseURL = DefaultBaseURL
	}
	base, err := provider.Base(cfg.BaseURL)
	if err != nil {
		return nil, err
	}
	q := cfg.OpenAI
	switch q.MaxTokensName {
	case "", "max_tokens", "max_completion_tokens":
	default:
		return nil, model.Errorf(model.Invalid, "max_tokens_name", "The upstream's max_tokens_name must be max_tokens or max_completion_tokens.")
	}
	return &Provider{
		cfg:    cfg,
		client: provider.NewClient(cfg, wire.DecodeError),
		site:   newSite(cfg, base),
		quirks: wire.Quirks{
			MaxTokens: q.MaxTokensName == "max_tokens", NoStreamOptions: q.NoStreamUsage, NoDeveloper: q.NoDeveloperRole,
			CacheBreakpoints: q.CacheBreakpoints, Reasoning: q.Reasoning, NoPrediction: q.NoPrediction,
		},
	}, nil
}

// Close closes idle connections.
func (p *Provider) Close() error {
	p.client.CloseIdle()
	return nil
}

// Losses lists what of req this upstream's dialect cannot express; Generate
// refuses the major ones.
func (p *Provider) Losses(req *model.Request) ([]model.Loss, error) {
	_, losses, err := p.quirks.EncodeRequest(req)
	return losses, err
}

// Generate asks for a chat completion, streamed when req.Stream is set.
func (p *Provider) Generate(ctx context.Context, req *model.Request) (model.Stream, error) {
	const op = "provider/openai.Generate"
	body, losses, err := p.quirks.EncodeRequest(req)
	if err != nil {
		return nil, err
	}
	if err := provider.Refuse(op, losses); err != nil {
		return nil, err
	}
	call := p.call(op, "/chat/completions", req.Model, body, req.Hops)
	if req.Stream {
		call.Header = http.Header{"Accept": {"text/event-stream"}}
		return provider.Answer(losses)(p.client.Stream(ctx, call, decode))
	}
	answer, err := p.client.Bytes(ctx, call)
	if err != nil {
		return nil, err
	}
	return provider.Answer(losses)(replay(answer))
}

// decode reads a streamed answer, or a whole one from a server that ignored
// the wish for a stream.
func decode(resp *http.Response) (model.Stream, error) {
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind != "application/json" {
		return wire.DecodeEvents(resp.Body), nil
	}
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	return replay(answer)
}

func replay(answer []byte) (model.Stream, error) {
	r, err := wire.DecodeResponse(answer)
	if err != nil {
		return nil, err
	}
	return model.Replay(r), nil
}

// Embed asks for embeddings.
func (p *Provider) Embed(ctx context.Context, req *model.EmbedRequest) (*model.EmbedResponse, error) {
	const op = "provider/openai.Embed"
	body, losses, err := wire.EncodeEmbedRequest(req)
	if err != nil {
		return nil, err
	}
	if err := provider.Refuse(op, losses); err != nil {
		return nil, err
	}
	answer, err := p.client.Bytes(ctx, p.call(op, "/embeddings", req.Model, body, nil))
	if err != nil {
		return nil, err
	}
	made, err := wire.DecodeEmbedResponse(answer, len(req.Input)+len(req.Tokens))
	if err != nil {
		return nil, err
	}
	made.Losses = losses
	return made, nil
}

// Models lists the models the upstream tells, or those configured.
func (p *Provider) Models(ctx context.Context) ([]model.Card, error) {
	if len(p.cfg.Models) > 0 {
		return provider.Cards(p.cfg, model.DialectOpenAIChat), nil
	}
	call := p.call("provider/openai.Models", "/models", "", nil, nil)
	call.Method = http.MethodGet
	answer, err := p.client.Bytes(ctx, call)
	if err != nil {
		return nil, err
	}
	cards, err := wire.DecodeModels(answer)
	if err != nil {
		return nil, err
	}
	for i := range cards {
		cards[i].Upstream = p.cfg.Name
	}
	return cards, nil
}

// relayPaths says where the operations of an Exchange are served.
var relayPaths = map[string]string{"chat": "/chat/completions", "embeddings": "/embeddings", "responses": "/responses"}

// Relay passes a request of OpenAI's dialect through. It is Unsupported for
// other dialects, for responses where the upstream is not said to speak it, and
// for a request in words that the upstream is said not to know, which Generate
// finds others for.
func (p *Provider) Relay(ctx context.Context, x *model.Exchange) (*model.Relayed, error) {
	const op = "provider/openai.Relay"
	path, known := relayPaths[x.Operation]
	responses := x.Operation == "responses"
	own := x.Dialect == model.DialectOpenAIChat && !responses || x.Dialect == model.DialectOpenAIResponses && responses
	if !known || !own || responses && !p.cfg.OpenAI.Responses {
		return nil, &model.Error{Kind: model.Unsupported, Op: op, Subject: x.Operation,
			Message: "The model's upstream does not speak this contract."}
	}
	if word := p.unknownWord(x.Body); word != "" {
		return nil, &model.Error{Kind: model.Unsupported, Op: op, Subject: word, Message: "The model's upstream does not know " + word + "."}
	}
	call := p.call(op, path, x.Model, x.Body, x.Hops)
	call.Header, call.Stream = x.Header, x.Stream
	return p.client.Relay(ctx, call)
}

// unknownWord is a name or value in a body that the upstream is said not to
// know, or that only reads like one; empty where there is none, and at once for
// an upstream without deviations.
func (p *Provider) unknownWord(body []byte) string {
	for _, quirk := range [...]struct {
		holds bool
		word  string
	}{
		{p.quirks.MaxTokens, "max_completion_tokens"}, {p.quirks.NoDeveloper, "developer"}, {p.quirks.NoStreamOptions, "stream_options"},
	} {
		if quirk.holds && bytes.Contains(body, []byte(`"`+quirk.word+`"`)) {
			return quirk.word
		}
	}
	return ""
}

func (p *Provider) call(op, path, name string, body []byte, hops []string) provider.Call {
	return provider.Call{Op: op, URL: p.site.url(path, name), Body: body, Hops: hops, Sign: p.site.sign}
}
