package server

import (
	"math"
	"strconv"

	"github.com/craton-ai/craton/internal/engine/llama"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// samplingRequest are the parameters that chat and completion requests share.
// Pointers tell what was left out.
type samplingRequest struct {
	Temperature      *float32           `json:"temperature"`
	TopP             *float32           `json:"top_p"`
	TopK             *int               `json:"top_k"`
	MinP             *float32           `json:"min_p"`
	PresencePenalty  *float32           `json:"presence_penalty"`
	FrequencyPenalty *float32           `json:"frequency_penalty"`
	RepeatPenalty    *float32           `json:"repeat_penalty"`
	LogitBias        map[string]float32 `json:"logit_bias"`
	Seed             *int64             `json:"seed"`
	Stop             texts              `json:"stop"`
	MaxTokens        *int               `json:"max_tokens"`
	N                *int               `json:"n"`
	Stream           bool               `json:"stream"`
	StreamOptions    *streamOptions     `json:"stream_options"`

	// Known to clients and without meaning here.
	User        jsontext.Value `json:"user"`
	CachePrompt jsontext.Value `json:"cache_prompt"`
}

type streamOptions struct {
	IncludeUsage       bool `json:"include_usage"`
	IncludeObfuscation bool `json:"include_obfuscation"`
}

// texts is one string or a list of them.
type texts []string

// UnmarshalJSONFrom reads either form.
func (t *texts) UnmarshalJSONFrom(in *jsontext.Decoder) error {
	if in.PeekKind() == '"' {
		var one string
		if err := json.UnmarshalDecode(in, &one); err != nil {
			return err
		}
		*t = texts{one}
		return nil
	}
	return json.UnmarshalDecode(in, (*[]string)(t))
}

// The bounds of requests, as OpenAI documents them.
const (
	maxStops        = 16
	maxChoices      = 128
	maxAlternatives = 20
	maxBiases       = 1024
)

// params checks the parameters and answers the sampler's. Seeds of choices
// after the first follow from the first's.
func (q *samplingRequest) params(d samplingDefaults, vocabulary int, seed func() uint32) (llama.SamplerParams, error) {
	p := llama.SamplerParams{Temperature: d.temperature, TopP: d.topP, MinP: d.minP, TopK: d.topK}
	for _, bound := range []struct {
		name      string
		value     *float32
		into      *float32
		low, high float32
	}{
		{"temperature", q.Temperature, &p.Temperature, 0, 2},
		{"top_p", q.TopP, &p.TopP, 0, 1},
		{"min_p", q.MinP, &p.MinP, 0, 1},
		{"presence_penalty", q.PresencePenalty, &p.PresencePenalty, -2, 2},
		{"frequency_penalty", q.FrequencyPenalty, &p.FrequencyPenalty, -2, 2},
		{"repeat_penalty", q.RepeatPenalty, &p.RepeatPenalty, 0.01, 2},
	} {
		if bound.value == nil {
			continue
		}
		if v := *bound.value; v < bound.low || v > bound.high || math.IsNaN(float64(v)) {
			return p, invalid(bound.name, "%s is %v; it must lie between %v and %v.", bound.name, v, bound.low, bound.high)
		}
		*bound.into = *bound.value
	}
	if q.TopK != nil {
		p.TopK = *q.TopK
	}
	// A zero top_p means the likeliest token alone; the sampler reads it as unset.
	if q.TopP != nil && *q.TopP == 0 {
		p.TopK = 1
	}
	if p.PresencePenalty != 0 || p.FrequencyPenalty != 0 || (q.RepeatPenalty != nil && *q.RepeatPenalty != 1) {
		p.PenaltyWindow = -1
	}
	if q.Seed != nil {
		p.Seed = uint32(*q.Seed) ^ uint32(*q.Seed>>32)
	} else {
		p.Seed = seed()
	}
	return p, q.bias(&p, vocabulary)
}

func (q *samplingRequest) bias(p *llama.SamplerParams, vocabulary int) error {
	if len(q.LogitBias) > maxBiases {
		return invalid("logit_bias", "logit_bias has %d entries; at most %d are taken.", len(q.LogitBias), maxBiases)
	}
	for name, bias := range q.LogitBias {
		token, err := strconv.Atoi(name)
		if err != nil || token < 0 || token >= vocabulary {
			return invalid("logit_bias", "logit_bias names token %q; this model's tokens are 0 to %d, their places in the list tokenizer.ggml.tokens of its file.", name, vocabulary-1)
		}
		if bias < -100 || bias > 100 {
			return invalid("logit_bias", "logit_bias of token %s is %v; it must lie between -100 and 100.", name, bias)
		}
		if bias == -100 {
			bias = float32(math.Inf(-1))
		}
		p.Bias = append(p.Bias, llama.LogitBias{Token: llama.Token(token), Bias: bias})
	}
	return nil
}

// choices checks n and stop.
func (q *samplingRequest) choices() (int, error) {
	if len(q.Stop) > maxStops {
		return 0, invalid("stop", "stop has %d sequences; at most %d are taken.", len(q.Stop), maxStops)
	}
	for _, s := range q.Stop {
		if s == "" {
			return 0, invalid("stop", "A stop sequence is empty.")
		}
	}
	if q.StreamOptions != nil && !q.Stream {
		return 0, invalid("stream_options", "stream_options is only allowed when stream is true.")
	}
	if q.N == nil {
		return 1, nil
	}
	if *q.N < 1 || *q.N > maxChoices {
		return 0, invalid("n", "n is %d; it must lie between 1 and %d.", *q.N, maxChoices)
	}
	return *q.N, nil
}

func (q *samplingRequest) wantsUsage() bool {
	return q.StreamOptions != nil && q.StreamOptions.IncludeUsage
}

// room answers how many tokens may follow a prompt, or why none may.
func (e *engine) room(prompt int, asked *int) (int, error) {
	size := e.spec.ContextTokens
	if prompt >= size {
		return 0, &fault{status: 400, kind: "invalid_request_error", code: "context_length_exceeded", param: "messages",
			message: "This model's maximum context length is " + strconv.Itoa(size) + " tokens, but the prompt alone has " +
				strconv.Itoa(prompt) + ". Shorten the prompt or configure the model with a larger context."}
	}
	left := size - prompt
	if asked == nil {
		return left, nil
	}
	if *asked < 1 {
		return 0, invalid("max_tokens", "max_tokens is %d; it must be at least 1.", *asked)
	}
	return min(*asked, left), nil
}

// tokens is Tokenize with every special spelling read or not.
func (e *engine) tokens(text string, addSpecial, parseSpecial bool) ([]llama.Token, error) {
	tokens, err := e.words.Tokenize(text, llama.TokenizeOptions{AddSpecial: addSpecial, ParseSpecial: parseSpecial})
	if tokens == nil {
		tokens = []llama.Token{}
	}
	return tokens, err
}
