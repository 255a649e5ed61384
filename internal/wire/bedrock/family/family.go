// Package family tells which vendor's native request body a Bedrock model
// speaks. It is for the codecs of InvokeModel, which choose the body by it, and
// of Converse, which names the vendor's own inference parameters by it.
//
// The knowledge is a table of id prefixes, and a catalogue card overrules it,
// so that a new model needs data and no code. Every function is pure.
//
//	family.Of("us.anthropic.claude-sonnet-4-5-20250929-v1:0", nil) // family.Anthropic
package family

import (
	"strings"

	"github.com/craton-ai/craton/internal/model"
)

// Family names a native body. Its values are those of model.Card's Family.
type Family string

// The families of native bodies.
const (
	// Unknown is a model whose native body is not known.
	Unknown Family = ""
	// Anthropic is the Messages body with anthropic_version "bedrock-2023-05-31".
	Anthropic Family = "anthropic"
	// OpenAI is the Chat Completions body, also spoken by Qwen, DeepSeek V3,
	// Writer and other vendors' newer models.
	OpenAI Family = "openai"
	// Nova is Amazon Nova's messages-v1 body.
	Nova Family = "nova"
	// Llama is Meta's prompt body.
	Llama Family = "llama"
	// Mistral is Mistral's older prompt body.
	Mistral Family = "mistral"
	// MistralChat is Mistral's messages body.
	MistralChat Family = "mistral-chat"
	// TitanText is Amazon Titan's text generation body.
	TitanText Family = "titan-text"
	// TitanEmbed is Titan's first text embedding body.
	TitanEmbed Family = "titan-embed"
	// TitanEmbedV2 is Titan's second text embedding body, with dimensions.
	TitanEmbedV2 Family = "titan-embed-v2"
	// CohereEmbed is Cohere Embed version 3.
	CohereEmbed Family = "cohere-embed"
	// CohereEmbedV4 is Cohere Embed version 4, with inputs and output_dimension.
	CohereEmbedV4 Family = "cohere-embed-v4"
)

// Embeds reports whether the family makes embeddings instead of text.
func (f Family) Embeds() bool {
	switch f {
	case TitanEmbed, TitanEmbedV2, CohereEmbed, CohereEmbedV4:
		return true
	}
	return false
}

// prefixes maps the beginning of a bare model id to its family; the longest
// match wins.
var prefixes = []struct {
	prefix string
	family Family
}{
	{"anthropic.", Anthropic},
	{"openai.", OpenAI},
	{"qwen.", OpenAI},
	{"deepseek.v", OpenAI},
	{"writer.", OpenAI},
	{"moonshot.", OpenAI},
	{"moonshotai.", OpenAI},
	{"zai.", OpenAI},
	{"minimax.", OpenAI},
	{"google.gemma", OpenAI},
	{"nvidia.", OpenAI},
	{"amazon.nova-", Nova},
	{"amazon.titan-text-", TitanText},
	{"amazon.titan-tg1", TitanText},
	{"amazon.titan-embed-text-v1", TitanEmbed},
	{"amazon.titan-embed-g1-text", TitanEmbed},
	{"amazon.titan-embed-text-v2", TitanEmbedV2},
	{"meta.llama", Llama},
	{"mistral.mistral-7b-instruct", Mistral},
	{"mistral.mixtral-8x7b-instruct", Mistral},
	{"mistral.", MistralChat},
	{"cohere.embed-english-v3", CohereEmbed},
	{"cohere.embed-multilingual-v3", CohereEmbed},
	{"cohere.embed-v4", CohereEmbedV4},
}

// regions are the prefixes of inference-profile ids.
var regions = []string{"us.", "eu.", "apac.", "global.", "us-gov.", "ca.", "jp.", "au.", "sa.", "me.", "af."}

// notNative lists ids under a chat family's prefix whose body is another one
// this package does not know: image, video, speech and embedding models.
var notNative = []string{
	"amazon.nova-canvas", "amazon.nova-reel", "amazon.nova-sonic", "amazon.nova-2-sonic",
	"amazon.nova-2-multimodal-embeddings",
}

// Of returns the family of a model named by id, inference-profile id or ARN. A
// card that names its family overrules the table; card may be nil. Unknown is
// returned when neither knows.
func Of(modelID string, card *model.Card) Family {
	if card != nil && card.Family != "" {
		return refine(Family(card.Family), card.ID)
	}
	return byID(modelID)
}

// refine narrows a card's coarse family ("titan-embed") to the version its id
// names ("titan-embed-v2"). Mistral's prompt body is for the few old models the
// table names; every other model of that family takes messages.
func refine(f Family, id string) Family {
	exact := byID(id)
	switch {
	case strings.HasPrefix(string(exact), string(f)+"-"):
		return exact
	case f == Mistral && exact == Unknown:
		return MistralChat
	}
	return f
}

func byID(id string) Family {
	if i := strings.LastIndexByte(id, '/'); i >= 0 {
		id = id[i+1:]
	}
	for _, r := range regions {
		if rest, ok := strings.CutPrefix(id, r); ok {
			id = rest
			break
		}
	}
	for _, p := range notNative {
		if strings.HasPrefix(id, p) {
			return Unknown
		}
	}
	best, found := 0, Unknown
	for _, p := range prefixes {
		if len(p.prefix) > best && strings.HasPrefix(id, p.prefix) {
			best, found = len(p.prefix), p.family
		}
	}
	return found
}
