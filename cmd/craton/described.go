package main

import (
	"os"
	"sync"

	"github.com/craton-ai/craton/internal/engine/gguf"
	"github.com/craton-ai/craton/internal/engine/server"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/pull"
)

// described remembers what model files say of themselves, by digest. Its zero
// value is ready; it is safe for concurrent use.
type described struct {
	mu    sync.Mutex
	files map[string]gguf.Info
}

// of reads a model's file once. A file that cannot be read says nothing: the
// engine tells what is wrong with it when it is asked to load it.
func (d *described) of(m *pull.Model) gguf.Info {
	d.mu.Lock()
	defer d.mu.Unlock()
	if info, known := d.files[m.SHA256]; known {
		return info
	}
	f, err := os.Open(m.Path)
	if err != nil {
		return gguf.Info{}
	}
	defer f.Close() // it was only read
	info, err := gguf.Read(f)
	if err != nil {
		info = gguf.Info{}
	}
	if d.files == nil {
		d.files = map[string]gguf.Info{}
	}
	d.files[m.SHA256] = info
	return info
}

// engineCard describes a model as the engine serves it.
func engineCard(spec *server.ModelSpec, m *pull.Model, info gguf.Info) model.Card {
	card := model.Card{ID: spec.Name, Name: spec.Name, Licence: m.Licence, Vendor: info.Maker,
		ContextTokens: spec.ContextTokens, Input: []string{"text"}, Output: []string{"text"}, Created: m.Pulled.Unix(), Price: model.Price{Known: true},
		Capabilities: []model.Capability{model.CanChat, model.CanStream, model.CanTools, model.CanParallelTools, model.CanStrictTools,
			model.CanSchema, model.CanSeed, model.CanLogprobs, model.CanCount, model.CanCache}}
	if card.Licence == "" {
		card.Licence = info.Licence
	}
	if card.ContextTokens == 0 { // what the child takes then
		card.ContextTokens = min(info.ContextTokens, server.DefaultContextTokens)
	}
	if spec.Embedding {
		card.Output, card.Capabilities = []string{"embedding"}, []model.Capability{model.CanEmbed}
	}
	return card
}
