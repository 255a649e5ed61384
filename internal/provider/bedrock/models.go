package bedrock

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/provider"
	"github.com/tidwall/gjson"
)

// maxPages bounds the pages read of a list.
const maxPages = 50

// Models lists the foundation models that can be called on demand and the
// inference profiles, where the credential may list them; or the models
// configured.
func (p *Provider) Models(ctx context.Context) ([]model.Card, error) {
	if len(p.cfg.Models) > 0 {
		return provider.Cards(p.cfg, model.DialectConverse), nil
	}
	answer, err := p.list(ctx, "/foundation-models")
	if err != nil {
		return nil, err
	}
	byArn := map[string]model.Card{}
	var cards []model.Card
	for _, m := range gjson.GetBytes(answer, "modelSummaries").Array() {
		card := p.card(m)
		byArn[bareArn(m.Get("modelArn").String())] = card
		if onDemand(m) {
			cards = append(cards, card)
		}
	}
	profiles, err := p.profiles(ctx, byArn)
	return append(cards, profiles...), err
}

func (p *Provider) list(ctx context.Context, path string) ([]byte, error) {
	answer, err := p.client.Bytes(ctx, provider.Call{
		Op: "provider/bedrock.Models", Method: http.MethodGet, URL: p.control + path, Sign: p.signer.sign,
	})
	if err == nil && !gjson.ValidBytes(answer) {
		err = &model.Error{Kind: model.UpstreamGarbage, Op: "provider/bedrock.Models", Message: "The upstream's list of models could not be understood."}
	}
	return answer, err
}

// profiles lists the system's inference profiles. A credential that may not
// list them has only the models on demand.
func (p *Provider) profiles(ctx context.Context, byArn map[string]model.Card) ([]model.Card, error) {
	var cards []model.Card
	query := ""
	for range maxPages {
		answer, err := p.list(ctx, "/inference-profiles"+query)
		var denied *model.Error
		if errors.As(err, &denied) && denied.Kind == model.UpstreamDenied {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		for _, m := range gjson.GetBytes(answer, "inferenceProfileSummaries").Array() {
			card, ok := byArn[bareArn(m.Get("models.0.modelArn").String())]
			if !ok {
				card = model.Card{Upstream: p.cfg.Name, Dialects: []model.Dialect{model.DialectConverse, model.DialectInvoke}}
			}
			card.ID, card.Name = m.Get("inferenceProfileId").String(), m.Get("inferenceProfileName").String()
			if card.ID != "" {
				cards = append(cards, card)
			}
		}
		next := gjson.GetBytes(answer, "nextToken").String()
		if next == "" {
			return cards, nil
		}
		query = "?nextToken=" + url.QueryEscape(next)
	}
	return cards, nil
}

// bareArn leaves out the region of a model's ARN: a profile names its models in several.
func bareArn(arn string) string {
	_, id, _ := strings.Cut(arn, "foundation-model/")
	return id
}

func onDemand(m gjson.Result) bool {
	types := m.Get("inferenceTypesSupported")
	if !types.Exists() {
		return true
	}
	for _, t := range types.Array() {
		if t.String() == "ON_DEMAND" {
			return true
		}
	}
	return false
}

// card is what a model summary tells; the catalogue completes it.
func (p *Provider) card(m gjson.Result) model.Card {
	card := model.Card{
		ID: m.Get("modelId").String(), Name: m.Get("modelName").String(), Upstream: p.cfg.Name,
		Vendor:     strings.ToLower(m.Get("providerName").String()),
		Deprecated: m.Get("modelLifecycle.status").String() == "LEGACY",
		Regions:    []string{p.signer.region},
		Dialects:   []model.Dialect{model.DialectConverse, model.DialectInvoke},
	}
	for _, in := range m.Get("inputModalities").Array() {
		card.Input = append(card.Input, strings.ToLower(in.String()))
	}
	for _, out := range m.Get("outputModalities").Array() {
		card.Output = append(card.Output, strings.ToLower(out.String()))
		switch out.String() {
		case "TEXT":
			card.Capabilities = append(card.Capabilities, model.CanChat)
		case "EMBEDDING":
			card.Capabilities = append(card.Capabilities, model.CanEmbed)
		}
	}
	if m.Get("responseStreamingSupported").Bool() {
		card.Capabilities = append(card.Capabilities, model.CanStream)
	}
	return card
}
