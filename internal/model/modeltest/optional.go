package modeltest

import (
	"math"
	"testing"

	"github.com/craton-ai/craton/internal/model"
)

func optionalChecks() []check {
	return []check{
		{name: "count_tokens", needs: []model.Capability{model.CanCount}, run: checkCount},
		{name: "embeddings", run: checkEmbed},
		{name: "models", run: checkModels},
	}
}

// checkCount wants the count to be what the answer's usage then says.
func checkCount(t testing.TB, s *subject) {
	counter, ok := model.As[model.TokenCounter](s.p)
	if !ok {
		t.Fatal("the card says tokens can be counted, but the provider does not")
	}
	req := s.say("Say these five words")
	n, err := counter.CountTokens(t.Context(), req)
	if err != nil {
		t.Fatalf("CountTokens: %v", err)
	}
	if used := s.ask(t, req).Usage.InputTotal(); n <= 0 || s.Scripted && n != used {
		t.Errorf("counted %d tokens, the answer used %d", n, used)
	}
}

func checkEmbed(t testing.TB, s *subject) {
	if s.EmbedModel == "" {
		t.Skip("no embedding model")
	}
	e, ok := model.As[model.Embedder](s.p)
	if !ok {
		t.Fatal("the profile names an embedding model, but the provider cannot embed")
	}
	texts := []string{"the cat sat on the mat", "The cat sat on a mat.", "quarterly revenue grew"}
	r, err := e.Embed(t.Context(), &model.EmbedRequest{Model: s.EmbedModel, Input: texts})
	if err != nil {
		t.Fatalf("Embed: %v", err)
	}
	if len(r.Vectors) != len(texts) || len(r.Vectors[0]) == 0 || r.Usage.Input <= 0 {
		t.Fatalf("got %d vectors and usage %+v for %d texts", len(r.Vectors), r.Usage, len(texts))
	}
	near, far := cosine(r.Vectors[0], r.Vectors[1]), cosine(r.Vectors[0], r.Vectors[2])
	if !(near > far) {
		t.Errorf("like texts have similarity %.3f, unlike ones %.3f", near, far)
	}
}

func cosine(a, b []float32) float64 {
	var ab, aa, bb float64
	for i := range min(len(a), len(b)) {
		x, y := float64(a[i]), float64(b[i])
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
	}
	return ab / math.Sqrt(aa*bb)
}

func checkModels(t testing.TB, s *subject) {
	lister, ok := model.As[model.Lister](s.p)
	if !ok {
		t.Skip("the provider cannot list its models")
	}
	cards, err := lister.Models(t.Context())
	if err != nil {
		t.Fatalf("Models: %v", err)
	}
	for _, c := range cards {
		if c.ID == s.Model {
			return
		}
	}
	t.Errorf("none of the %d listed models is %q", len(cards), s.Model)
}
