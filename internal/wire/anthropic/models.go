package anthropic

import (
	"time"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/raw"
)

// EncodeCount writes the answer of count_tokens.
func EncodeCount(tokens int64) []byte {
	var b raw.Builder
	b.Open('{')
	b.Num("input_tokens", tokens)
	b.Close('}')
	return b.Bytes
}

// DecodeCount reads an upstream's answer of count_tokens.
func DecodeCount(body []byte) (int64, error) {
	v, err := raw.ParseLenient(body, nil)
	if err != nil {
		return 0, garbage(err)
	}
	n := v.Get("input_tokens")
	if !n.IsInt() || n.Num() < 0 {
		return 0, garbage(n.WrongType("an integer"))
	}
	return n.Num(), nil
}

// EncodeModel writes the answer of GET /v1/models/{id}.
func EncodeModel(card *model.Card) []byte {
	var b raw.Builder
	writeModel(&b, card)
	return b.Bytes
}

func writeModel(b *raw.Builder, card *model.Card) {
	b.Open('{')
	b.Str("type", "model")
	b.Str("id", card.ID)
	b.Str("display_name", first(card.Name, card.ID))
	b.Str("created_at", time.Unix(card.Created, 0).UTC().Format(time.RFC3339))
	lifecycle := "active"
	if card.Deprecated {
		lifecycle = "deprecated"
	}
	b.Str("lifecycle", lifecycle)
	if card.ContextTokens > 0 {
		b.Num("max_input_tokens", int64(card.ContextTokens))
	}
	if card.MaxOutputTokens > 0 {
		b.Num("max_tokens", int64(card.MaxOutputTokens))
	}
	b.Close('}')
}

// EncodeModels writes a page of GET /v1/models; hasMore says that another follows.
func EncodeModels(cards []model.Card, hasMore bool) []byte {
	var b raw.Builder
	b.Open('{')
	b.Key("data")
	b.Open('[')
	for i := range cards {
		writeModel(&b, &cards[i])
	}
	b.Close(']')
	b.Flag("has_more", hasMore)
	if len(cards) == 0 {
		b.Nil("first_id", "last_id")
	} else {
		b.Str("first_id", cards[0].ID)
		b.Str("last_id", cards[len(cards)-1].ID)
	}
	b.Close('}')
	return b.Bytes
}

// DecodeModels reads a page of an upstream's GET /v1/models; more says that
// another page follows, after the last card.
func DecodeModels(body []byte) (cards []model.Card, more bool, err error) {
	v, err := raw.ParseLenient(body, nil)
	if err != nil {
		return nil, false, garbage(err)
	}
	err = v.Get("data").Items(func(_ int, m raw.Value) error {
		card := model.Card{
			ID: m.Get("id").Text(), Name: m.Get("display_name").Text(), Vendor: "anthropic", Family: "anthropic",
			ContextTokens:   int(m.Get("max_input_tokens").Num()),
			MaxOutputTokens: int(m.Get("max_tokens").Num()),
			Deprecated:      m.Get("lifecycle").Text() == "deprecated",
			Dialects:        []model.Dialect{dialect},
		}
		if card.ID == "" {
			return m.Missing("id")
		}
		if at, err := time.Parse(time.RFC3339, m.Get("created_at").Text()); err == nil && at.Unix() > 0 {
			card.Created = at.Unix()
		}
		cards = append(cards, card)
		return nil
	})
	if err != nil {
		return nil, false, garbage(err)
	}
	if m := v.Get("has_more"); m.IsBool() {
		_ = m.Bool(&more)
	}
	return cards, more, nil
}
