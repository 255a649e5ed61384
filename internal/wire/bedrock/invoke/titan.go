package invoke

import (
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/bedrock/object"
	"github.com/go-json-experiment/json/jsontext"
)

// titan is Amazon Titan's text generation body.
type titan struct{}

type titanRequest struct {
	Input  *string        `json:"inputText"`
	Config *titanConfig   `json:"textGenerationConfig,omitzero"`
	Extra  jsontext.Value `json:",embed"`
}

type titanConfig struct {
	MaxTokens   *int     `json:"maxTokenCount,omitzero"`
	Stop        []string `json:"stopSequences,omitzero"`
	Temperature *float64 `json:"temperature,omitzero"`
	TopP        *float64 `json:"topP,omitzero"`
}

// titanAnswer is a whole answer; titanChunk one object of a stream.
type titanAnswer struct {
	InputCount int64         `json:"inputTextTokenCount"`
	Results    []titanResult `json:"results"`
}

type titanResult struct {
	Count  int64  `json:"tokenCount"`
	Text   string `json:"outputText"`
	Reason string `json:"completionReason"`
}

type titanChunk struct {
	Index      int     `json:"index"`
	InputCount *int64  `json:"inputTextTokenCount"`
	Count      *int64  `json:"totalOutputTextTokenCount"`
	Text       string  `json:"outputText"`
	Reason     *string `json:"completionReason"`
}

func (titan) decode(body []byte) (*model.Request, *model.Error) {
	var s titanRequest
	if err := object.Parse(body, &s); err != nil {
		return nil, err
	}
	if s.Input == nil {
		return nil, requiredKey("inputText").(*model.Error)
	}
	req := &model.Request{Extra: keep(s.Extra)}
	if c := s.Config; c != nil {
		req.MaxTokens, req.Stop, req.Temperature, req.TopP = c.MaxTokens, c.Stop, c.Temperature, c.TopP
	}
	if req.Messages = parseTitan(*s.Input); req.Messages == nil {
		req.Messages = userTurn(*s.Input)
	}
	return req, nil
}

func (titan) encode(req *model.Request, l *lost) (any, *model.Error) {
	l.major(req.TopK != nil, "top_k", "Titan's native body takes no top_k.")
	input := renderTitan(plain(req.Messages, l, nil, noImages))
	s := titanRequest{Input: &input, Extra: extraOf(req)}
	if req.MaxTokens != nil || req.Temperature != nil || req.TopP != nil || len(req.Stop) > 0 {
		s.Config = &titanConfig{MaxTokens: req.MaxTokens, Stop: req.Stop, Temperature: req.Temperature, TopP: req.TopP}
	}
	return s, nil
}

func (titan) write(s said) any {
	if !s.stream {
		a := titanAnswer{Results: []titanResult{{Text: s.text, Reason: titanReason(s.stop)}}}
		if s.usage != nil {
			a.InputCount, a.Results[0].Count = s.usage.InputTotal(), s.usage.Output
		}
		return a
	}
	c := titanChunk{Text: s.text}
	if s.stop != "" {
		reason := titanReason(s.stop)
		c.Reason = &reason
	}
	if s.usage != nil && !s.usage.Absent {
		in := s.usage.InputTotal()
		c.InputCount, c.Count = &in, &s.usage.Output
	}
	return c
}

func (titan) read(native []byte) (said, *model.Error) {
	var a struct {
		titanChunk
		Results []titanResult `json:"results"`
	}
	if err := object.ParseAnswer(native, &a); err != nil {
		return said{}, err
	}
	if len(a.Results) > 0 {
		r := a.Results[0]
		return said{
			text: r.Text, stop: fromTitanReason(r.Reason), usage: &model.Usage{Input: orZero(a.InputCount), Output: r.Count},
		}, nil
	}
	s := said{text: a.Text}
	if a.Reason != nil {
		s.stop = fromTitanReason(*a.Reason)
	}
	if a.InputCount != nil || a.Count != nil {
		s.usage = &model.Usage{Input: orZero(a.InputCount), Output: orZero(a.Count)}
	}
	return s, nil
}

func titanReason(r model.StopReason) string {
	switch r {
	case model.StopMaxTokens, model.StopContextWindow:
		return "LENGTH"
	case model.StopSequence:
		return "STOP_CRITERIA_MET"
	case model.StopContentFilter, model.StopGuardrail, model.StopRefusal:
		return "CONTENT_FILTERED"
	}
	return "FINISHED"
}

func fromTitanReason(s string) model.StopReason {
	switch s {
	case "LENGTH":
		return model.StopMaxTokens
	case "STOP_CRITERIA_MET":
		return model.StopSequence
	case "CONTENT_FILTERED":
		return model.StopContentFilter
	}
	return model.StopEnd
}
