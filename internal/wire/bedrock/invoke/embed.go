package invoke

import (
	"fmt"
	"net/http"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/bedrock/family"
)

// DecodeEmbedRequest reads the native body of an embedding model. The caller
// sets Model. Errors are *model.Error of kind Invalid, or Unsupported for
// forms of vectors other than floats and for families without embeddings.
func DecodeEmbedRequest(f Family, body []byte) (*model.EmbedRequest, error) {
	var req *model.EmbedRequest
	var err *model.Error
	switch f {
	case family.TitanEmbed, family.TitanEmbedV2:
		req, err = decodeTitanEmbed(body)
	case family.CohereEmbed, family.CohereEmbedV4:
		req, err = decodeCohereEmbed(body)
	default:
		err = notEmbedding()
	}
	if err != nil {
		return nil, err
	}
	return req, nil
}

// EncodeEmbedRequest writes the native bodies that make the vectors of req, in
// order: Titan takes one text each, Cohere up to 96.
func EncodeEmbedRequest(f Family, req *model.EmbedRequest) (bodies [][]byte, losses []model.Loss, err error) {
	l := &lost{}
	l.major(len(req.Tokens) > 0, "input", "This model's native body takes text, not tokens.")
	l.minor(req.User != "", "user", "This model's native body takes no end-user id.")
	if x := req.Extra; x != nil && x.Dialect != model.DialectInvoke {
		l.major(true, "extra", "This model's native body has no place for members of %s.", x.Dialect)
	}
	var shapes []any
	switch f {
	case family.TitanEmbed, family.TitanEmbedV2:
		shapes = titanEmbedShapes(f, req, l)
	case family.CohereEmbed, family.CohereEmbedV4:
		shapes = cohereEmbedShapes(f, req, l)
	default:
		return nil, nil, notEmbedding()
	}
	for _, s := range shapes {
		body, _, err := marshal(s, nil)
		if err != nil {
			return nil, nil, err
		}
		bodies = append(bodies, body)
	}
	return bodies, l.list, nil
}

// EncodeEmbedResponse writes the native answer to req. The error is an
// *model.Error of kind Internal when a Titan answer holds more than one vector.
func EncodeEmbedResponse(f Family, req *model.EmbedRequest, r *model.EmbedResponse, opts Options) ([]byte, error) {
	var shape any
	switch f {
	case family.TitanEmbed, family.TitanEmbedV2:
		if len(r.Vectors) != 1 {
			return nil, model.Wrap(model.Internal, "wire/bedrock/invoke.EncodeEmbedResponse",
				fmt.Errorf("%d vectors for one text", len(r.Vectors)))
		}
		shape = titanEmbedAnswer(f, r)
	case family.CohereEmbed, family.CohereEmbedV4:
		shape = cohereEmbedAnswer(req, r, opts)
	default:
		return nil, notEmbedding()
	}
	body, _, err := marshal(shape, nil)
	return body, err
}

// DecodeEmbedResponse reads an upstream's answer to one of the bodies of
// EncodeEmbedRequest; header tells the tokens where the body does not.
func DecodeEmbedResponse(f Family, header http.Header, body []byte) (*model.EmbedResponse, error) {
	var r *model.EmbedResponse
	var err *model.Error
	switch f {
	case family.TitanEmbed, family.TitanEmbedV2:
		r, err = readTitanEmbed(body)
	case family.CohereEmbed, family.CohereEmbedV4:
		r, err = readCohereEmbed(body)
	default:
		return nil, notEmbedding()
	}
	if err != nil {
		return nil, garbage(err)
	}
	r.Usage = UsageOf(header, r.Usage)
	return r, nil
}

func notEmbedding() *model.Error {
	return model.Errorf(model.Unsupported, "modelId", "The native embedding body of this model is not known.")
}

// onlyFloats refuses forms of vectors that cannot be computed from floats as
// the vendor computes them.
func onlyFloats(path string, types []string) *model.Error {
	for _, t := range types {
		if t != "float" {
			return model.Errorf(model.Unsupported, path, "Embeddings of type %s are not supported here; ask for float.", t)
		}
	}
	return nil
}
