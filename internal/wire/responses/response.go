package responses

import (
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/raw"
)

// DecodeResponse reads an upstream's response object. The error is
// *model.Error: the upstream's own for a failed response, else of kind
// UpstreamGarbage for one that is not finished or not understood.
func DecodeResponse(body []byte) (*model.Response, error) {
	v, err := raw.ParseLenient(body, nil)
	if err != nil {
		return nil, garbage(err)
	}
	switch status := v.Get("status").Text(); {
	case !v.Exists() || !v.IsObject():
		return nil, garbage(v.WrongType("an object"))
	case status == "failed" || v.Get("error").IsObject():
		return nil, failed(v)
	case status == "queued" || status == "in_progress":
		return nil, garbage(v.Error("the response is %s", status))
	}
	d := itemDecoder{upstream: true}
	if err := d.list(v.Get("output")); err != nil {
		return nil, garbage(err)
	}
	r := &model.Response{ID: v.Get("id").Text(), Model: v.Get("model").Text(), Created: v.Get("created_at").Num(), Usage: readTotals(v)}
	msg := model.Message{Role: model.RoleAssistant}
	calls, says, refuses := false, false, false
	for _, m := range d.msgs {
		for _, p := range m.Parts {
			switch p.(type) {
			case *model.ToolCall:
				calls = true
			case *model.Text:
				says = true
			case *model.Refusal:
				refuses = true
			}
		}
		msg.Parts = append(msg.Parts, m.Parts...)
	}
	choice := model.Choice{Message: msg, Stop: stopOf(v, calls, refuses && !says)}
	choice.Logprobs = outputLogprobs(v.Get("output"))
	r.Choices = []model.Choice{choice}
	return r, nil
}

// outputLogprobs collects the log probabilities of all text, in order.
func outputLogprobs(output raw.Value) (list []model.TokenLogprob) {
	_ = output.Items(func(_ int, item raw.Value) error {
		content := item.Get("content")
		if item.Get("type").Text() != "message" || !content.IsArray() {
			return nil
		}
		return content.Items(func(_ int, part raw.Value) error {
			list = append(list, readLogprobs(part.Get("logprobs"))...)
			return nil
		})
	})
	return list
}
