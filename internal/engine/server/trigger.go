package server

import (
	"strings"

	"github.com/craton-ai/craton/internal/engine/chat"
	"github.com/craton-ai/craton/internal/engine/llama"
)

// trigger constrains an answer from the point where a tool call begins: text
// before it is free, and the grammar, which starts with the call's mark, holds
// from there on.
type trigger struct {
	format  chat.Format
	grammar string
}

// triggered is a sampler that waits for its trigger.
type triggered struct {
	sampler
	trigger *trigger
	words   vocabulary
	text    string // generated so far, as far as a mark can still begin in it
	fired   bool
}

func (t *triggered) Sample(index int) (llama.Token, error) {
	token, err := t.sampler.Sample(index)
	if err != nil || t.fired || t.words.IsEnd(token) {
		return token, err
	}
	t.text += string(t.words.Piece(token, t.trigger.format.Control))
	start := t.trigger.format.Begins(t.text)
	if start < 0 {
		if keep := len(t.trigger.format.Open); keep > 0 && len(t.text) > keep {
			t.text = t.text[len(t.text)-keep:]
		}
		return token, nil
	}
	t.fired = true
	return token, t.constrain(strings.TrimLeft(t.text[start:], " \t\r\n"))
}

// constrain sets the grammar and feeds it what was generated of the call. When
// the model wrote something after the mark that no call begins with, the answer
// stays free, and is read as text.
func (t *triggered) constrain(begun string) error {
	if err := t.sampler.SetGrammar(t.trigger.grammar); err != nil {
		return err
	}
	tokens, err := t.words.Tokenize(begun, llama.TokenizeOptions{ParseSpecial: t.trigger.format.Control})
	if err != nil {
		return err
	}
	for _, token := range tokens {
		if !t.sampler.Feed(token) {
			return t.sampler.SetGrammar("")
		}
	}
	return nil
}
