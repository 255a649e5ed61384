package server

import "github.com/craton-ai/craton/internal/engine/llama"

// backend is what a scheduler needs of a model's context. It belongs to the
// scheduler's goroutine.
type backend interface {
	// Decode computes a batch; llama.ErrNoSpace means nothing of it was kept.
	Decode(batch []llama.BatchToken) error
	// Logits are the scores after the batch's token at index, until the next Decode.
	Logits(index int) []float32
	// Sampler makes the chooser of one request.
	Sampler(params llama.SamplerParams) (sampler, error)
	// Remove forgets positions [from, to) of a sequence; false if it cannot
	// forget a part.
	Remove(sequence int, from, to int32) bool
	// Copy shares positions [from, to) with another sequence.
	Copy(source, target int, from, to int32)
}

// sampler chooses the tokens of one request.
type sampler interface {
	// Sample chooses after the batch's token at index and remembers the choice.
	Sample(index int) (llama.Token, error)
	// SetGrammar holds all further tokens to a GBNF grammar; empty for none.
	SetGrammar(source string) error
	// Feed advances the grammar by a token that was chosen before it was set;
	// false if the grammar does not allow it.
	Feed(token llama.Token) bool
	Close()
}

// vocabulary turns text into tokens and back. Safe for concurrent use.
type vocabulary interface {
	Tokenize(text string, options llama.TokenizeOptions) ([]llama.Token, error)
	Piece(token llama.Token, special bool) []byte
	IsEnd(token llama.Token) bool
}

// contextBackend is a backend on a real context.
type contextBackend struct {
	*llama.Context
	model    *llama.Model
	governor *governor
}

// Decode computes with as many threads as there are free cores.
func (b contextBackend) Decode(batch []llama.BatchToken) error {
	b.SetThreads(b.governor.threads())
	return b.Context.Decode(batch)
}

func (b contextBackend) Sampler(params llama.SamplerParams) (sampler, error) {
	s, err := b.model.NewSampler(params)
	if err != nil {
		return nil, err
	}
	return contextSampler{s, b.Context}, nil
}

type contextSampler struct {
	*llama.Sampler
	context *llama.Context
}

func (s contextSampler) Sample(index int) (llama.Token, error) {
	return s.Sampler.Sample(s.context, index)
}
