package invoke

import (
	"encoding/base64"
	"strings"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/bedrock/family"
	"github.com/craton-ai/craton/internal/wire/bedrock/object"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxCohereTexts is how many texts Cohere's body takes.
const maxCohereTexts = 96

type cohereRequest struct {
	Texts      []string       `json:"texts,omitzero"`
	Images     []string       `json:"images,omitzero"`
	Inputs     []cohereInput  `json:"inputs,omitzero"`
	Type       string         `json:"input_type,omitzero"`
	Truncate   string         `json:"truncate,omitzero"`
	Types      []string       `json:"embedding_types,omitzero"`
	Dimensions int            `json:"output_dimension,omitzero"`
	Extra      jsontext.Value `json:",embed"`
}

// cohereInput is version 4's input; several contents would make one vector.
type cohereInput struct {
	Content []cohereContent `json:"content"`
}

type cohereContent struct {
	Type  string `json:"type"`
	Text  string `json:"text,omitzero"`
	Image *struct {
		URL string `json:"url"`
	} `json:"image_url,omitzero"`
}

// purposes maps input_type to the hub's purposes; images have none.
var purposes = map[string]string{
	"search_document": "document", "search_query": "query", "classification": "classification", "clustering": "clustering", "image": "",
}

func decodeCohereEmbed(body []byte) (*model.EmbedRequest, *model.Error) {
	var s cohereRequest
	if err := object.Parse(body, &s); err != nil {
		return nil, err
	}
	purpose, ok := purposes[s.Type]
	switch {
	case s.Type == "":
		return nil, requiredKey("input_type").(*model.Error)
	case !ok:
		return nil, model.Errorf(model.Invalid, "input_type", "The input_type %q is not known.", s.Type).
			WithHint("Use search_document, search_query, classification, clustering or image.")
	}
	if err := onlyFloats("embedding_types", s.Types); err != nil {
		return nil, err
	}
	req := &model.EmbedRequest{
		Input: s.Texts, Purpose: purpose, Truncate: strings.ToLower(s.Truncate), Dimensions: s.Dimensions, Extra: cohereExtra(&s),
	}
	for i, in := range s.Inputs {
		if len(in.Content) != 1 {
			return nil, model.Errorf(model.Unsupported, "inputs."+itoa(i)+".content", "An input must be one text or one image here.")
		}
		if c := in.Content[0]; c.Image != nil {
			s.Images = append(s.Images, c.Image.URL)
		} else {
			req.Input = append(req.Input, c.Text)
		}
	}
	for i, address := range s.Images {
		src, err := dataURL(address)
		if err != nil {
			err.Subject = "images." + itoa(i)
			return nil, err
		}
		req.Images = append(req.Images, src)
	}
	switch {
	case len(req.Input) > 0 && len(req.Images) > 0:
		return nil, model.Errorf(model.Unsupported, "inputs", "Texts and images must be embedded in separate calls.")
	case len(req.Input) == 0 && len(req.Images) == 0:
		return nil, requiredKey("texts").(*model.Error)
	}
	return req, nil
}

// cohereExtra keeps unknown members and that vectors are wanted by type, which
// shapes the answer.
func cohereExtra(s *cohereRequest) *model.Opaque {
	ms := object.Members(s.Extra)
	if s.Types != nil {
		ms = append(ms, object.Member{Name: "embedding_types", Value: jsontext.Value(`["float"]`)})
	}
	return keep(object.Of(ms))
}

func dataURL(address string) (model.Source, *model.Error) {
	rest, ok := strings.CutPrefix(address, "data:")
	mime, encoded, found := strings.Cut(rest, ";base64,")
	data, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || !found || err != nil {
		return model.Source{}, model.Errorf(model.Invalid, "", "An image must be a data URI with base64 content.")
	}
	return model.Source{MIME: mime, Data: data}, nil
}

func cohereEmbedShapes(f Family, req *model.EmbedRequest, l *lost) []any {
	v4 := f == family.CohereEmbedV4
	l.major(!v4 && req.Dimensions != 0, "dimensions", "This model has one vector size.")
	l.major(req.Normalize != nil && !*req.Normalize, "normalize", "This model's vectors are always normalised.")
	base := cohereRequest{Type: inputType(req), Truncate: strings.ToUpper(req.Truncate)}
	if v4 {
		base.Dimensions = req.Dimensions
	}
	if req.Extra != nil && req.Extra.Dialect == model.DialectInvoke {
		base.Extra = req.Extra.Raw
	}
	var shapes []any
	for i := 0; i < len(req.Input); i += maxCohereTexts {
		s := base
		s.Texts = req.Input[i:min(i+maxCohereTexts, len(req.Input))]
		shapes = append(shapes, s)
	}
	for i, src := range req.Images { // one image a call
		l.major(len(src.Data) == 0, "images."+itoa(i), "This model takes the image's content, not its address.")
		s := base
		s.Images = []string{"data:" + src.MIME + ";base64," + base64.StdEncoding.EncodeToString(src.Data)}
		shapes = append(shapes, s)
	}
	return shapes
}

func inputType(req *model.EmbedRequest) string {
	if len(req.Images) > 0 {
		return "image"
	}
	for wire, purpose := range purposes {
		if purpose == req.Purpose && purpose != "" {
			return wire
		}
	}
	return "search_document"
}

type cohereAnswer struct {
	ID         string         `json:"id"`
	Type       string         `json:"response_type"`
	Embeddings jsontext.Value `json:"embeddings"`
	Texts      []string       `json:"texts,omitzero"`
}

func cohereEmbedAnswer(req *model.EmbedRequest, r *model.EmbedResponse, opts Options) any {
	a := cohereAnswer{ID: opts.ID, Type: "embeddings_floats", Texts: req.Input}
	floats, err := json.Marshal(r.Vectors)
	if err != nil { // not a number: no vector at all
		floats = []byte("[]")
	}
	a.Embeddings = floats
	byType := false
	if req.Extra != nil {
		for _, m := range object.Members(req.Extra.Raw) {
			byType = byType || m.Name == "embedding_types"
		}
	}
	if byType {
		a.Type = "embeddings_by_type"
		a.Embeddings = object.Of([]object.Member{{Name: "float", Value: floats}})
	}
	return a
}

func readCohereEmbed(body []byte) (*model.EmbedResponse, *model.Error) {
	var a cohereAnswer
	if err := object.ParseAnswer(body, &a); err != nil {
		return nil, err
	}
	r := &model.EmbedResponse{Usage: model.Usage{Absent: true}}
	var err *model.Error
	if a.Embeddings.Kind() == '{' {
		var by struct {
			Float [][]float32 `json:"float"`
		}
		err = object.ParseAnswer(a.Embeddings, &by)
		r.Vectors = by.Float
	} else {
		err = object.ParseAnswer(a.Embeddings, &r.Vectors)
	}
	if err == nil && len(r.Vectors) == 0 {
		err = model.Errorf(model.Invalid, "embeddings", "The answer has no embeddings.")
	}
	return r, err
}
