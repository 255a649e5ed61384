package script

import (
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"strings"
	"unicode"

	"github.com/craton-ai/craton/internal/model"
)

// MaxDimensions bounds the vectors a request may ask for.
const MaxDimensions = 4096

// Embed returns unit vectors: every word, whatever its case and the
// punctuation around it, adds or takes 1 at a place chosen by its hash. Texts
// that share words are near each other, and that is all the vectors mean.
func (m *Model) Embed(ctx context.Context, req *model.EmbedRequest) (*model.EmbedResponse, error) {
	if err := ctx.Err(); err != nil {
		return nil, model.AsError(err)
	}
	card, err := m.card(req.Model, model.CanEmbed)
	if err != nil {
		return nil, err
	}
	size := card.Dimensions
	switch {
	case len(req.Images) > 0:
		return nil, model.Errorf(model.Unsupported, "images", "The model %s embeds text only.", card.ID)
	case req.Dimensions < 0 || req.Dimensions > MaxDimensions:
		return nil, model.Errorf(model.Invalid, "dimensions", "dimensions must be between 1 and %d.", MaxDimensions)
	case req.Dimensions > 0:
		size = req.Dimensions
	}
	out := &model.EmbedResponse{Model: card.ID}
	for _, text := range inputs(req) {
		out.Vectors = append(out.Vectors, vector(text, size))
		out.Usage.Input += words(text)
	}
	return out, nil
}

func inputs(req *model.EmbedRequest) []string {
	all := append([]string(nil), req.Input...)
	for _, tokens := range req.Tokens {
		all = append(all, strings.Trim(fmt.Sprint(tokens), "[]"))
	}
	return all
}

func vector(text string, size int) []float32 {
	v := make([]float32, size)
	separate := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) }
	for word := range strings.FieldsFuncSeq(strings.ToLower(text), separate) {
		h := fnv.New64a()
		_, _ = io.WriteString(h, word)
		sum := h.Sum64()
		v[sum%uint64(size)] += float32(int64(sum>>63)*2 - 1)
	}
	var square float64
	for _, x := range v {
		square += float64(x) * float64(x)
	}
	if square == 0 { // no words, or words that cancel out
		v[0] = 1
		return v
	}
	for i := range v {
		v[i] /= float32(math.Sqrt(square))
	}
	return v
}
