package script

import (
	"encoding/base64"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/craton-ai/craton/internal/model"
)

// answer is the parts of one answer, before limits are applied.
type answer struct {
	parts []model.Part
	stop  model.StopReason
}

// compose makes the answer of a rule.
func (c *compiled) compose(v *view, groups map[string]string, card *model.Card) (*answer, error) {
	a := &answer{stop: model.StopEnd}
	if thinks(v.req) && card.Can(model.CanReason) {
		a.parts = append(a.parts, reasoning(v.expand(otherwise(c.Then.Reasoning, defaultThought), groups)))
	}
	text := v.expand(c.Then.Text, groups)
	if c.Then.JSON {
		value, err := structured(v)
		if err != nil {
			return nil, err
		}
		text = value
	}
	if text != "" {
		a.parts = append(a.parts, &model.Text{Text: text})
	}
	for _, call := range c.Then.Calls {
		calls, err := call.make(v, groups)
		if err != nil {
			return nil, err
		}
		a.parts = append(a.parts, calls...)
	}
	number := 0
	for _, p := range a.parts {
		if t, ok := p.(*model.ToolCall); ok {
			number++
			t.ID = fmt.Sprintf("call_%016x%02d", v.digest, number)
			a.stop = model.StopToolUse
		}
	}
	if c.Then.Stop != "" {
		a.stop = model.StopReason(c.Then.Stop)
	}
	return a, nil
}

// defaultThought is the thinking of a rule that does not give one.
const defaultThought = "I was asked: ${prompt}"

// structured makes the JSON value the request asks for.
func structured(v *view) (string, error) {
	if v.req.Format == nil || v.req.Format.Kind != model.FormatSchema {
		return `{"answer": ` + quote(v.prompt) + `}`, nil
	}
	value, err := newFiller(v.prompt, nil).fill(v.req.Format.Schema)
	if err != nil {
		return "", model.Errorf(model.Invalid, "response_format", "The answer's schema cannot be used: %v.", err)
	}
	return value, nil
}

// make returns the calls of one Call: none when no tool fits.
func (c Call) make(v *view, groups map[string]string) ([]model.Part, error) {
	tools := v.relevant()
	if name := v.expand(c.Tool, groups); name != "" {
		tools = nil
		if t := v.named(name); t != nil {
			tools = []*model.Tool{t}
		}
	}
	fan := c.Fan && (v.req.ParallelTools == nil || *v.req.ParallelTools)
	if !fan && len(tools) > 1 {
		tools = tools[:1]
	}
	about := [][]string{nil}
	if list := v.fanOut(); fan && len(list) > 1 {
		about = nil
		for _, s := range list {
			about = append(about, []string{s})
		}
	}
	var out []model.Part
	for _, tool := range tools {
		for _, subject := range about {
			call, err := c.call(v, tool, subject, groups)
			if err != nil {
				return nil, err
			}
			out = append(out, call)
		}
	}
	return out, nil
}

func (c Call) call(v *view, tool *model.Tool, subject []string, groups map[string]string) (*model.ToolCall, error) {
	args := v.expand(c.Arguments, groups)
	if args == "" {
		var err error
		if args, err = arguments(tool, v.prompt, subject); err != nil {
			return nil, err
		}
	}
	return &model.ToolCall{Name: tool.Name, Arguments: args, Custom: tool.Custom}, nil
}

// fanOut lists the subjects of the prompt's list; words of tools' names are none.
func (v *view) fanOut() []string {
	return slices.DeleteFunc(fanOut(v.prompt), func(s string) bool {
		return slices.ContainsFunc(v.tools, func(t model.Tool) bool { return slices.Contains(nameWords(t.Name), strings.ToLower(s)) })
	})
}

func arguments(tool *model.Tool, prompt string, subject []string) (string, error) {
	if tool.Custom {
		if subject != nil {
			return subject[0], nil
		}
		return prompt, nil
	}
	if tool.Schema == nil {
		return "{}", nil
	}
	args, err := newFiller(prompt, subject).fill(tool.Schema)
	if err != nil {
		return "", model.Errorf(model.Invalid, "tools."+tool.Name, "The tool's schema cannot be used: %v.", err)
	}
	return args, nil
}

// signaturePrefix begins the signatures of this model's thinking.
const signaturePrefix = "script:"

// reasoning returns thinking that carries its proof, so that clients that drop
// or change it between turns are caught.
func reasoning(text string) *model.Reasoning {
	return &model.Reasoning{Text: text, Signature: sign(text)}
}

func sign(text string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(h.Sum([]byte(signaturePrefix)))
}

// checkThinking refuses thinking of this model that came back changed.
func checkThinking(req *model.Request) error {
	for i, m := range req.Messages {
		for j, p := range m.Parts {
			r, ok := p.(*model.Reasoning)
			if !ok || r.Signature == "" {
				continue
			}
			raw, err := base64.StdEncoding.DecodeString(r.Signature)
			if err == nil && strings.HasPrefix(string(raw), signaturePrefix) && r.Signature != sign(r.Text) {
				return model.Errorf(model.Invalid, fmt.Sprintf("messages.%d.content.%d", i, j),
					"The thinking was changed: its signature does not match.").WithHint("Return thinking exactly as it was received.")
			}
		}
	}
	return nil
}
