package bedrock

import (
	"context"
	"net/http"
	"strings"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/provider"
	wire "github.com/craton-ai/craton/internal/wire/bedrock"
	"github.com/craton-ai/craton/internal/wire/bedrock/frame"
)

// Provider is Amazon Bedrock: a model.Provider, Embedder, TokenCounter, Lister
// and Relay.
type Provider struct {
	cfg     provider.Config
	client  *provider.Client
	runtime string
	control string
	signer  *signer
}

// New returns the upstream cfg describes. The error is an *model.Error of kind
// Invalid that names the member that is wrong or missing.
func New(cfg provider.Config) (*Provider, error) {
	cfg = cfg.WithDefaults()
	keys := newKeyring(cfg)
	region := first(cfg.Region, keys.region())
	if region == "" {
		return nil, model.Errorf(model.Invalid, "region", "The upstream %s needs a region.", cfg.Name).
			WithHint("Set its region, or AWS_REGION.")
	}
	p := &Provider{
		cfg:    cfg,
		client: provider.NewClient(cfg, wire.DecodeError),
		signer: &signer{keys: keys, region: region, v4: v4.NewSigner(), now: cfg.Now},
	}
	var err error
	if p.runtime, err = provider.Base(first(cfg.BaseURL, endpoint("bedrock-runtime", region))); err != nil {
		return nil, err
	}
	p.control, err = provider.Base(first(cfg.AWS.ControlURL, cfg.BaseURL, endpoint("bedrock", region)))
	return p, err
}

// endpoint is a service's public address in a region.
func endpoint(service, region string) string {
	domain := ".amazonaws.com"
	if strings.HasPrefix(region, "cn-") {
		domain += ".cn"
	}
	return "https://" + service + "." + region + domain
}

// Close closes idle connections.
func (p *Provider) Close() error {
	p.client.CloseIdle()
	return nil
}

// Losses lists what of req this upstream's dialect cannot express; Generate
// refuses the major ones.
func (p *Provider) Losses(req *model.Request) ([]model.Loss, error) {
	_, losses, err := wire.EncodeRequest(req)
	return losses, err
}

// Generate calls ConverseStream when req.Stream is set, else Converse.
func (p *Provider) Generate(ctx context.Context, req *model.Request) (model.Stream, error) {
	const op = "provider/bedrock.Generate"
	if err := refuseObjects(op, req.Messages); err != nil {
		return nil, err
	}
	body, losses, err := wire.EncodeRequest(req)
	if err != nil {
		return nil, err
	}
	if err := provider.Refuse(op, losses); err != nil {
		return nil, err
	}
	if req.Stream {
		call := p.call(op, req.Model, "/converse-stream", body, req.Hops)
		call.Header = http.Header{"Accept": {frame.ContentType}}
		return provider.Answer(losses)(p.client.Stream(ctx, call, func(resp *http.Response) (model.Stream, error) {
			return named(wire.DecodeEvents(resp.Body), req.Model, resp.Header), nil
		}))
	}
	return provider.Answer(losses)(p.converse(ctx, p.call(op, req.Model, "/converse", body, req.Hops), req.Model))
}

func (p *Provider) converse(ctx context.Context, call provider.Call, name string) (model.Stream, error) {
	resp, err := p.client.Do(ctx, call)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := readAll(resp)
	if err != nil {
		return nil, err
	}
	r, err := wire.DecodeResponse(answer)
	if err != nil {
		return nil, err
	}
	return named(model.Replay(r), name, resp.Header), nil
}

// CountTokens calls CountTokens. Models without a tokenizer answer Unsupported
// or Invalid, in the upstream's words.
func (p *Provider) CountTokens(ctx context.Context, req *model.Request) (int64, error) {
	const op = "provider/bedrock.CountTokens"
	if err := refuseObjects(op, req.Messages); err != nil {
		return 0, err
	}
	body, losses, err := wire.EncodeCountTokens(&wire.CountInput{Converse: req})
	if err != nil {
		return 0, err
	}
	if err := provider.Refuse(op, losses); err != nil {
		return 0, err
	}
	answer, err := p.client.Bytes(ctx, p.call(op, req.Model, "/count-tokens", body, req.Hops))
	if err != nil {
		return 0, err
	}
	return wire.DecodeCount(answer)
}

// Relay passes a request of the Converse, InvokeModel or CountTokens operations
// through; others are Unsupported.
func (p *Provider) Relay(ctx context.Context, x *model.Exchange) (*model.Relayed, error) {
	const op = "provider/bedrock.Relay"
	action := ""
	switch {
	case x.Dialect == model.DialectConverse && x.Operation == "converse" && x.Stream:
		action = "/converse-stream"
	case x.Dialect == model.DialectConverse && x.Operation == "converse":
		action = "/converse"
	case x.Dialect == model.DialectInvoke && x.Operation == "invoke" && x.Stream:
		action = "/invoke-with-response-stream"
	case x.Dialect == model.DialectInvoke && x.Operation == "invoke":
		action = "/invoke"
	case x.Operation == "count_tokens" && (x.Dialect == model.DialectConverse || x.Dialect == model.DialectInvoke):
		action = "/count-tokens"
	default:
		return nil, &model.Error{Kind: model.Unsupported, Op: op, Subject: x.Operation,
			Message: "The model's upstream does not speak this contract."}
	}
	call := p.call(op, x.Model, action, x.Body, x.Hops)
	call.Header, call.Stream = x.Header, x.Stream
	return p.client.Relay(ctx, call)
}

func (p *Provider) call(op, id, action string, body []byte, hops []string) provider.Call {
	return provider.Call{Op: op, URL: p.runtime + "/model/" + escape(id) + action, Body: body, Hops: hops, Sign: p.signer.sign}
}

// escape writes a model id or ARN as one path segment the way the AWS SDKs do:
// everything but unreserved characters is escaped, which the signature covers.
func escape(id string) string {
	const hexits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(id) {
		c := id[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
		} else {
			b.WriteByte('%')
			b.WriteByte(hexits[c>>4])
			b.WriteByte(hexits[c&15])
		}
	}
	return b.String()
}
