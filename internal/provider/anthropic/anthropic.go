package anthropic

import (
	"context"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/provider"
	wire "github.com/craton-ai/craton/internal/wire/anthropic"
)

const (
	// DefaultBaseURL is Anthropic's own address.
	DefaultBaseURL = "https://api.anthropic.com/v1"
	// Version is the contract's version that every request names.
	Version = "2023-06-01"
	// maxPages bounds the pages read of a list of models.
	maxPages = 50
)

// Provider is an upstream that speaks Anthropic's contract: a model.Provider,
// TokenCounter, Lister and Relay.
type Provider struct {
	cfg    provider.Config
	client *provider.Client
	base   string
	sign   func(*http.Request) error
}

// New returns the upstream cfg describes. The error is an *model.Error of kind
// Invalid that names the member that is wrong.
func New(cfg provider.Config) (*Provider, error) {
	cfg = cfg.WithDefaults()
	if cfg.BaseURL == "" {
		cfg.BaseURL = DefaultBaseURL
	}
	base, err := provider.Base(cfg.BaseURL)
	if err != nil {
		return nil, err
	}
	if !strings.HasSuffix(base, "/v1") { // the vendor's SDKs take the address without the version
		base += "/v1"
	}
	return &Provider{
		cfg: cfg, base: base,
		client: provider.NewClient(cfg, wire.DecodeError),
		sign:   provider.KeyHeader(cfg.APIKey, "x-api-key"),
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
	_, losses, err := wire.EncodeRequest(req, wire.RequestOptions{DefaultMaxTokens: req.OutputLimit})
	return losses, err
}

// Generate asks for a message, streamed when req.Stream is set.
func (p *Provider) Generate(ctx context.Context, req *model.Request) (model.Stream, error) {
	const op = "provider/anthropic.Generate"
	body, losses, err := wire.EncodeRequest(req, wire.RequestOptions{DefaultMaxTokens: req.OutputLimit})
	if err != nil {
		return nil, err
	}
	if err := provider.Refuse(op, losses); err != nil {
		return nil, err
	}
	call := p.call(op, "/messages", body, req.Hops)
	if req.Stream {
		call.Header.Set("Accept", "text/event-stream")
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

// CountTokens asks the upstream to count.
func (p *Provider) CountTokens(ctx context.Context, req *model.Request) (int64, error) {
	const op = "provider/anthropic.CountTokens"
	body, losses, err := wire.EncodeCountRequest(req)
	if err != nil {
		return 0, err
	}
	if err := provider.Refuse(op, losses); err != nil {
		return 0, err
	}
	answer, err := p.client.Bytes(ctx, p.call(op, "/messages/count_tokens", body, req.Hops))
	if err != nil {
		return 0, err
	}
	return wire.DecodeCount(answer)
}

// Models lists the models the upstream tells, or those configured.
func (p *Provider) Models(ctx context.Context) ([]model.Card, error) {
	if len(p.cfg.Models) > 0 {
		return provider.Cards(p.cfg, model.DialectAnthropic), nil
	}
	var all []model.Card
	query := "?limit=100"
	for range maxPages {
		call := p.call("provider/anthropic.Models", "/models"+query, nil, nil)
		call.Method = http.MethodGet
		answer, err := p.client.Bytes(ctx, call)
		if err != nil {
			return nil, err
		}
		cards, more, err := wire.DecodeModels(answer)
		if err != nil {
			return nil, err
		}
		for i := range cards {
			cards[i].Upstream = p.cfg.Name
		}
		all = append(all, cards...)
		if !more || len(cards) == 0 {
			break
		}
		query = "?limit=100&after_id=" + url.QueryEscape(cards[len(cards)-1].ID)
	}
	return all, nil
}

// relayPaths says where the operations of an Exchange are served.
var relayPaths = map[string]string{"messages": "/messages", "count_tokens": "/messages/count_tokens"}

// Relay passes a request of Anthropic's dialect through; others are Unsupported.
func (p *Provider) Relay(ctx context.Context, x *model.Exchange) (*model.Relayed, error) {
	const op = "provider/anthropic.Relay"
	path, known := relayPaths[x.Operation]
	if !known || x.Dialect != model.DialectAnthropic {
		return nil, &model.Error{Kind: model.Unsupported, Op: op, Subject: x.Operation,
			Message: "The model's upstream does not speak this contract."}
	}
	call := p.call(op, path, x.Body, x.Hops)
	for name, values := range x.Header {
		call.Header[http.CanonicalHeaderKey(name)] = values
	}
	call.Stream = x.Stream
	return p.client.Relay(ctx, call)
}

func (p *Provider) call(op, path string, body []byte, hops []string) provider.Call {
	return provider.Call{
		Op: op, URL: p.base + path, Body: body, Hops: hops, Sign: p.sign,
		Header: http.Header{"Anthropic-Version": {Version}},
	}
}
