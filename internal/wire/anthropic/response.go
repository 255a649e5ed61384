package anthropic

import (
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/raw"
	"github.com/tidwall/gjson"
)

// ResponseOptions says what an answer's encoder cannot know from the hub.
type ResponseOptions struct {
	// ID is the message id shown, such as "msg_…"; empty means the answer's own.
	ID string
	// Model is the model name shown; empty means the answer's own.
	Model string
	// RequestID goes into errors after the first byte; may be empty.
	RequestID string
}

// EncodeResponse writes a non-streamed answer. The dialect has one choice;
// others are reported as a Loss.
func EncodeResponse(r *model.Response, opts ResponseOptions) ([]byte, []model.Loss, error) {
	e := &requestEncoder{req: &model.Request{}}
	b := &e.b
	size := 512
	for i := range r.Choices {
		for _, p := range r.Choices[i].Message.Parts {
			if t, ok := p.(*model.Text); ok {
				size += 64 + len(t.Text) + len(t.Text)/16
			}
		}
	}
	b.Bytes = make([]byte, 0, size)
	b.Open('{')
	b.Str("id", first(opts.ID, r.ID))
	b.Literal(`"type":"message","role":"assistant"`)
	b.Str("model", first(opts.Model, r.Model))
	var choice model.Choice
	if len(r.Choices) > 0 {
		choice = r.Choices[0]
	}
	if len(r.Choices) > 1 {
		e.lose("choices", model.LossMajor, "more than one answer")
	}
	if len(choice.Logprobs) > 0 {
		e.lose("choices.0.logprobs", model.LossMinor, "log probabilities")
	}
	b.Key("content")
	b.Open('[')
	for i, p := range choice.Message.Parts {
		e.answerBlock(at("choices.0.parts", i), p)
	}
	b.Close(']')
	b.Str("stop_reason", stopToWire(choice.Stop))
	b.StrNull("stop_sequence", choice.StopSequence)
	extra := ownExtra(r.Extra)
	b.Key("usage")
	writeUsage(b, &r.Usage, []byte(gjson.GetBytes(extra, "usage").Raw))
	b.Merge(extra, func(key string) bool { return key == "usage" })
	b.Close('}')
	return b.Bytes, e.losses, nil
}

// answerBlock writes a part of an answer. Empty text stays: it is what the model said.
func (e *requestEncoder) answerBlock(path string, p model.Part) {
	switch p := p.(type) {
	case *model.Reasoning:
		writeReasoning(&e.b, p)
	case *model.CachePoint:
	case *model.ToolCall:
		c := *p
		if c.Extra != nil && c.Extra.Dialect != dialect {
			c.Extra = nil
		}
		e.writeCall(path, &c)
	default:
		e.block(block{part: p, path: path})
	}
}

func (e *requestEncoder) writeCall(path string, c *model.ToolCall) {
	b := &e.b
	b.Open('{')
	b.Str("type", callType(c))
	b.Str("id", c.ID)
	b.Str("name", c.Name)
	b.Key("input")
	if !writeInput(b, c) {
		e.lose(path, model.LossMinor, "arguments that are not a JSON object, sent as one member")
	}
	e.extra(path, c.Extra)
	b.Close('}')
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func ownExtra(x *model.Opaque) []byte {
	if x == nil || x.Dialect != dialect {
		return nil
	}
	return x.Raw
}

// stopToWire names a stop reason as the dialect does.
func stopToWire(s model.StopReason) string {
	switch s {
	case "", model.StopMalformedOutput, model.StopMalformedToolUse:
		return "end_turn"
	case model.StopGuardrail, model.StopContentFilter:
		return "refusal"
	}
	return string(s)
}

// DecodeResponse reads an upstream's non-streamed answer. The error is
// *model.Error of kind UpstreamGarbage, or the upstream's own error when the
// body is one.
func DecodeResponse(body []byte) (*model.Response, error) {
	v, err := raw.ParseLenient(body, nil)
	if err != nil {
		return nil, garbage(err)
	}
	if v.Get("type").Text() == "error" {
		return nil, DecodeError(0, nil, body)
	}
	if !v.Get("content").IsArray() {
		return nil, garbage(v.Missing("content"))
	}
	r := &model.Response{ID: v.Get("id").Text(), Model: v.Get("model").Text()}
	parts, err := decodeContent(v.Get("content"))
	if err != nil {
		return nil, garbage(err)
	}
	r.Choices = []model.Choice{{
		Message:      model.Message{Role: model.RoleAssistant, Parts: parts},
		Stop:         model.StopReason(v.Get("stop_reason").Text()),
		StopSequence: v.Get("stop_sequence").Text(),
	}}
	if usage := v.Get("usage"); usage.IsObject() {
		addUsage(&r.Usage, usage)
	} else {
		r.Usage.Absent = true
	}
	r.Extra = answerExtra(v).Opaque(dialect)
	return r, nil
}

// answerExtra keeps the members of a message that the hub does not model.
func answerExtra(v raw.Value) *raw.Extra {
	var extra raw.Extra
	_ = v.Members(func(key string, m raw.Value) error {
		switch {
		case m.IsNull():
		case key == "usage":
			keepUsage(&extra, m)
		case !modelledMember(key):
			extra.Add(key, m)
		}
		return nil
	})
	return &extra
}

func keepUsage(extra *raw.Extra, usage raw.Value) {
	var rest raw.Extra
	if !usage.IsObject() {
		return
	}
	_ = usage.Members(func(key string, m raw.Value) error {
		if m.Given() && !modelledUsage(key) {
			rest.Add(key, m)
		}
		return nil
	})
	if o := rest.Opaque(dialect); o != nil {
		extra.AddRaw("usage", o.Raw)
	}
}

func modelledMember(key string) bool {
	switch key {
	case "id", "type", "role", "model", "content", "stop_reason", "stop_sequence":
		return true
	}
	return false
}

// garbage is an upstream's answer that breaks the contract.
func garbage(err error) *model.Error {
	return &model.Error{
		Kind: model.UpstreamGarbage, Op: "wire/anthropic", Err: err,
		Message: "The upstream's answer could not be understood.", Hint: "Try again or choose another upstream.",
	}
}
