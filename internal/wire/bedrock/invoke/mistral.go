package invoke

import (
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/bedrock/object"
	"github.com/go-json-experiment/json/jsontext"
)

// mistral is the prompt body of Mistral 7B, Mixtral and the older large models.
type mistral struct{}

type mistralRequest struct {
	Prompt      *string        `json:"prompt"`
	MaxTokens   *int           `json:"max_tokens,omitzero"`
	Stop        []string       `json:"stop,omitzero"`
	Temperature *float64       `json:"temperature,omitzero"`
	TopP        *float64       `json:"top_p,omitzero"`
	TopK        *int           `json:"top_k,omitzero"`
	Extra       jsontext.Value `json:",embed"`
}

type mistralAnswer struct {
	Outputs []mistralOutput `json:"outputs"`
}

type mistralOutput struct {
	Text string  `json:"text"`
	Stop *string `json:"stop_reason"`
}

func (mistral) decode(body []byte) (*model.Request, *model.Error) {
	var s mistralRequest
	if err := object.Parse(body, &s); err != nil {
		return nil, err
	}
	if s.Prompt == nil {
		return nil, requiredKey("prompt").(*model.Error)
	}
	req := &model.Request{
		MaxTokens: s.MaxTokens, Temperature: s.Temperature, TopP: s.TopP, TopK: s.TopK, Stop: s.Stop, Extra: keep(s.Extra),
	}
	if req.Messages = parseInst(*s.Prompt); req.Messages == nil {
		req.Messages = userTurn(*s.Prompt)
	}
	return req, nil
}

func (mistral) encode(req *model.Request, l *lost) (any, *model.Error) {
	prompt := renderInst(plain(req.Messages, l, []string{instOpen, instShut, bos, eos}, noImages))
	return mistralRequest{
		Prompt: &prompt, MaxTokens: req.MaxTokens, Stop: req.Stop, Temperature: req.Temperature, TopP: req.TopP,
		TopK: req.TopK, Extra: extraOf(req),
	}, nil
}

func (mistral) write(s said) any {
	out := mistralOutput{Text: s.text}
	if s.stop != "" {
		stop := stopOrLength(s.stop)
		out.Stop = &stop
	}
	return mistralAnswer{Outputs: []mistralOutput{out}}
}

func (mistral) read(native []byte) (said, *model.Error) {
	var a mistralAnswer
	if err := object.ParseAnswer(native, &a); err != nil {
		return said{}, err
	}
	if len(a.Outputs) == 0 {
		return said{}, model.Errorf(model.Invalid, "outputs", "The answer has no outputs.")
	}
	s := said{text: a.Outputs[0].Text}
	if stop := a.Outputs[0].Stop; stop != nil {
		s.stop = fromStopOrLength(*stop)
	}
	return s, nil
}
