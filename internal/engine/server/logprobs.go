package server

import (
	"math"

	"github.com/craton-ai/craton/internal/engine/llama"
)

// tokenLogprobs are the log-probability of a chosen token and of the likeliest
// alternatives, best first, before temperature and other sampling settings.
type tokenLogprobs struct {
	chosen float64
	top    []alternative
}

type alternative struct {
	token   llama.Token
	logprob float64
}

// logprobsOf normalises logits. Top may be zero.
func logprobsOf(logits []float32, token llama.Token, top int) *tokenLogprobs {
	if len(logits) == 0 {
		return nil
	}
	highest := float32(math.Inf(-1))
	for _, l := range logits {
		highest = max(highest, l)
	}
	sum := 0.0
	for _, l := range logits {
		sum += math.Exp(float64(l - highest))
	}
	norm := float64(highest) + math.Log(sum)
	out := &tokenLogprobs{chosen: float64(logits[token]) - norm}
	for i, l := range logits {
		p := float64(l) - norm
		if len(out.top) == top && (top == 0 || p <= out.top[top-1].logprob) {
			continue
		}
		if len(out.top) < top {
			out.top = append(out.top, alternative{})
		}
		at := len(out.top) - 1
		for at > 0 && out.top[at-1].logprob < p {
			out.top[at] = out.top[at-1]
			at--
		}
		out.top[at] = alternative{llama.Token(i), p}
	}
	return out
}
