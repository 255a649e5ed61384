package openai

import (
	"encoding/base64"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/tidwall/gjson"

	"github.com/craton-ai/craton/internal/model"
)

// EncodeResponse writes a whole answer as a chat.completion object. losses
// names what the dialect cannot show. The error is always nil today.
func EncodeResponse(r *model.Response, opts EncoderOptions) ([]byte, []model.Loss, error) {
	opts.fill(r.ID, r.Model, r.Created)
	e := responseEncoder{opts: opts, enc: NewEncoder(opts)}
	e.b = make([]byte, 0, 1024)
	e.open('{')
	e.member("id", opts.ID)
	e.member("object", "chat.completion")
	e.key("created")
	e.int(opts.Created)
	e.member("model", opts.Model)
	e.key("choices")
	e.open('[')
	for i := range r.Choices {
		e.choice(i, &r.Choices[i])
	}
	e.close(']')
	if !r.Usage.Absent {
		e.key("usage")
		appendUsage(&e.builder, &r.Usage)
	}
	tier := r.Usage.ServiceTier
	if x := r.Extra; x != nil && x.Dialect == model.DialectOpenAIChat {
		e.object(x.Raw, func(name string) bool {
			if name == "service_tier" {
				tier = ""
			}
			return chunkMembers[name]
		})
	} else if x != nil {
		e.enc.lose("extra", "members that only the dialect "+string(x.Dialect)+" knows")
	}
	e.optional("service_tier", tier)
	e.close('}')
	return e.b, e.enc.losses, nil
}

type responseEncoder struct {
	builder
	opts EncoderOptions
	enc  *Encoder // keeps the losses, each once
}

// said gathers the parts of a message by the member they are shown in.
type said struct {
	text, refusal, thinking []byte
	hasText, hasRefusal     bool
	calls                   []*model.ToolCall
	audio                   *model.Audio
	citations               []model.Citation
}

func (e *responseEncoder) gather(parts []model.Part) said {
	var s said
	for _, p := range parts {
		switch p := p.(type) {
		case *model.Text:
			s.hasText = true
			s.text = append(s.text, p.Text...)
			for _, c := range p.Citations {
				if c.Source == "" {
					e.enc.lose("citations", "a citation without an address")
					continue
				}
				s.citations = append(s.citations, c)
			}
		case *model.Refusal:
			s.hasRefusal = true
			s.refusal = append(s.refusal, p.Text...)
		case *model.Reasoning:
			s.thinking = append(s.thinking, p.Text...)
			e.enc.proofs(p.Signature != "" || len(p.Redacted) > 0)
		case *model.Audio:
			s.audio = p
		case *model.ToolCall:
			if p.Server {
				e.enc.lose("tool_calls", "a call of a tool the upstream ran itself")
				continue
			}
			s.calls = append(s.calls, p)
		default:
			if !isMessageMembers(p) {
				e.enc.lose("content", partName(p)+" in an answer")
			}
		}
	}
	return s
}

func (e *responseEncoder) choice(i int, c *model.Choice) {
	s := e.gather(c.Message.Parts)
	e.open('{')
	e.key("index")
	e.int(int64(i))
	e.key("message")
	e.open('{')
	e.member("role", "assistant")
	e.nullable("content", s.text, s.hasText || len(s.calls) == 0 && s.audio == nil && !s.hasRefusal)
	e.nullable("refusal", s.refusal, s.hasRefusal)
	if len(s.thinking) > 0 {
		e.member(e.opts.Reasoning, string(s.thinking))
	}
	e.key("annotations")
	e.open('[')
	for j := range s.citations {
		appendAnnotation(&e.builder, &s.citations[j])
	}
	e.close(']')
	if s.audio != nil {
		e.audio(s.audio)
	}
	e.calls(s.calls)
	for _, p := range c.Message.Parts {
		if isMessageMembers(p) {
			e.object([]byte(gjson.GetBytes(p.(*model.Opaque).Raw, "message").Raw), nil)
		}
	}
	e.close('}')
	e.key("logprobs")
	appendLogprobs(&e.builder, c.Logprobs, s.hasRefusal && !s.hasText)
	e.member("finish_reason", finishReason(c.Stop, e.opts.LegacyFunctions))
	e.close('}')
}

func (e *responseEncoder) nullable(name string, text []byte, present bool) {
	e.key(name)
	if present {
		e.str(string(text))
	} else {
		e.raw(nil)
	}
}

func (e *responseEncoder) audio(a *model.Audio) {
	e.key("audio")
	e.open('{')
	e.member("id", a.ID)
	e.member("data", base64.StdEncoding.EncodeToString(a.Source.Data))
	e.key("expires_at")
	e.int(a.ExpiresAt)
	e.member("transcript", a.Transcript)
	e.close('}')
}

func (e *responseEncoder) calls(calls []*model.ToolCall) {
	switch {
	case len(calls) == 0:
	case e.opts.LegacyFunctions:
		e.key("function_call")
		e.open('{')
		e.member("name", calls[0].Name)
		e.member("arguments", calls[0].Arguments)
		e.close('}')
		if len(calls) > 1 {
			e.enc.lose("tool_calls", "calls beyond the first, for a client of the older functions")
		}
	default:
		e.key("tool_calls")
		e.open('[')
		for _, c := range calls {
			appendToolCall(&e.builder, c)
		}
		e.close(']')
	}
}

// wireResponse is an upstream's non-streamed answer.
type wireResponse struct {
	ID          string         `json:"id"`
	Model       string         `json:"model"`
	Object      string         `json:"object"`
	Created     looseInt       `json:"created"`
	Choices     []wireChoice   `json:"choices"`
	Usage       *wireUsage     `json:"usage"`
	ServiceTier string         `json:"service_tier"`
	Error       jsontext.Value `json:"error"`
	Extra       jsontext.Value `json:",embed"`
}

type wireChoice struct {
	Index    int           `json:"index"`
	Message  wireMessage   `json:"message"`
	Finish   string        `json:"finish_reason"`
	Logprobs *wireLogprobs `json:"logprobs"`
}

// DecodeResponse reads an upstream's non-streamed answer. Errors are
// *model.Error: UpstreamGarbage when it is no answer, or what the upstream
// said when the body is an error despite its status.
func DecodeResponse(body []byte) (*model.Response, error) {
	if err := checkDepth(body); err != nil {
		return nil, garbled(err)
	}
	var w wireResponse
	if err := unmarshalLenient(body, &w); err != nil {
		return nil, garbled(err)
	}
	if k := w.Error.Kind(); len(w.Error) > 0 && k != 'n' {
		return nil, DecodeError(0, nil, body)
	}
	if len(w.Choices) == 0 {
		return nil, garbled(errNoChoices)
	}
	r := &model.Response{ID: w.ID, Model: w.Model, Created: int64(w.Created), Usage: model.Usage{Absent: true}}
	for i := range w.Choices {
		choice, err := w.Choices[i].hub(w.ID, body, i)
		if err != nil {
			return nil, garbled(err)
		}
		r.Choices = append(r.Choices, choice)
	}
	if w.Usage != nil {
		r.Usage = w.Usage.hub()
	}
	r.Usage.ServiceTier = w.ServiceTier
	r.Extra = responseExtra(w.Extra)
	return r, nil
}

// responseExtra keeps the members of an answer the hub does not model.
func responseExtra(raw jsontext.Value) *model.Opaque {
	b := builder{b: []byte("{")}
	b.object(raw, func(name string) bool { return name == "obfuscation" })
	if len(b.b) == 1 {
		return nil
	}
	b.close('}')
	return &model.Opaque{Dialect: model.DialectOpenAIChat, Raw: b.b}
}

func (c *wireChoice) hub(id string, body []byte, i int) (model.Choice, error) {
	for j := range c.Message.ToolCalls {
		if t := &c.Message.ToolCalls[j]; t.ID == "" {
			t.ID = inventID(id, i, j)
		}
	}
	parts, err := c.Message.parts(messagePath(-1-i), body)
	if err != nil {
		return model.Choice{}, err
	}
	if f := c.Message.FunctionCall; f != nil && f.Name != "" {
		parts = append(parts, &model.ToolCall{ID: inventID(id, i, 0), Name: f.Name, Arguments: string(f.Arguments)})
	}
	attachCitations(parts, c.Message.Annotations)
	called := false
	for _, p := range parts {
		if _, ok := p.(*model.ToolCall); ok {
			called = true
		}
	}
	return model.Choice{
		Message:  model.Message{Role: model.RoleAssistant, Parts: append(parts, c.Message.opaque()...)},
		Stop:     stopReason(c.Finish, called),
		Logprobs: c.Logprobs.hub(),
	}, nil
}

func attachCitations(parts []model.Part, annotations []wireAnnotation) {
	for _, p := range parts {
		t, ok := p.(*model.Text)
		if !ok {
			continue
		}
		for _, a := range annotations {
			if c := a.hub(); c != nil {
				t.Citations = append(t.Citations, *c)
			}
		}
		return
	}
}

func (a *wireAnnotation) hub() *model.Citation {
	if a.URL == nil {
		return nil
	}
	return &model.Citation{Kind: "web", Source: a.URL.URL, Title: a.URL.Title, TextStart: a.URL.Start, TextEnd: a.URL.End}
}
