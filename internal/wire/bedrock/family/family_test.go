package family

import (
	"testing"

	"github.com/craton-ai/craton/internal/model"
)

func TestOf(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]Family{
		"anthropic.claude-sonnet-4-5-20250929-v1:0":       Anthropic,
		"us.anthropic.claude-opus-4-1-20250805-v1:0":      Anthropic,
		"global.anthropic.claude-haiku-4-5-20251001-v1:0": Anthropic,
		"openai.gpt-oss-120b-1:0":                         OpenAI,
		"deepseek.v3-v1:0":                                OpenAI,
		"us.deepseek.r1-v1:0":                             Unknown,
		"eu.amazon.nova-pro-v1:0":                         Nova,
		"amazon.nova-canvas-v1:0":                         Unknown,
		"amazon.nova-2-multimodal-embeddings-v1:0":        Unknown,
		"amazon.titan-text-express-v1":                    TitanText,
		"amazon.titan-embed-text-v1":                      TitanEmbed,
		"amazon.titan-embed-text-v2:0":                    TitanEmbedV2,
		"amazon.titan-image-generator-v2:0":               Unknown,
		"us.meta.llama3-3-70b-instruct-v1:0":              Llama,
		"mistral.mistral-7b-instruct-v0:2":                Mistral,
		"mistral.mistral-large-2407-v1:0":                 MistralChat,
		"cohere.embed-english-v3":                         CohereEmbed,
		"cohere.embed-v4:0":                               CohereEmbedV4,
		"cohere.command-r-v1:0":                           Unknown,
		"arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0": Anthropic,
		"arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0":  Nova,
		"arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc":           Unknown,
		"":        Unknown,
		"gpt-5.1": Unknown,
	} {
		if got := Of(id, nil); got != want {
			t.Errorf("Of(%q) = %q, want %q", id, got, want)
		}
	}
}

func TestCardOverrules(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		card model.Card
		want Family
	}{
		{model.Card{ID: "x", Family: "llama"}, Llama},
		{model.Card{ID: "anthropic.claude", Family: "openai"}, OpenAI},
		{model.Card{ID: "amazon.titan-embed-text-v2:0", Family: "titan-embed"}, TitanEmbedV2},
		{model.Card{ID: "amazon.titan-embed-text-v1", Family: "titan-embed"}, TitanEmbed},
		{model.Card{ID: "cohere.embed-v4:0", Family: "cohere-embed"}, CohereEmbedV4},
		{model.Card{ID: "mistral.mistral-large-2407-v1:0", Family: "mistral"}, MistralChat},
		{model.Card{ID: "mistral.mistral-7b-instruct-v0:2", Family: "mistral"}, Mistral},
		{model.Card{ID: "mistral-large-latest", Family: "mistral"}, MistralChat},
		{model.Card{ID: "anthropic.claude"}, Llama},
	} {
		if got := Of("meta.llama3-8b", &c.card); got != c.want {
			t.Errorf("Of(_, %+v) = %q, want %q", c.card, got, c.want)
		}
	}
}

func TestEmbeds(t *testing.T) {
	t.Parallel()
	if !CohereEmbedV4.Embeds() || !TitanEmbed.Embeds() || Nova.Embeds() || Unknown.Embeds() {
		t.Error("Embeds must be true of the embedding families only")
	}
}
