package llama

import "fmt"

// Pooling says how the vectors of a sequence's tokens become one embedding.
type Pooling int32

// The poolings the library knows.
const (
	PoolingModel Pooling = -1 // what the model's file says
	PoolingNone  Pooling = 0  // one vector per token
	PoolingMean  Pooling = 1  // their average
	PoolingFirst Pooling = 2  // the first token's (CLS)
	PoolingLast  Pooling = 3  // the last token's
	PoolingRank  Pooling = 4  // a reranker's score
)

// ContextParams sizes a context.
type ContextParams struct {
	// ContextTokens is the number of cells shared by all sequences; zero takes
	// the length the model was trained with.
	ContextTokens int
	// BatchTokens is the most tokens one Decode takes; zero for 512.
	BatchTokens int
	// MicroBatchTokens is the most tokens computed at once; zero for
	// BatchTokens. Models without causal attention need a whole text in one.
	MicroBatchTokens int
	// Sequences is the number of independent sequences; zero for one.
	Sequences int
	// Threads computes single tokens, BatchThreads prompts; zero for one, and
	// for Threads. More threads than free cores is much slower than fewer.
	Threads, BatchThreads int
	// Embeddings asks for embeddings rather than logits.
	Embeddings bool
	// Pooling applies when Embeddings is set.
	Pooling Pooling
}

// Context holds the attention state of one or several sequences of a model. It
// belongs to one goroutine at a time.
type Context struct {
	raw    rawContext
	model  *Model
	encode bool
	tokens []int32
	pos    []int32
	seq    []int32
	output []int8
}

// BatchToken is one token of a batch.
type BatchToken struct {
	Token    Token
	Position int32 // in its sequence, from zero
	Sequence int32
	Output   bool // compute logits (or the embedding) after this token
}

// NewContext allocates the attention state. It fails when memory does not
// suffice or the model cannot do what is asked.
func (m *Model) NewContext(params ContextParams) (*Context, error) {
	if params.BatchTokens == 0 {
		params.BatchTokens = 512
	}
	if params.MicroBatchTokens == 0 {
		params.MicroBatchTokens = params.BatchTokens
	}
	params.Sequences = max(params.Sequences, 1)
	params.Threads = max(params.Threads, 1)
	if params.BatchThreads == 0 {
		params.BatchThreads = params.Threads
	}
	if !params.Embeddings {
		params.Pooling = PoolingModel
	}
	raw, err := rawContextOpen(m.raw, params)
	if err != nil {
		return nil, fmt.Errorf("context of %d tokens: %w", params.ContextTokens, err)
	}
	n := rawContextBatch(raw)
	return &Context{
		raw: raw, model: m, encode: m.info.Encoder && !m.info.Decoder,
		tokens: make([]int32, 0, n), pos: make([]int32, 0, n),
		seq: make([]int32, 0, n), output: make([]int8, 0, n),
	}, nil
}

// Close frees the context.
func (c *Context) Close() { rawContextClose(c.raw) }

// Size is the number of cells actually allocated.
func (c *Context) Size() int { return rawContextSize(c.raw) }

// BatchTokens is the most tokens one Decode takes.
func (c *Context) BatchTokens() int { return cap(c.tokens) }

// SetThreads changes the number of computing threads from the next Decode on.
func (c *Context) SetThreads(n int) { rawContextThreads(c.raw, max(n, 1)) }

// Pooling is the pooling in effect.
func (c *Context) Pooling() Pooling { return rawContextPooling(c.raw) }

// Decode computes a batch of tokens of one or several sequences, which must
// follow the positions already held. ErrNoSpace leaves the context unchanged.
func (c *Context) Decode(batch []BatchToken) error {
	// The library ends the process on a batch it does not expect.
	if n := c.BatchTokens(); len(batch) == 0 || len(batch) > n {
		return fmt.Errorf("decode: a batch takes 1 to %d tokens, not %d", n, len(batch))
	}
	c.tokens, c.pos, c.seq, c.output = c.tokens[:0], c.pos[:0], c.seq[:0], c.output[:0]
	for _, t := range batch {
		out := int8(0)
		if t.Output {
			out = 1
		}
		c.tokens = append(c.tokens, int32(t.Token))
		c.pos = append(c.pos, t.Position)
		c.seq = append(c.seq, t.Sequence)
		c.output = append(c.output, out)
	}
	switch code := rawDecode(c.raw, c.tokens, c.pos, c.seq, c.output, c.encode); code {
	case 0:
		return nil
	case 1:
		return ErrNoSpace
	default:
		return fmt.Errorf("decode %d tokens: the library answers %d: %w", len(batch), code, rawLogError())
	}
}

// Logits are the scores of every token of the vocabulary after the batch's
// token at index, which must have asked for output; nil if it did not. The
// slice is the library's own and valid until the next Decode.
func (c *Context) Logits(index int) []float32 {
	return rawLogits(c.raw, index, c.model.info.Vocabulary)
}

// SequenceEmbedding is the pooled embedding of a sequence in the last batch,
// copied; nil if there is none.
func (c *Context) SequenceEmbedding(sequence int) []float32 {
	return rawEmbeddingSeq(c.raw, sequence, c.model.info.Embedding)
}

// TokenEmbedding is the embedding after the batch's token at index, copied; nil
// if there is none.
func (c *Context) TokenEmbedding(index int) []float32 {
	return rawEmbeddingAt(c.raw, index, c.model.info.Embedding)
}

// Remove forgets the positions from (inclusive) to to (exclusive; negative for
// the end) of a sequence. False means the model cannot forget a part (recurrent
// state): remove the whole sequence instead.
func (c *Context) Remove(sequence int, from, to int32) bool {
	return rawSeqRemove(c.raw, sequence, from, to)
}

// Copy makes the positions [from, to) of one sequence part of another, sharing
// their cells. The target should be empty.
func (c *Context) Copy(source, target int, from, to int32) {
	rawSeqCopy(c.raw, source, target, from, to)
}

// Keep forgets every sequence but one.
func (c *Context) Keep(sequence int) { rawSeqKeep(c.raw, sequence) }

// Last is the highest position held by a sequence, -1 when it is empty.
func (c *Context) Last(sequence int) int32 { return rawSeqLast(c.raw, sequence) }

// Save copies the state of a sequence, to be given to Restore of a context of
// the same model and library release.
func (c *Context) Save(sequence int) ([]byte, error) {
	state := rawStateGet(c.raw, sequence)
	if len(state) == 0 {
		return nil, fmt.Errorf("save sequence %d: the library wrote nothing", sequence)
	}
	return state, nil
}

// Restore replaces a sequence by a saved one.
func (c *Context) Restore(sequence int, state []byte) error {
	if len(state) == 0 || rawStateSet(c.raw, state, sequence) == 0 {
		return fmt.Errorf("restore sequence %d: the state does not fit this model or context: %w", sequence, rawLogError())
	}
	return nil
}
