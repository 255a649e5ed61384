package openai

import (
	"errors"

	"github.com/craton-ai/craton/internal/model"
)

// EncodeModels writes the answer of GET /models, in the order of cards. The id
// shown is Card.ID; the owner is its vendor, else its upstream.
func EncodeModels(cards []model.Card) []byte {
	w := builder{b: make([]byte, 0, 64+128*len(cards))}
	w.open('{')
	w.member("object", "list")
	w.key("data")
	w.open('[')
	for i := range cards {
		appendModel(&w, &cards[i])
	}
	w.b = append(w.b, "]}"...)
	return w.b
}

// EncodeModel writes the answer of GET /models/{model}.
func EncodeModel(card *model.Card) []byte {
	var w builder
	appendModel(&w, card)
	return w.b
}

func appendModel(w *builder, card *model.Card) {
	owner := card.Vendor
	if owner == "" {
		owner = card.Upstream
	}
	w.open('{')
	w.member("id", card.ID)
	w.member("object", "model")
	w.key("created")
	w.int(card.Created)
	w.member("owned_by", owner)
	w.close('}')
}

// wireModel is a model in an upstream's list, with what compatible servers add.
type wireModel struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Created looseInt `json:"created"`
	OwnedBy string   `json:"owned_by"`
	// MaxModelLen is vLLM's, ContextLength OpenRouter's, ContextWindow Groq's,
	// Meta llama-server's context size.
	MaxModelLen   looseInt `json:"max_model_len"`
	ContextLength looseInt `json:"context_length"`
	ContextWindow looseInt `json:"context_window"`
	Meta          struct {
		ContextTrained looseInt `json:"n_ctx_train"`
	} `json:"meta"`
	MaxOutput looseInt `json:"max_completion_tokens"`
}

// DecodeModels reads an upstream's list of models. Errors are *model.Error of
// kind UpstreamGarbage. A list without models is no error.
func DecodeModels(body []byte) ([]model.Card, error) {
	var w struct {
		Data *[]wireModel `json:"data"`
	}
	if err := checkDepth(body); err != nil {
		return nil, garbled(err)
	}
	if err := unmarshalLenient(body, &w); err != nil {
		return nil, garbled(err)
	}
	if w.Data == nil {
		return nil, garbled(errors.New("the answer has no member data"))
	}
	cards := make([]model.Card, 0, len(*w.Data))
	for _, m := range *w.Data {
		if m.ID == "" {
			continue
		}
		context := max(m.MaxModelLen, m.ContextLength, m.ContextWindow)
		if context == 0 {
			context = m.Meta.ContextTrained
		}
		cards = append(cards, model.Card{
			ID: m.ID, Name: m.Name, Vendor: m.OwnedBy, Created: int64(m.Created),
			ContextTokens: int(max(context, 0)), MaxOutputTokens: int(max(m.MaxOutput, 0)),
			Dialects: []model.Dialect{model.DialectOpenAIChat},
		})
	}
	return cards, nil
}
