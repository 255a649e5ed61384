package openai

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/model"
)

// maxInputs is the contract's bound on inputs in one embeddings request.
const maxInputs = 2048

// EmbedOptions are the members of an embeddings request that only the edge
// acts upon.
type EmbedOptions struct {
	// Base64 asks for vectors as base64 of little-endian 32-bit floats, which
	// OpenAI's own clients do by default.
	Base64 bool
	// Model is the name to show in the answer; empty takes the upstream's.
	Model string
}

type wireEmbedRequest struct {
	Model      string         `json:"model"`
	Input      jsontext.Value `json:"input"`
	Dimensions *int           `json:"dimensions"`
	Encoding   string         `json:"encoding_format"`
	User       string         `json:"user"`
	Extra      jsontext.Value `json:",embed"`
}

// DecodeEmbedRequest reads an embeddings request. Errors are *model.Error of
// kind Invalid, as those of DecodeRequest.
func DecodeEmbedRequest(body []byte) (*model.EmbedRequest, EmbedOptions, error) {
	if err := checkDepth(body); err != nil {
		return nil, EmbedOptions{}, err
	}
	var w wireEmbedRequest
	if err := json.Unmarshal(body, &w); err != nil {
		return nil, EmbedOptions{}, requestError("", err)
	}
	req := &model.EmbedRequest{Model: w.Model, User: w.User}
	if w.Model == "" {
		return nil, EmbedOptions{}, missing("model")
	}
	if w.Dimensions != nil {
		if req.Dimensions = *w.Dimensions; req.Dimensions < 1 {
			return nil, EmbedOptions{}, belowMin("dimensions", 1, req.Dimensions)
		}
	}
	switch w.Encoding {
	case "", "float", "base64":
	default:
		return nil, EmbedOptions{}, invalidValue("encoding_format", w.Encoding, "float", "base64")
	}
	if err := checkTwins(w.Extra); err != nil {
		return nil, EmbedOptions{}, err
	}
	if len(w.Extra) > len("{}") {
		req.Extra = &model.Opaque{Dialect: model.DialectOpenAIChat, Raw: w.Extra}
	}
	err := decodeInput(req, w.Input)
	return req, EmbedOptions{Base64: w.Encoding == "base64", Model: w.Model}, err
}

// decodeInput reads the four forms of input: a text, texts, tokens, lists of tokens.
func decodeInput(req *model.EmbedRequest, raw jsontext.Value) error {
	if len(raw) == 0 || raw.Kind() == 'n' {
		return missing("input")
	}
	if text, ok := unquote(raw); ok {
		req.Input = []string{text}
		return checkInputs(req)
	}
	var items []jsontext.Value
	if err := json.Unmarshal(raw, &items); err != nil {
		return requestError("input", err)
	}
	if len(items) == 0 {
		return invalid("input", "empty_array", "Invalid 'input': empty array. Expected an array with minimum length 1, but got an empty array instead.")
	}
	var err error
	switch items[0].Kind() {
	case '"':
		err = json.Unmarshal(raw, &req.Input)
	case '0':
		req.Tokens = make([][]int, 1)
		err = json.Unmarshal(raw, &req.Tokens[0])
	default:
		err = json.Unmarshal(raw, &req.Tokens)
	}
	if err != nil {
		return requestError("input", err)
	}
	return checkInputs(req)
}

func checkInputs(req *model.EmbedRequest) error {
	if n := len(req.Input) + len(req.Tokens); n > maxInputs {
		return invalid("input", "array_above_max_length", "Invalid 'input': array too long. Expected an array with maximum length %d, but got an array with length %d instead.", maxInputs, n)
	}
	for i, text := range req.Input {
		if text == "" {
			return invalid(fmt.Sprintf("input.%d", i), "empty_string", "Invalid 'input[%d]': input cannot be an empty string.", i)
		}
	}
	for i, tokens := range req.Tokens {
		if len(tokens) == 0 {
			return invalid(fmt.Sprintf("input.%d", i), "empty_array", "Invalid 'input[%d]': input cannot be an empty array.", i)
		}
	}
	return nil
}

// EncodeEmbedRequest writes req for an upstream. Vectors are asked for as
// floats, which every compatible server can.
func EncodeEmbedRequest(req *model.EmbedRequest) (body []byte, losses []model.Loss, err error) {
	if len(req.Input)+len(req.Tokens) == 0 && len(req.Images) == 0 {
		return nil, nil, missing("input")
	}
	e := requestEncoder{}
	e.open('{')
	e.member("model", req.Model)
	if len(req.Tokens) > 0 {
		e.key("input")
		e.tokens(req.Tokens)
	} else {
		e.strings("input", req.Input)
	}
	e.member("encoding_format", "float")
	if req.Dimensions > 0 {
		e.key("dimensions")
		e.int(int64(req.Dimensions))
	}
	e.optional("user", req.User)
	e.embedLosses(req)
	if x := req.Extra; x != nil && x.Dialect == model.DialectOpenAIChat {
		e.object(x.Raw, func(name string) bool { return embedMembers[name] })
	} else if x != nil {
		e.lose(model.LossMajor, "extra", "members that only the dialect %s knows", x.Dialect)
	}
	e.close('}')
	return e.b, e.losses, nil
}

var embedMembers = map[string]bool{"model": true, "input": true, "encoding_format": true, "dimensions": true, "user": true}

func (e *requestEncoder) embedLosses(req *model.EmbedRequest) {
	if len(req.Images) > 0 {
		e.lose(model.LossMajor, "images", "pictures to embed")
	}
	if len(req.Tokens) > 0 && len(req.Input) > 0 {
		e.lose(model.LossMajor, "input", "texts beside tokens")
	}
	if req.Purpose != "" {
		e.lose(model.LossMinor, "purpose", "the purpose %q", req.Purpose)
	}
	if req.Normalize != nil && !*req.Normalize {
		e.lose(model.LossMinor, "normalize", "the wish for vectors that are not normalised")
	}
	if req.Truncate != "" {
		e.lose(model.LossMinor, "truncate", "the truncation %q", req.Truncate)
	}
}

func (e *requestEncoder) tokens(lists [][]int) {
	if len(lists) > 1 {
		e.open('[')
		defer e.close(']')
	}
	for _, list := range lists {
		e.open('[')
		for _, t := range list {
			e.int(int64(t))
		}
		e.close(']')
	}
}

// EncodeEmbedResponse writes vectors as the contract's list.
func EncodeEmbedResponse(r *model.EmbedResponse, opts EmbedOptions) []byte {
	w := builder{b: make([]byte, 0, embedSize(r, opts.Base64))}
	w.open('{')
	w.member("object", "list")
	w.key("data")
	w.open('[')
	for i, vector := range r.Vectors {
		w.open('{')
		w.member("object", "embedding")
		w.key("index")
		w.int(int64(i))
		w.key("embedding")
		if opts.Base64 {
			w.b = appendVector64(w.b, vector)
		} else {
			w.b = appendVector(w.b, vector)
		}
		w.close('}')
	}
	w.close(']')
	name := opts.Model
	if name == "" {
		name = r.Model
	}
	w.member("model", name)
	w.key("usage")
	w.open('{')
	total := r.Usage.InputTotal()
	w.key("prompt_tokens")
	w.int(total)
	w.key("total_tokens")
	w.int(total)
	w.b = append(w.b, "}}"...)
	return w.b
}

// embedSize guesses the size of the answer, so that it is allocated once.
func embedSize(r *model.EmbedResponse, base64 bool) int {
	perFloat := 14
	if base64 {
		perFloat = 6
	}
	size := 256
	for _, v := range r.Vectors {
		size += 64 + len(v)*perFloat
	}
	return size
}

// appendVector writes numbers; JSON has no NaN or infinity, which become null.
func appendVector(dst []byte, vector []float32) []byte {
	dst = append(dst, '[')
	for i, f := range vector {
		if i > 0 {
			dst = append(dst, ',')
		}
		if f64 := float64(f); math.IsNaN(f64) || math.IsInf(f64, 0) {
			dst = append(dst, "null"...)
			continue
		}
		dst = strconv.AppendFloat(dst, float64(f), 'g', -1, 32)
	}
	return append(dst, ']')
}

func appendVector64(dst []byte, vector []float32) []byte {
	raw := make([]byte, 0, 4*len(vector))
	for _, f := range vector {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(f))
	}
	dst = append(dst, '"')
	return append(base64.StdEncoding.AppendEncode(dst, raw), '"')
}

// wireVector is a vector in either encoding.
type wireVector []float32

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (v *wireVector) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	if d.PeekKind() != '"' {
		return json.UnmarshalDecode(d, (*[]float32)(v))
	}
	var text string
	if err := json.UnmarshalDecode(d, &text); err != nil {
		return err
	}
	raw, err := decodeBase64(text)
	if err != nil || len(raw)%4 != 0 {
		return wrongType('"', "base64 of 32-bit floats")
	}
	*v = make(wireVector, len(raw)/4)
	for i := range *v {
		(*v)[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return nil
}

// DecodeEmbedResponse reads an upstream's vectors, in either encoding and in
// any order. want is how many there must be; 0 accepts any number. Errors are
// *model.Error of kind UpstreamGarbage.
func DecodeEmbedResponse(body []byte, want int) (*model.EmbedResponse, error) {
	var w struct {
		Model string `json:"model"`
		Data  []struct {
			Index  *int       `json:"index"`
			Vector wireVector `json:"embedding"`
		} `json:"data"`
		Usage *wireUsage `json:"usage"`
	}
	if err := checkDepth(body); err != nil {
		return nil, garbled(err)
	}
	if err := unmarshalLenient(body, &w); err != nil {
		return nil, garbled(err)
	}
	n := len(w.Data)
	if n == 0 || want > 0 && n != want {
		return nil, garbled(fmt.Errorf("the answer holds %d vectors, not %d", n, want))
	}
	r := &model.EmbedResponse{Model: w.Model, Vectors: make([][]float32, n), Usage: model.Usage{Absent: true}}
	for i, d := range w.Data {
		at := i
		if d.Index != nil {
			at = *d.Index
		}
		if at < 0 || at >= n || r.Vectors[at] != nil || len(d.Vector) == 0 {
			return nil, garbled(fmt.Errorf("vector %d is empty, repeated or out of range", at))
		}
		r.Vectors[at] = d.Vector
	}
	if w.Usage != nil {
		r.Usage = w.Usage.hub()
		r.Usage.Output = 0
	}
	return r, nil
}
