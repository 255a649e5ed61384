package llama

import "fmt"

// LogitBias adds Bias to a token's score; negative infinity bars it.
type LogitBias struct {
	Token Token
	Bias  float32
}

// SamplerParams says how a token is chosen. The zero value is greedy. The order
// is bias, penalties, top-k, top-p, min-p, temperature, draw.
type SamplerParams struct {
	Temperature float32 // zero or less is greedy
	TopK        int     // zero or less for all
	TopP        float32 // zero is read as 1: all
	MinP        float32 // zero for none
	Seed        uint32  // the same seed gives the same draw

	// PenaltyWindow is the number of last tokens the penalties look at; zero
	// for no penalties, negative for the whole context.
	PenaltyWindow    int
	RepeatPenalty    float32 // factor; zero is read as 1: none
	FrequencyPenalty float32 // per earlier occurrence
	PresencePenalty  float32 // once for any earlier occurrence

	Bias []LogitBias
	// Grammar is GBNF source with a rule "root"; empty for none.
	Grammar string
}

// Sampler chooses tokens from a context's logits, and remembers those it chose.
// It belongs to one goroutine at a time.
type Sampler struct {
	raw   rawSampler
	model *Model
}

// NewSampler makes a sampler. A grammar that does not parse is an error that
// carries the library's reason.
func (m *Model) NewSampler(params SamplerParams) (*Sampler, error) {
	if params.TopP <= 0 {
		params.TopP = 1
	}
	if params.RepeatPenalty <= 0 {
		params.RepeatPenalty = 1
	}
	if params.PenaltyWindow < 0 {
		params.PenaltyWindow = max(m.info.ContextTrain, 1)
	}
	raw, err := rawSamplerOpen(m.raw, params)
	if err != nil {
		return nil, fmt.Errorf("sampler: %w", err)
	}
	return &Sampler{raw: raw, model: m}, nil
}

// Close frees the sampler.
func (s *Sampler) Close() { rawSamplerClose(s.raw) }

// Accept tells the sampler's penalties about a token it did not choose, such as
// one of the prompt. The grammar sees only tokens that were sampled.
func (s *Sampler) Accept(token Token) { rawSamplerAccept(s.raw, token) }

// SetGrammar replaces the grammar, from its beginning; empty for none. On an
// error the sampler has no grammar.
func (s *Sampler) SetGrammar(source string) error {
	if !rawSamplerGrammar(s.raw, s.model.raw, source) {
		return fmt.Errorf("sampler: %w: %w", ErrGrammar, rawLogError())
	}
	return nil
}

// Feed advances the grammar, and nothing else, by a token that was not sampled
// under it. False means that the grammar does not allow the token: it is then
// unchanged.
func (s *Sampler) Feed(token Token) bool { return rawSamplerFeed(s.raw, token) }

// Sample chooses and accepts a token from the output of the last batch's token
// at index. ErrNoToken means the grammar has nowhere to go.
func (s *Sampler) Sample(c *Context, index int) (Token, error) {
	switch t := rawSamplerSample(s.raw, c.raw, index); t {
	case -1:
		return NoToken, ErrNoToken
	case -2:
		return NoToken, fmt.Errorf("sample: the batch has no output at %d", index)
	default:
		return Token(t), nil
	}
}
