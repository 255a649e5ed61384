package server

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/http"

	"github.com/craton-ai/craton/internal/engine/llama"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// embedder owns the context of an embedding model. Texts of all requests that
// wait are computed together, as far as they fit.
type embedder struct {
	backend embedBackend
	batch   int // tokens per decode, and of one text
	seqs    int // texts per decode
	queue   chan *embedJob
	stopped chan struct{}
}

// embedBackend is what an embedder needs of a context.
type embedBackend interface {
	Decode(batch []llama.BatchToken) error
	SequenceEmbedding(sequence int) []float32
	Remove(sequence int, from, to int32) bool
}

// embedJob is one text. Its result is sent once.
type embedJob struct {
	ctx    context.Context
	tokens []llama.Token
	result chan embedResult
}

type embedResult struct {
	vector []float32
	err    error
}

// embedSequences is how many texts are computed together.
const embedSequences = 16

func (e *engine) openEmbedder(o Options) error {
	size := e.spec.ContextTokens
	c, err := e.model.NewContext(llama.ContextParams{
		ContextTokens: size, BatchTokens: size, MicroBatchTokens: size, Sequences: embedSequences,
		Threads: o.Threads, Embeddings: true, Pooling: llama.PoolingModel,
	})
	if err == nil && c.Pooling() == llama.PoolingNone {
		c.Close()
		c, err = e.model.NewContext(llama.ContextParams{
			ContextTokens: size, BatchTokens: size, MicroBatchTokens: size, Sequences: embedSequences,
			Threads: o.Threads, Embeddings: true, Pooling: llama.PoolingMean,
		})
	}
	if err != nil {
		return err
	}
	e.context = c
	e.embedder = newEmbedder(contextBackend{c, e.model, newGovernor(o.Threads, o.Now)}, c.BatchTokens(), embedSequences, o.Queue)
	return nil
}

func newEmbedder(b embedBackend, batch, seqs, queue int) *embedder {
	return &embedder{backend: b, batch: batch, seqs: seqs, queue: make(chan *embedJob, queue), stopped: make(chan struct{})}
}

// submit hands a text over, waiting for room until ctx ends.
func (m *embedder) submit(j *embedJob) error {
	select {
	case m.queue <- j:
		return nil
	case <-m.stopped:
		return errStopped
	case <-j.ctx.Done():
		return j.ctx.Err()
	}
}

// run computes texts until ctx ends.
func (m *embedder) run(ctx context.Context) {
	defer close(m.stopped)
	var next *embedJob
	for {
		if next == nil {
			select {
			case next = <-m.queue:
			case <-ctx.Done():
				return
			}
		}
		var jobs []*embedJob
		jobs, next = m.gather(next)
		m.compute(jobs)
	}
}

// gather takes waiting texts that fit one batch; the first that does not is
// answered too.
func (m *embedder) gather(first *embedJob) (jobs []*embedJob, rest *embedJob) {
	jobs, room := []*embedJob{first}, m.batch-len(first.tokens)
	for len(jobs) < m.seqs {
		select {
		case j := <-m.queue:
			if len(j.tokens) > room {
				return jobs, j
			}
			if j.ctx.Err() == nil {
				jobs, room = append(jobs, j), room-len(j.tokens)
			}
		default:
			return jobs, nil
		}
	}
	return jobs, nil
}

func (m *embedder) compute(jobs []*embedJob) {
	var batch []llama.BatchToken
	for seq, j := range jobs {
		m.backend.Remove(seq, -1, -1)
		for i, t := range j.tokens {
			batch = append(batch, llama.BatchToken{Token: t, Position: int32(i), Sequence: int32(seq), Output: true})
		}
	}
	err := m.backend.Decode(batch)
	for seq, j := range jobs {
		r := embedResult{err: err}
		if err == nil {
			r.vector = m.backend.SequenceEmbedding(seq)
		}
		if r.err == nil && r.vector == nil {
			r.err = errors.New("the model gives no embedding for this text")
		}
		j.result <- r
	}
}

// embedRequest is the body of OpenAI's create embeddings.
type embedRequest struct {
	Model          string         `json:"model"`
	Input          inputs         `json:"input"`
	EncodingFormat string         `json:"encoding_format"`
	Dimensions     *int           `json:"dimensions"`
	User           jsontext.Value `json:"user"`
}

// inputs are texts or token lists, one or several.
type inputs []rawPrompt

// UnmarshalJSONFrom reads every form of OpenAI's input.
func (i *inputs) UnmarshalJSONFrom(in *jsontext.Decoder) error {
	raw, err := in.ReadValue()
	if err != nil {
		return err
	}
	var list []jsontext.Value
	if raw.Kind() != '[' {
		list = []jsontext.Value{raw}
	} else if err := json.Unmarshal(raw, &list); err != nil {
		return err
	}
	if len(list) > 0 && list[0].Kind() == '0' {
		list = []jsontext.Value{raw}
	}
	for _, item := range list {
		var p rawPrompt
		if err := json.Unmarshal(item, &p); err != nil {
			return err
		}
		*i = append(*i, p)
	}
	return nil
}

type embedAnswer struct {
	Object string       `json:"object"`
	Data   []embedEntry `json:"data"`
	Model  string       `json:"model"`
	Usage  embedUsage   `json:"usage"`
}

type embedEntry struct {
	Object    string `json:"object"`
	Index     int    `json:"index"`
	Embedding any    `json:"embedding"`
}

type embedUsage struct {
	PromptTokens int `json:"prompt_tokens"`
	TotalTokens  int `json:"total_tokens"`
}

// maxInputs bounds the texts of one request, as OpenAI does.
const maxInputs = 2048

func (a *api) embed(w http.ResponseWriter, r *http.Request) error {
	var q embedRequest
	if err := read(r, &q); err != nil {
		return err
	}
	e, err := a.find(q.Model)
	if err != nil {
		return err
	}
	jobs, answer, err := e.planEmbedding(r.Context(), &q)
	if err != nil {
		return err
	}
	go func() {
		for _, j := range jobs {
			if err := e.embedder.submit(j); err != nil {
				j.result <- embedResult{err: err}
			}
		}
	}()
	for i, j := range jobs {
		var result embedResult
		select {
		case result = <-j.result:
		case <-r.Context().Done():
			return r.Context().Err()
		case <-e.embedder.stopped:
			return errStopped
		}
		if result.err != nil {
			return result.err
		}
		vector := shorten(result.vector, q.Dimensions)
		answer.Data = append(answer.Data, embedEntry{Object: "embedding", Index: i, Embedding: vector})
		if q.EncodingFormat == "base64" {
			answer.Data[i].Embedding = packed(vector)
		}
	}
	return reply(w, answer)
}

func (e *engine) planEmbedding(ctx context.Context, q *embedRequest) (jobs []*embedJob, answer embedAnswer, err error) {
	answer = embedAnswer{Object: "list", Model: e.spec.Name}
	switch {
	case e.embedder == nil:
		return nil, answer, invalid("model", "The model %s is loaded to generate text; load an embedding model, or this one with Embedding set.", e.spec.Name)
	case len(q.Input) == 0 || len(q.Input) > maxInputs:
		return nil, answer, invalid("input", "input has %d texts; send 1 to %d.", len(q.Input), maxInputs)
	case q.EncodingFormat != "" && q.EncodingFormat != "float" && q.EncodingFormat != "base64":
		return nil, answer, invalid("encoding_format", "encoding_format is %q; use float or base64.", q.EncodingFormat)
	case q.Dimensions != nil && (*q.Dimensions < 1 || *q.Dimensions > e.info.Embedding):
		return nil, answer, invalid("dimensions", "dimensions is %d; this model gives 1 to %d.", *q.Dimensions, e.info.Embedding)
	}
	for i, input := range q.Input {
		tokens := input.tokens
		if tokens == nil {
			if tokens, err = e.tokens(input.text, true, false); err != nil {
				return nil, answer, err
			}
		}
		for _, t := range tokens {
			if t < 0 || int(t) >= e.info.Vocabulary {
				return nil, answer, invalid("input", "input[%d] names token %d; this model's tokens are 0 to %d.", i, t, e.info.Vocabulary-1)
			}
		}
		if len(tokens) == 0 || len(tokens) > e.embedder.batch {
			return nil, answer, &fault{status: http.StatusBadRequest, kind: "invalid_request_error", code: "context_length_exceeded", param: "input",
				message: fmt.Sprintf("input[%d] has %d tokens; this model takes 1 to %d.", i, len(tokens), e.embedder.batch)}
		}
		answer.Usage.PromptTokens += len(tokens)
		jobs = append(jobs, &embedJob{ctx: ctx, tokens: tokens, result: make(chan embedResult, 1)})
	}
	answer.Usage.TotalTokens = answer.Usage.PromptTokens
	return jobs, answer, nil
}

// shorten cuts a vector to its first dimensions and scales it to length one.
func shorten(vector []float32, dimensions *int) []float32 {
	if dimensions != nil {
		vector = vector[:*dimensions]
	}
	sum := 0.0
	for _, v := range vector {
		sum += float64(v) * float64(v)
	}
	if sum == 0 {
		return vector
	}
	scale := float32(1 / math.Sqrt(sum))
	for i := range vector {
		vector[i] *= scale
	}
	return vector
}

// packed is a vector as base64 of little-endian 32-bit floats.
func packed(vector []float32) string {
	out := make([]byte, 0, 4*len(vector))
	for _, v := range vector {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
	}
	return base64.StdEncoding.EncodeToString(out)
}
