package server

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/craton-ai/craton/internal/engine/chat"
	"github.com/craton-ai/craton/internal/engine/llama"
)

// engine is one loaded model and what serves it.
type engine struct {
	spec     ModelSpec
	model    *llama.Model
	info     llama.ModelInfo
	context  *llama.Context
	words    vocabulary
	limits   limits
	sched    *scheduler // nil for embedding models
	embedder *embedder  // nil for text models
	template *chat.Template
	defaults samplingDefaults
	created  int64 // Unix seconds of the file's last change
}

// samplingDefaults apply where a request says nothing: the model file's own
// recommendation, else values that suit small models.
type samplingDefaults struct {
	temperature, topP, minP float32
	topK                    int
}

// promptChunk is how many prompt tokens are read per step while others
// generate: their stream pauses for no longer than this takes.
const (
	promptBatch = 512
	promptChunk = 128
)

// openEngine loads a model within the memory that is left.
func openEngine(lib *llama.Library, spec ModelSpec, o Options, memory *budget) (*engine, error) {
	if err := memory.reserve(lib, &spec); err != nil {
		return nil, err
	}
	model, err := lib.OpenModel(spec.Path, llama.ModelParams{GPULayers: -1})
	if err != nil {
		return nil, fmt.Errorf("engine: model %q: %w", spec.Name, err)
	}
	e := &engine{spec: spec, model: model, info: model.Info(), words: model}
	if stat, err := os.Stat(spec.Path); err == nil {
		e.created = stat.ModTime().Unix()
	}
	if err := e.open(o); err != nil {
		e.close()
		return nil, fmt.Errorf("engine: model %q: %w", spec.Name, err)
	}
	return e, nil
}

func (e *engine) open(o Options) error {
	if e.spec.Embedding {
		return e.openEmbedder(o)
	}
	causal, _ := e.model.Metadata(e.info.Architecture + ".attention.causal")
	if !e.info.Decoder || e.info.Encoder || e.info.Diffusion || causal == "false" {
		return fmt.Errorf("%s does not generate text token by token; serve it with Embedding set, or choose a decoder model", e.info.Description)
	}
	e.limits = limits{
		parallel: e.spec.Parallel, context: e.spec.ContextTokens, batch: promptBatch, chunk: promptChunk,
		queue: o.Queue, partial: !e.info.Recurrent && !e.info.Hybrid,
	}
	context, err := e.model.NewContext(llama.ContextParams{
		ContextTokens: e.spec.ContextTokens * e.spec.Parallel, BatchTokens: promptBatch,
		Sequences: e.spec.Parallel, Threads: o.Threads,
	})
	if err != nil {
		return err
	}
	e.context = context
	e.limits.batch = context.BatchTokens()
	special := chat.Special{BOS: e.spelling(e.info.BOS), EOS: e.spelling(e.info.EOS)}
	if e.template, err = chat.NewTemplate(e.info.ChatTemplate, special); err != nil {
		return err
	}
	if reason := e.template.Fallback(); reason != nil {
		o.Log.Warn("chat template replaced by ChatML", "model", e.spec.Name, "reason", reason)
	}
	e.defaults = samplingDefaults{
		temperature: e.number("general.sampling.temp", 0.8), topP: e.number("general.sampling.top_p", 0.95),
		minP: e.number("general.sampling.min_p", 0.05), topK: int(e.number("general.sampling.top_k", 40)),
	}
	e.sched = newScheduler(contextBackend{context, e.model, newGovernor(o.Threads, o.Now)}, e.words, e.limits)
	return nil
}

func (e *engine) spelling(t llama.Token) string {
	if t == llama.NoToken {
		return ""
	}
	return string(e.words.Piece(t, true))
}

func (e *engine) number(key string, otherwise float32) float32 {
	text, ok := e.model.Metadata(key)
	if !ok {
		return otherwise
	}
	value, err := strconv.ParseFloat(text, 32)
	if err != nil {
		return otherwise
	}
	return float32(value)
}

// close frees the model; its scheduler must have returned.
func (e *engine) close() {
	if e.context != nil {
		e.context.Close()
	}
	e.model.Close()
}

var splitName = regexp.MustCompile(`^(.*)-00001-of-(\d{5})\.gguf$`)

// fileBytes is the size of a model file, all parts of a split one together.
func fileBytes(path string) (int64, error) {
	paths := []string{path}
	if m := splitName.FindStringSubmatch(filepath.Base(path)); m != nil {
		n, _ := strconv.Atoi(m[2])
		for i := 2; i <= n; i++ {
			paths = append(paths, filepath.Join(filepath.Dir(path), fmt.Sprintf("%s-%05d-of-%s.gguf", m[1], i, m[2])))
		}
	}
	total := int64(0)
	for _, p := range paths {
		stat, err := os.Stat(p)
		if err != nil {
			return 0, fmt.Errorf("model file: %w", err)
		}
		total += stat.Size()
	}
	return total, nil
}

// withDefaults settles the sizes a spec leaves open.
func (m ModelSpec) withDefaults(trained int) (ModelSpec, error) {
	if m.ContextTokens > trained && trained > 0 {
		return m, fmt.Errorf("engine: model %q was trained for %d tokens of context, %d were asked for; lower ContextTokens", m.Name, trained, m.ContextTokens)
	}
	if m.ContextTokens == 0 {
		m.ContextTokens = min(cmp.Or(trained, DefaultContextTokens), DefaultContextTokens)
	}
	m.Parallel = cmp.Or(m.Parallel, DefaultParallel)
	return m, nil
}
