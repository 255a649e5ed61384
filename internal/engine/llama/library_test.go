package llama

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"
)

// realModel loads the library and model named by the environment, or skips.
func realModel(t *testing.T) *Model {
	t.Helper()
	dir, path := os.Getenv("CRATON_TEST_ENGINE_LIB"), os.Getenv("CRATON_TEST_ENGINE_MODEL")
	if dir == "" || path == "" {
		t.Skip("set CRATON_TEST_ENGINE_LIB (library directory) and CRATON_TEST_ENGINE_MODEL (GGUF file) to run this test")
	}
	lib, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(lib.Version(), "0.5.0") {
		t.Errorf("version %q, want 0.5.0", lib.Version())
	}
	m, err := lib.OpenModel(path, ModelParams{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

func realContext(t *testing.T, m *Model, p ContextParams) *Context {
	t.Helper()
	c, err := m.NewContext(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func sampler(t *testing.T, m *Model, p SamplerParams) *Sampler {
	t.Helper()
	s, err := m.NewSampler(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func prompt(tokens []Token, seq int32, from int) []BatchToken {
	var batch []BatchToken
	for i := from; i < len(tokens); i++ {
		batch = append(batch, BatchToken{Token: tokens[i], Position: int32(i), Sequence: seq, Output: i == len(tokens)-1})
	}
	return batch
}

// Not parallel, and first: once a library is loaded a process takes no other.
func TestLoadRefusesWhatIsNoLibrary(t *testing.T) {
	if !rawAvailable {
		if _, err := Load(t.TempDir()); err != ErrUnavailable {
			t.Fatalf("Load without cgo: %v", err)
		}
		t.Skip("this build has no dlopen")
	}
	if _, err := Load(filepath.Join(t.TempDir(), "absent")); err == nil || !strings.Contains(err.Error(), "engine install") {
		t.Errorf("absent directory: %v", err)
	}
	empty := t.TempDir()
	if _, err := Load(empty); err == nil || !strings.Contains(err.Error(), "libggml-base") {
		t.Errorf("empty directory: %v", err)
	}
	if runtime.GOOS != "linux" {
		return
	}
	fake := t.TempDir()
	for _, name := range []string{"libggml-base.so", "libggml.so", "libllama.so"} {
		if err := os.WriteFile(filepath.Join(fake, name), []byte("not a library"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Load(fake); err == nil || !strings.Contains(err.Error(), "libggml-base.so") {
		t.Errorf("garbage file: %v", err)
	}
}

func TestModelDescribesItself(t *testing.T) {
	m := realModel(t)
	info := m.Info()
	if info.Layers == 0 || info.Vocabulary == 0 || info.ContextTrain == 0 || info.Embedding == 0 || info.Bytes == 0 {
		t.Errorf("info has gaps: %+v", info)
	}
	if !info.Decoder || info.Encoder {
		t.Errorf("a chat model decodes: %+v", info)
	}
	if info.ChatTemplate == "" || info.Architecture == "" {
		t.Errorf("no template or architecture: %+v", info)
	}
	if _, ok := m.Metadata("no.such.key"); ok {
		t.Error("an absent key was found")
	}
}

func TestTokenizeRoundTrip(t *testing.T) {
	m := realModel(t)
	for _, text := range []string{"Hello, world", "naïve café 日本語 🙂", " leading space\n\n\ttabs"} {
		tokens, err := m.Tokenize(text, TokenizeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Detokenize(tokens, false); got != text {
			t.Errorf("%q came back as %q", text, got)
		}
		var stream TextStream
		var out strings.Builder
		for _, tok := range tokens {
			part := stream.Add(m.Piece(tok, false))
			if !utf8.ValidString(part) {
				t.Errorf("stream emitted invalid UTF-8 %q", part)
			}
			out.WriteString(part)
		}
		out.WriteString(stream.Flush())
		if out.String() != text {
			t.Errorf("streamed %q came back as %q", text, out.String())
		}
	}
	special := m.Detokenize([]Token{m.Info().EOS}, true)
	plain, _ := m.Tokenize(special, TokenizeOptions{})
	parsed, _ := m.Tokenize(special, TokenizeOptions{ParseSpecial: true})
	if len(parsed) != 1 || len(plain) < 2 {
		t.Errorf("special %q: %d tokens parsed, %d plain", special, len(parsed), len(plain))
	}
}

func generate(t *testing.T, m *Model, c *Context, s *Sampler, tokens []Token, seq int32, n int) []Token {
	t.Helper()
	if err := c.Decode(prompt(tokens, seq, 0)); err != nil {
		t.Fatal(err)
	}
	last, out := len(tokens)-1, []Token(nil)
	for range n {
		next, err := s.Sample(c, last)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, next)
		if m.IsEnd(next) {
			break
		}
		pos := int32(len(tokens) + len(out) - 1)
		if err := c.Decode([]BatchToken{{Token: next, Position: pos, Sequence: seq, Output: true}}); err != nil {
			t.Fatal(err)
		}
		last = 0
	}
	return out
}

func TestGenerateCopySaveAndGrammar(t *testing.T) {
	m := realModel(t)
	c := realContext(t, m, ContextParams{ContextTokens: 512, Sequences: 3, Threads: 1})
	tokens, err := m.Tokenize("The capital of France is", TokenizeOptions{AddSpecial: true})
	if err != nil {
		t.Fatal(err)
	}
	first := generate(t, m, c, sampler(t, m, SamplerParams{}), tokens, 0, 8)
	if text := m.Detokenize(first, false); !strings.Contains(text, "Paris") {
		t.Errorf("the model says %q", text)
	}

	end := int32(len(tokens))
	c.Copy(0, 1, 0, end-1)
	if c.Last(1) != end-2 {
		t.Fatalf("the copy ends at %d, want %d", c.Last(1), end-2)
	}
	if err := c.Decode(prompt(tokens, 1, len(tokens)-1)); err != nil {
		t.Fatal(err)
	}
	if next, err := sampler(t, m, SamplerParams{}).Sample(c, 0); err != nil || next != first[0] {
		t.Errorf("after a copied prefix: token %d, %v; want %d", next, err, first[0])
	}

	state, err := c.Save(1)
	if err != nil {
		t.Fatal(err)
	}
	if !c.Remove(1, -1, -1) || c.Last(1) != -1 {
		t.Error("the sequence was not removed")
	}
	if err := c.Restore(2, state); err != nil || c.Last(2) != end-1 {
		t.Errorf("restored to %d: %v", c.Last(2), err)
	}
	if err := c.Restore(2, state[:7]); err == nil {
		t.Error("a truncated state was restored")
	}
	c.Remove(0, -1, -1)

	s := sampler(t, m, SamplerParams{Grammar: `root ::= "yes" | "no"`, Temperature: 1, Seed: 7})
	out := generate(t, m, c, s, tokens, 0, 8)
	if text := m.Detokenize(out, false); text != "yes" && text != "no" {
		t.Errorf("the grammar let through %q", text)
	}
	if _, err := m.NewSampler(SamplerParams{Grammar: `root ::= (`}); !errors.Is(err, ErrGrammar) {
		t.Errorf("a broken grammar: %v", err)
	}
}

func TestGrammarSetWithinAnAnswer(t *testing.T) {
	m := realModel(t)
	c := realContext(t, m, ContextParams{ContextTokens: 256, Threads: 1})
	s := sampler(t, m, SamplerParams{Temperature: 1, Seed: 3})
	if err := s.SetGrammar(`root ::= "<tool_call>" [a-z]{3} "!"`); err != nil {
		t.Fatal(err)
	}
	begun, _ := m.Tokenize("<tool_call>", TokenizeOptions{})
	for _, tok := range begun {
		if !s.Feed(tok) {
			t.Fatalf("the grammar refuses its own beginning %q", m.Piece(tok, true))
		}
	}
	digit, _ := m.Tokenize("9", TokenizeOptions{})
	if s.Feed(digit[0]) {
		t.Error("the grammar took a digit for a letter")
	}
	tokens, _ := m.Tokenize("Once upon a time <tool_call>", TokenizeOptions{AddSpecial: true})
	text := m.Detokenize(generate(t, m, c, s, tokens, 0, 10), false)
	if len(text) != 4 || text[3] != '!' {
		t.Errorf("after the mark came %q", text)
	}
	if err := s.SetGrammar(`root ::= (`); !errors.Is(err, ErrGrammar) {
		t.Errorf("a broken grammar: %v", err)
	}
	if s.Feed(digit[0]) {
		t.Error("a sampler without grammar took a token for it")
	}
}

func TestSeedAndBias(t *testing.T) {
	m := realModel(t)
	c := realContext(t, m, ContextParams{ContextTokens: 256, Threads: 1})
	tokens, _ := m.Tokenize("Once upon a time", TokenizeOptions{AddSpecial: true})
	draw := func(seed uint32) string {
		c.Remove(0, -1, -1)
		s := sampler(t, m, SamplerParams{Temperature: 1.5, TopK: 100, TopP: 0.95, MinP: 0.01, Seed: seed,
			PenaltyWindow: 64, FrequencyPenalty: 0.5, PresencePenalty: 0.5})
		return m.Detokenize(generate(t, m, c, s, tokens, 0, 12), false)
	}
	a, b, other := draw(1), draw(1), draw(2)
	if a != b {
		t.Errorf("seed 1 drew %q, then %q", a, b)
	}
	if a == other {
		t.Errorf("seeds 1 and 2 drew the same %q", a)
	}
	c.Remove(0, -1, -1)
	want := Token(300)
	got := generate(t, m, c, sampler(t, m, SamplerParams{Bias: []LogitBias{{want, 1000}}}), tokens, 0, 1)
	if got[0] != want {
		t.Errorf("biased token %d, got %d", want, got[0])
	}
}

func TestPooledEmbeddingsAndNoSpace(t *testing.T) {
	m := realModel(t)
	c := realContext(t, m, ContextParams{ContextTokens: 256, Sequences: 2, Threads: 1, Embeddings: true, Pooling: PoolingMean})
	var batch []BatchToken
	for seq, text := range []string{"a cat sat", "a dog ran"} {
		tokens, _ := m.Tokenize(text, TokenizeOptions{AddSpecial: true})
		for i, tok := range tokens {
			batch = append(batch, BatchToken{Token: tok, Position: int32(i), Sequence: int32(seq), Output: true})
		}
	}
	if err := c.Decode(batch); err != nil {
		t.Fatal(err)
	}
	a, b := c.SequenceEmbedding(0), c.SequenceEmbedding(1)
	if len(a) != m.Info().Embedding || len(b) != len(a) || a[0] == b[0] {
		t.Errorf("embeddings of %d and %d values", len(a), len(b))
	}

	small := realContext(t, m, ContextParams{ContextTokens: 256, BatchTokens: 128, Threads: 1})
	for from := 0; ; from += small.BatchTokens() {
		many := make([]BatchToken, small.BatchTokens())
		for i := range many {
			many[i] = BatchToken{Token: 100, Position: int32(from + i)}
		}
		err := small.Decode(many)
		if from < small.Size() && err != nil {
			t.Fatalf("decoding at %d of %d: %v", from, small.Size(), err)
		}
		if from >= small.Size() {
			if err != ErrNoSpace {
				t.Errorf("decoding more than fits: %v, want ErrNoSpace", err)
			}
			break
		}
	}
	if err := small.Decode(make([]BatchToken, small.BatchTokens()+1)); err == nil {
		t.Error("an oversized batch was taken")
	}
	if err := small.Decode(nil); err == nil {
		t.Error("an empty batch was taken")
	}
}
