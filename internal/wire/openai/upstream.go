package openai

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/model"
)

// unmarshalLenient decodes what an upstream sent.
func unmarshalLenient(raw []byte, into any) error { return json.Unmarshal(raw, into, lenient) }

var errNoChoices = errors.New("the answer holds no choices")

func garbled(err error) *model.Error {
	return &model.Error{
		Kind: model.UpstreamGarbage, Op: "wire/openai.Decode", Err: err,
		Message: "The upstream's answer could not be understood.", Hint: "Try again or choose another upstream.",
	}
}

// looseInt is a count of seconds that some servers send as a decimal.
type looseInt int64

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (n *looseInt) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	if d.PeekKind() != '0' {
		return d.SkipValue()
	}
	var f float64
	err := json.UnmarshalDecode(d, &f)
	*n = looseInt(f)
	return err
}

// inventID names a call whose upstream gave it no id: unique in the
// conversation as far as the answer's id is.
func inventID(response string, choice, call int) string {
	if len(response) > 16 {
		response = response[len(response)-16:]
	}
	return fmt.Sprintf("call_%s_%d_%d", response, choice, call)
}

type wireLogprobs struct {
	Content []wireLogprob `json:"content"`
	Refusal []wireLogprob `json:"refusal"`
}

type wireLogprob struct {
	Token   string        `json:"token"`
	Logprob float64       `json:"logprob"`
	Bytes   []byteValue   `json:"bytes"`
	Top     []wireLogprob `json:"top_logprobs"`
}

// byteValue keeps the JSON package from reading an array of numbers as base64.
type byteValue uint16

func (l *wireLogprobs) hub() []model.TokenLogprob {
	if l == nil {
		return nil
	}
	return hubLogprobs(append(l.Content, l.Refusal...))
}

func hubLogprobs(list []wireLogprob) []model.TokenLogprob {
	if len(list) == 0 {
		return nil
	}
	out := make([]model.TokenLogprob, len(list))
	for i, lp := range list {
		out[i] = model.TokenLogprob{Token: lp.Token, Logprob: lp.Logprob, Top: hubLogprobs(lp.Top)}
		if lp.Bytes != nil {
			out[i].Bytes = make([]byte, len(lp.Bytes))
			for j, c := range lp.Bytes {
				out[i].Bytes[j] = byte(c)
			}
		}
	}
	return out
}
