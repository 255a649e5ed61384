package server

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/craton-ai/craton/internal/engine/llama"
)

// The fake model's vocabulary is the bytes and one end token.
const fakeEnd = llama.Token(256)

type fakeWords struct{}

func (fakeWords) Tokenize(text string, _ llama.TokenizeOptions) ([]llama.Token, error) {
	var out []llama.Token
	for _, b := range []byte(text) {
		out = append(out, llama.Token(b))
	}
	return out, nil
}

func (fakeWords) Piece(t llama.Token, _ bool) []byte {
	if t < 0 || t > 255 {
		return nil
	}
	return []byte{byte(t)}
}

func (fakeWords) IsEnd(t llama.Token) bool { return t == fakeEnd }

func textOf(tokens []llama.Token) string {
	var b strings.Builder
	for _, t := range tokens {
		b.WriteByte(byte(t))
	}
	return b.String()
}

// fakeBackend is a context whose model continues any text by answer(text). It
// refuses what the library would end the process for.
type fakeBackend struct {
	t      *testing.T
	answer func(text string) llama.Token
	cells  int // shared by all sequences; copies count once here too
	batch  int

	mu      sync.Mutex
	held    map[int][]llama.Token
	outputs []string
	batches [][]llama.BatchToken
	fail    error         // of the next Decode
	gate    chan struct{} // when not nil, Decode waits for an element
	closed  int           // samplers
	opened  int
	partial bool
	fed     string
}

func newFakeBackend(t *testing.T, answer func(string) llama.Token) *fakeBackend {
	return &fakeBackend{t: t, answer: answer, cells: 1 << 20, batch: 64, held: map[int][]llama.Token{}, partial: true}
}

func (b *fakeBackend) Decode(batch []llama.BatchToken) error {
	if b.gate != nil {
		<-b.gate
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.fail; err != nil {
		b.fail = nil
		return err
	}
	if len(batch) == 0 || len(batch) > b.batch {
		b.t.Errorf("a batch of %d tokens, at most %d", len(batch), b.batch)
	}
	total := len(batch)
	for _, h := range b.held {
		total += len(h)
	}
	if total > b.cells {
		return llama.ErrNoSpace
	}
	b.batches = append(b.batches, append([]llama.BatchToken(nil), batch...))
	b.outputs = make([]string, len(batch))
	for i, t := range batch {
		held := b.held[int(t.Sequence)]
		if int(t.Position) != len(held) {
			b.t.Errorf("sequence %d: position %d follows %d", t.Sequence, t.Position, len(held))
		}
		b.held[int(t.Sequence)] = append(held, t.Token)
		if t.Output {
			b.outputs[i] = textOf(b.held[int(t.Sequence)])
		}
	}
	return nil
}

func (b *fakeBackend) Logits(index int) []float32 {
	logits := make([]float32, 257)
	logits[b.answer(b.outputs[index])] = 10
	return logits
}

func (b *fakeBackend) Remove(seq int, from, to int32) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if from < 0 {
		from = 0
	}
	if from > 0 && !b.partial {
		return false
	}
	b.held[seq] = b.held[seq][:min(int(from), len(b.held[seq]))]
	return true
}

func (b *fakeBackend) Copy(source, target int, from, to int32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if from != 0 || len(b.held[target]) != 0 || int(to) > len(b.held[source]) {
		b.t.Errorf("copy of [%d, %d) of %d tokens to a sequence of %d", from, to, len(b.held[source]), len(b.held[target]))
	}
	b.held[target] = append([]llama.Token(nil), b.held[source][:to]...)
}

func (b *fakeBackend) Sampler(p llama.SamplerParams) (sampler, error) {
	if p.Grammar == "broken" {
		return nil, errors.New("the grammar does not parse")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.opened++
	return &fakeSampler{b: b}, nil
}

type fakeSampler struct{ b *fakeBackend }

func (s *fakeSampler) Sample(index int) (llama.Token, error) {
	out := s.b.outputs[index]
	if out == "" {
		return 0, fmt.Errorf("no output at %d", index)
	}
	return s.b.answer(out), nil
}

func (s *fakeSampler) SetGrammar(string) error { return nil }

func (s *fakeSampler) Feed(t llama.Token) bool {
	s.b.fed += string(rune(t))
	return true
}

func (s *fakeSampler) Close() {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	s.b.closed++
}

// answers makes a model that answers a prompt, which ends with mark, by reply.
func answers(mark string, reply func(prompt string) string) func(string) llama.Token {
	return func(text string) llama.Token {
		i := strings.LastIndex(text, mark)
		if i < 0 {
			return fakeEnd
		}
		i += len(mark)
		whole, made := reply(text[:i]), len(text)-i
		if made >= len(whole) {
			return fakeEnd
		}
		return llama.Token(whole[made])
	}
}
