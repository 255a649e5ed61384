package invoke

import (
	"strings"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/bedrock/object"
	"github.com/craton-ai/craton/internal/wire/openai"
	"github.com/tidwall/sjson"
)

// openaiCodec is the Chat Completions body. In a whole answer thinking stands
// before the text inside <reasoning> tags, as Bedrock's gpt-oss models send it.
var openaiCodec = codec{
	decodeRequest: decodeOpenAI,
	encodeRequest: func(req *model.Request) ([]byte, []model.Loss, error) {
		whole := *req
		whole.Stream = false // stands in the URL
		body, losses, err := openai.EncodeRequest(&whole)
		if err != nil {
			return nil, nil, err
		}
		body, err = sjson.DeleteBytes(body, "model")
		return body, losses, err
	},
	encodeResponse: func(r *model.Response, opts Options) ([]byte, []model.Loss, error) {
		return openai.EncodeResponse(tagReasoning(r), openaiOptions(opts))
	},
	decodeResponse: func(body []byte) (*model.Response, error) {
		r, err := openai.DecodeResponse(body)
		if r != nil {
			untagReasoning(r)
		}
		return r, err
	},
	newObjects: func(opts Options) objects {
		return &sseObjects{enc: openai.NewEncoder(openaiOptions(opts))}
	},
	decodeEvents: func(c *chunks) model.Stream { return openai.DecodeEvents(c.sse()) },
}

func openaiOptions(o Options) openai.EncoderOptions {
	return openai.EncoderOptions{ID: o.ID, Model: o.Model, Created: o.Created}
}

// placeholder stands in for the model's name, which the codec of the dialect
// requires and the URL gives.
const placeholder = "model"

func decodeOpenAI(body []byte) (*model.Request, error) {
	if !object.Is(body) {
		return nil, malformed(body)
	}
	body, err := sjson.SetBytes(body, "model", placeholder)
	if err != nil {
		return nil, model.Wrap(model.Internal, "wire/bedrock/invoke", err)
	}
	req, _, err := openai.DecodeRequest(body)
	if err != nil {
		return nil, err
	}
	req.Model, req.Stream = "", false
	return req, nil
}

const reasoningOpen, reasoningClose = "<reasoning>", "</reasoning>"

// tagReasoning returns r with thinking as tagged text at the start.
func tagReasoning(r *model.Response) *model.Response {
	out := *r
	out.Choices = make([]model.Choice, len(r.Choices))
	for i, c := range r.Choices {
		var thinking string
		var parts []model.Part
		for _, p := range c.Message.Parts {
			if t, ok := p.(*model.Reasoning); ok {
				thinking += t.Text
			} else {
				parts = append(parts, p)
			}
		}
		if thinking != "" {
			head := &model.Text{Text: reasoningOpen + thinking + reasoningClose}
			parts = append([]model.Part{head}, parts...)
		}
		c.Message.Parts = parts
		out.Choices[i] = c
	}
	return &out
}

// untagReasoning undoes tagReasoning in an answer this package made.
func untagReasoning(r *model.Response) {
	for i := range r.Choices {
		m := &r.Choices[i].Message
		if len(m.Parts) == 0 {
			continue
		}
		t, ok := m.Parts[0].(*model.Text)
		if !ok {
			continue
		}
		rest, ok := strings.CutPrefix(t.Text, reasoningOpen)
		if !ok {
			continue
		}
		thinking, text, ok := strings.Cut(rest, reasoningClose)
		if !ok {
			continue
		}
		parts := []model.Part{&model.Reasoning{Text: thinking}}
		if text != "" {
			head := *t
			head.Text = text
			parts = append(parts, &head)
		}
		m.Parts = append(parts, m.Parts[1:]...)
	}
}
