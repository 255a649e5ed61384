package invoke

import (
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/bedrock/family"
	"github.com/craton-ai/craton/internal/wire/bedrock/object"
	"github.com/go-json-experiment/json/jsontext"
)

// titanEmbedRequest is the body of Titan Text Embeddings; version 1 knows
// inputText alone.
type titanEmbedRequest struct {
	Input      *string        `json:"inputText"`
	Dimensions int            `json:"dimensions,omitzero"`
	Normalize  *bool          `json:"normalize,omitzero"`
	Types      []string       `json:"embeddingTypes,omitzero"`
	Extra      jsontext.Value `json:",embed"`
}

type titanEmbedding struct {
	Embedding []float32   `json:"embedding"`
	ByType    *floatsOnly `json:"embeddingsByType,omitzero"`
	Count     *int64      `json:"inputTextTokenCount"`
}

type floatsOnly struct {
	Float []float32 `json:"float"`
}

func decodeTitanEmbed(body []byte) (*model.EmbedRequest, *model.Error) {
	var s titanEmbedRequest
	if err := object.Parse(body, &s); err != nil {
		return nil, err
	}
	if s.Input == nil {
		return nil, requiredKey("inputText").(*model.Error)
	}
	if err := onlyFloats("embeddingTypes", s.Types); err != nil {
		return nil, err
	}
	return &model.EmbedRequest{
		Input: []string{*s.Input}, Dimensions: s.Dimensions, Normalize: s.Normalize, Extra: keep(s.Extra),
	}, nil
}

func titanEmbedShapes(f Family, req *model.EmbedRequest, l *lost) []any {
	l.major(len(req.Images) > 0, "images", "This model embeds text only.")
	l.minor(req.Purpose != "", "purpose", "This model does not distinguish purposes.")
	l.minor(req.Truncate != "", "truncate", "This model always refuses text that is too long.")
	first := f == family.TitanEmbed
	l.major(first && req.Dimensions != 0, "dimensions", "This model has one vector size.")
	l.major(first && req.Normalize != nil, "normalize", "This model does not normalise on demand.")
	var shapes []any
	for i := range req.Input {
		s := titanEmbedRequest{Input: &req.Input[i]}
		if !first {
			s.Dimensions, s.Normalize = req.Dimensions, req.Normalize
		}
		if req.Extra != nil && req.Extra.Dialect == model.DialectInvoke {
			s.Extra = req.Extra.Raw
		}
		shapes = append(shapes, s)
	}
	return shapes
}

func titanEmbedAnswer(f Family, r *model.EmbedResponse) any {
	in := r.Usage.InputTotal()
	a := titanEmbedding{Embedding: r.Vectors[0], Count: &in}
	if f == family.TitanEmbedV2 {
		a.ByType = &floatsOnly{r.Vectors[0]}
	}
	return a
}

func readTitanEmbed(body []byte) (*model.EmbedResponse, *model.Error) {
	var a titanEmbedding
	if err := object.ParseAnswer(body, &a); err != nil {
		return nil, err
	}
	if a.Embedding == nil && a.ByType != nil {
		a.Embedding = a.ByType.Float
	}
	if len(a.Embedding) == 0 {
		return nil, model.Errorf(model.Invalid, "embedding", "The answer has no embedding.")
	}
	return &model.EmbedResponse{
		Vectors: [][]float32{a.Embedding}, Usage: model.Usage{Input: orZero(a.Count), Absent: a.Count == nil},
	}, nil
}
