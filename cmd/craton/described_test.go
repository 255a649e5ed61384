package main

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/craton-ai/craton/internal/engine/server"
	"github.com/craton-ai/craton/internal/pull"
)

// modelFile writes a file that says of itself what pairs say.
func modelFile(t *testing.T, context uint32, pairs ...string) *pull.Model {
	t.Helper()
	var b bytes.Buffer
	num := func(v any) { _ = binary.Write(&b, binary.LittleEndian, v) } // a buffer takes everything
	text := func(s string) { num(uint64(len(s))); b.WriteString(s) }
	b.WriteString("GGUF")
	num([]uint32{3})
	num([]uint64{0, uint64(len(pairs)/2 + 1)})
	for i := 0; i < len(pairs); i += 2 {
		text(pairs[i])
		num(uint32(8))
		text(pairs[i+1])
	}
	text("llama.context_length")
	num([]uint32{4, context})
	path := filepath.Join(t.TempDir(), "m.gguf")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return &pull.Model{Name: "m", SHA256: path, Path: path}
}

// TestEngineCards shows of an installed model what its file says, within what
// the operator set.
func TestEngineCards(t *testing.T) {
	t.Parallel()
	var files described
	known := []string{"general.architecture", "llama", "general.organization", "Makers", "general.license", "apache-2.0"}
	for name, c := range map[string]struct {
		model   *pull.Model
		spec    server.ModelSpec
		vendor  string
		context int
	}{
		"from the file":  {modelFile(t, 2048, known...), server.ModelSpec{Name: "m"}, "Makers", 2048},
		"at most":        {modelFile(t, 131072, known...), server.ModelSpec{Name: "m"}, "Makers", server.DefaultContextTokens},
		"configured":     {modelFile(t, 2048, known...), server.ModelSpec{Name: "m", ContextTokens: 512}, "Makers", 512},
		"says nothing":   {&pull.Model{SHA256: "x", Path: os.DevNull}, server.ModelSpec{Name: "m"}, "", 0},
		"is not there":   {&pull.Model{SHA256: "y", Path: "/nonexistent"}, server.ModelSpec{Name: "m"}, "", 0},
		"embeds as said": {modelFile(t, 512, known...), server.ModelSpec{Name: "m", Embedding: true}, "Makers", 512},
	} {
		info := files.of(c.model)
		card := engineCard(&c.spec, c.model, info)
		if card.Vendor != c.vendor || card.ContextTokens != c.context || info != files.of(c.model) {
			t.Errorf("%s: %+v", name, card)
		}
		if c.vendor != "" && card.Licence != "apache-2.0" {
			t.Errorf("%s: licence %q", name, card.Licence)
		}
	}
}
