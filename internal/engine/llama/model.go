package llama

import (
	"fmt"
	"os"
)

// ModelParams says how to load a model file.
type ModelParams struct {
	// GPULayers is the number of layers kept on accelerators; negative for all
	// that fit, zero for none. Without an accelerator it has no effect.
	GPULayers int
	// Lock keeps the weights in memory, never swapped.
	Lock bool
	// VocabularyOnly loads metadata and tokenizer but no weights: such a model
	// tokenises and has metadata but cannot open a context, and its Info says
	// nothing about layers and sizes.
	VocabularyOnly bool
}

// ModelInfo describes a loaded model, as read from its file.
type ModelInfo struct {
	Description  string // architecture, size and quantisation, for people
	Architecture string // GGUF general.architecture, such as "llama"
	ChatTemplate string // Jinja source of tokenizer.chat_template; empty if absent

	ContextTrain  int // tokens the model was trained to attend to
	Embedding     int // width of an embedding
	Layers        int
	Heads         int
	HeadsKV       int
	SlidingWindow int // tokens; zero for full attention
	Vocabulary    int // tokens in the vocabulary

	Parameters uint64 // weights
	Bytes      uint64 // size of all tensors

	BOS, EOS, EOT Token // NoToken where the vocabulary has none
	AddBOS        bool  // the tokenizer puts BOS first

	Encoder   bool // has an encoder (BERT, T5)
	Decoder   bool // has a decoder: can generate text
	Recurrent bool // keeps a state that cannot be cut back to a prefix
	Hybrid    bool // partly recurrent: same limit
	Diffusion bool // generates by denoising, not token by token
}

// Model is a loaded GGUF model. Its methods may be called concurrently, but for
// Close, which must come after every context and sampler made from it is closed.
type Model struct {
	raw  rawModel
	info ModelInfo
}

// OpenModel loads the GGUF file at path. The error carries the library's own
// reason when the file is damaged or of an unknown architecture.
func (l *Library) OpenModel(path string, params ModelParams) (*Model, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("model file: %w", err)
	}
	raw, err := rawModelOpen(path, params)
	if err != nil {
		return nil, fmt.Errorf("model file %s: %w", path, err)
	}
	m := &Model{raw: raw}
	m.info = rawModelInfo(raw, !params.VocabularyOnly)
	m.info.Description = rawModelDescription(raw)
	m.info.Architecture, _ = m.Metadata("general.architecture")
	m.info.ChatTemplate, _ = m.Metadata("tokenizer.chat_template")
	return m, nil
}

// Info describes the model.
func (m *Model) Info() ModelInfo { return m.info }

// Close frees the weights.
func (m *Model) Close() { rawModelClose(m.raw) }

// Metadata answers a scalar GGUF metadata value as text. Arrays are not
// readable this way and answer false.
func (m *Model) Metadata(key string) (string, bool) { return rawModelMeta(m.raw, key) }

// TokenizeOptions says how text becomes tokens.
type TokenizeOptions struct {
	// AddSpecial adds what the tokenizer puts around a text (BOS, EOS).
	AddSpecial bool
	// ParseSpecial reads the spelling of special tokens ("<|im_end|>") as those
	// tokens. Leave it off for text a user controls.
	ParseSpecial bool
}

// Tokenize splits text into tokens.
func (m *Model) Tokenize(text string, options TokenizeOptions) ([]Token, error) {
	if text == "" && !options.AddSpecial {
		return nil, nil
	}
	tokens, err := rawTokenize(m.raw, text, options)
	if err != nil {
		return nil, fmt.Errorf("tokenise %d bytes: %w", len(text), err)
	}
	return tokens, nil
}

// Piece answers the bytes of one token. They may end inside a UTF-8 sequence:
// use a TextStream to turn pieces into text. Special tokens are empty unless
// special is set.
func (m *Model) Piece(token Token, special bool) []byte { return rawPiece(m.raw, token, special) }

// Detokenize answers the text of tokens; bytes that are not valid UTF-8 are
// kept as they are.
func (m *Model) Detokenize(tokens []Token, special bool) string {
	var out []byte
	for _, t := range tokens {
		out = append(out, m.Piece(t, special)...)
	}
	return string(out)
}

// IsEnd tells whether a token ends a generation (EOS, EOT and their like).
func (m *Model) IsEnd(token Token) bool { return rawIsEnd(m.raw, token) }

// IsControl tells whether a token is a control token, which has no text.
func (m *Model) IsControl(token Token) bool { return rawIsControl(m.raw, token) }
