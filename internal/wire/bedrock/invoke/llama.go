package invoke

import (
	"strings"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/bedrock/object"
	"github.com/go-json-experiment/json/jsontext"
)

// llama is Meta's prompt body. Prompts in the templates of Llama 2, 3 and 4
// are understood; Llama 3's is written.
type llama struct{}

type llamaRequest struct {
	Prompt      *string        `json:"prompt"`
	MaxGenLen   *int           `json:"max_gen_len,omitzero"`
	Temperature *float64       `json:"temperature,omitzero"`
	TopP        *float64       `json:"top_p,omitzero"`
	Images      [][]byte       `json:"images,omitzero"`
	Extra       jsontext.Value `json:",embed"`
}

type llamaAnswer struct {
	Generation  string  `json:"generation"`
	PromptCount *int64  `json:"prompt_token_count"`
	Count       *int64  `json:"generation_token_count"`
	Stop        *string `json:"stop_reason"`
}

func (llama) decode(body []byte) (*model.Request, *model.Error) {
	var s llamaRequest
	if err := object.Parse(body, &s); err != nil {
		return nil, err
	}
	if s.Prompt == nil {
		return nil, requiredKey("prompt").(*model.Error)
	}
	req := &model.Request{MaxTokens: s.MaxGenLen, Temperature: s.Temperature, TopP: s.TopP, Extra: keep(s.Extra)}
	for _, parse := range []func(string) []model.Message{llama3.parse, llama4.parse, parseInst, userTurn} {
		if req.Messages = parse(*s.Prompt); req.Messages != nil {
			break
		}
	}
	if len(s.Images) > 0 {
		addImages(req.Messages, s.Images)
	}
	return req, nil
}

// imageToken marks a picture's place in Llama 3.2's template.
const imageToken = "<|image|>"

// addImages puts pictures before the text of the last user message.
func addImages(msgs []model.Message, images [][]byte) {
	for i := len(msgs) - 1; i >= 0; i-- {
		if msgs[i].Role != model.RoleUser {
			continue
		}
		var parts []model.Part
		for _, data := range images {
			parts = append(parts, &model.Image{Source: model.Source{MIME: imageType(data), Data: data}})
		}
		text := strings.TrimSpace(strings.ReplaceAll(msgs[i].Text(), imageToken, ""))
		msgs[i].Parts = append(parts, &model.Text{Text: text})
		return
	}
}

// imageType names the media type of a picture by its first bytes; "" when unknown.
func imageType(data []byte) string {
	for prefix, mime := range map[string]string{
		"\x89PNG\r\n\x1a\n": "image/png", "\xff\xd8\xff": "image/jpeg", "GIF8": "image/gif", "RIFF": "image/webp",
	} {
		if strings.HasPrefix(string(data[:min(len(data), 8)]), prefix) {
			return mime
		}
	}
	return ""
}

func (llama) encode(req *model.Request, l *lost) (any, *model.Error) {
	s := llamaRequest{MaxGenLen: req.MaxTokens, Temperature: req.Temperature, TopP: req.TopP, Extra: extraOf(req)}
	l.major(len(req.Stop) > 0, "stop", "Llama's native body takes no stop sequences.")
	l.major(req.TopK != nil, "top_k", "Llama's native body takes no top_k.")
	tokens := []string{llama3.begin, llama3.open, llama3.shut, llama3.end, imageToken}
	turns := plain(req.Messages, l, tokens, func(p *model.Image) bool {
		s.Images = append(s.Images, p.Source.Data)
		return len(p.Source.Data) > 0
	})
	if n := len(turns) - 1; len(s.Images) > 0 && n >= 0 {
		turns[n].text = strings.Repeat(imageToken, len(s.Images)) + turns[n].text
	}
	prompt := llama3.render(turns)
	s.Prompt = &prompt
	return s, nil
}

func (llama) write(s said) any {
	a := llamaAnswer{Generation: s.text}
	if s.stop != "" {
		stop := stopOrLength(s.stop)
		a.Stop = &stop
	}
	if s.usage != nil && !s.usage.Absent {
		in := s.usage.InputTotal()
		a.PromptCount, a.Count = &in, &s.usage.Output
	}
	return a
}

func (llama) read(native []byte) (said, *model.Error) {
	var a llamaAnswer
	if err := object.ParseAnswer(native, &a); err != nil {
		return said{}, err
	}
	s := said{text: a.Generation}
	if a.Stop != nil {
		s.stop = fromStopOrLength(*a.Stop)
	}
	if a.PromptCount != nil || a.Count != nil {
		s.usage = &model.Usage{Input: orZero(a.PromptCount), Output: orZero(a.Count)}
	}
	return s, nil
}

func orZero(p *int64) int64 {
	if p == nil {
		return 0
	}
	return *p
}

// stopOrLength is the vocabulary of Llama and Mistral.
func stopOrLength(r model.StopReason) string {
	if r == model.StopMaxTokens || r == model.StopContextWindow {
		return "length"
	}
	return "stop"
}

func fromStopOrLength(s string) model.StopReason {
	if s == "length" {
		return model.StopMaxTokens
	}
	return model.StopEnd
}
