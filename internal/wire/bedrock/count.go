package bedrock

import (
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/bedrock/object"
	"github.com/go-json-experiment/json/jsontext"
)

// CountInput is what CountTokens is asked to count: exactly one of its fields.
type CountInput struct {
	// Converse is a conversation: messages, system, toolConfig and additional fields.
	Converse *model.Request
	// InvokeBody is a native InvokeModel body of the model's family.
	InvokeBody []byte
}

type countShape struct {
	Input countInputShape `json:"input"`
}

type countInputShape struct {
	Invoke *struct {
		Body []byte `json:"body"`
	} `json:"invokeModel,omitzero"`
	Converse jsontext.Value `json:"converse,omitzero"`
}

// DecodeCountTokens reads the body of CountTokens. Errors are *model.Error of
// kind Invalid.
func DecodeCountTokens(body []byte) (*CountInput, error) {
	var s countShape
	if err := object.Parse(body, &s); err != nil {
		return nil, err
	}
	converse := len(s.Input.Converse) > 0 && s.Input.Converse.Kind() != 'n'
	switch {
	case converse == (s.Input.Invoke != nil):
		return nil, model.Errorf(model.Invalid, "input", "The input field must have exactly one member set.").
			WithHint("Set invokeModel or converse.")
	case converse:
		req, err := DecodeRequest(s.Input.Converse)
		if err != nil {
			return nil, err
		}
		return &CountInput{Converse: req}, nil
	}
	return &CountInput{InvokeBody: s.Input.Invoke.Body}, nil
}

// EncodeCountTokens writes the body of CountTokens. Of a conversation only what
// the operation takes is written; what it leaves out (sampling, limits,
// metadata) changes no count and is no loss.
func EncodeCountTokens(in *CountInput) ([]byte, []model.Loss, error) {
	var s countShape
	var losses []model.Loss
	if in.Converse == nil {
		s.Input.Invoke = &struct {
			Body []byte `json:"body"`
		}{in.InvokeBody}
	} else {
		c := in.Converse
		e := newRequestEncoder(&model.Request{
			Model: c.Model, Messages: c.Messages, Tools: c.Tools, ToolChoice: c.ToolChoice, Reasoning: c.Reasoning, Extra: c.Extra,
		})
		whole := e.shape()
		if e.err != nil {
			return nil, nil, e.err
		}
		raw, err := object.Marshal(&requestShape{
			Messages: whole.Messages, System: whole.System, ToolConfig: whole.ToolConfig,
			AdditionalFields: whole.AdditionalFields,
		})
		if err != nil {
			return nil, nil, err
		}
		s.Input.Converse = raw
		losses = e.losses
	}
	body, err := object.Marshal(s)
	if err != nil {
		return nil, nil, err
	}
	return body, losses, nil
}

// EncodeCount writes the answer of CountTokens.
func EncodeCount(tokens int64) []byte {
	return append(appendInt([]byte(`{"inputTokens":`), tokens), '}')
}

// DecodeCount reads an upstream's answer to CountTokens.
func DecodeCount(body []byte) (int64, error) {
	var s struct {
		Tokens *int64 `json:"inputTokens"`
	}
	if err := object.Parse(body, &s); err != nil {
		return 0, garbage(err)
	}
	if s.Tokens == nil {
		return 0, garbage(model.Errorf(model.Invalid, "inputTokens", "The answer has no inputTokens."))
	}
	return *s.Tokens, nil
}
