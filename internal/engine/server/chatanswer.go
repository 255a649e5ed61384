package server

import (
	"net/http"
	"strings"

	"github.com/craton-ai/craton/internal/engine/chat"
	"github.com/go-json-experiment/json/jsontext"
)

// chatAnswer is OpenAI's chat completion object, and with Delta instead of
// Message its chunk.
type chatAnswer struct {
	ID      string         `json:"id"`
	Object  string         `json:"object"`
	Created int64          `json:"created"`
	Model   string         `json:"model"`
	Choices []chatChoice   `json:"choices"`
	Usage   jsontext.Value `json:"usage,omitzero"`
}

type chatChoice struct {
	Index        int           `json:"index"`
	Message      *chatOutput   `json:"message,omitzero"`
	Delta        *chatOutput   `json:"delta,omitzero"`
	Logprobs     *chatLogprobs `json:"logprobs"`
	FinishReason *string       `json:"finish_reason"`
}

type chatOutput struct {
	Role      string         `json:"role,omitzero"`
	Content   jsontext.Value `json:"content,omitzero"`
	Reasoning string         `json:"reasoning_content,omitzero"`
	ToolCalls []chatCall     `json:"tool_calls,omitzero"`
	Refusal   jsontext.Value `json:"refusal,omitzero"`
}

type chatCall struct {
	Index    *int         `json:"index,omitzero"`
	ID       string       `json:"id,omitzero"`
	Type     string       `json:"type,omitzero"`
	Function callFunction `json:"function"`
}

type callFunction struct {
	Name      string `json:"name,omitzero"`
	Arguments string `json:"arguments"`
}

type chatLogprobs struct {
	Content []logprobEntry `json:"content"`
	Refusal jsontext.Value `json:"refusal"`
}

type logprobEntry struct {
	Token   string         `json:"token"`
	Logprob float64        `json:"logprob"`
	Bytes   []int          `json:"bytes"`
	Top     []logprobEntry `json:"top_logprobs,omitzero"`
}

var null = jsontext.Value("null")

func (a *api) chat(w http.ResponseWriter, r *http.Request) error {
	var q chatRequest
	if err := read(r, &q); err != nil {
		return err
	}
	e, err := a.findText(q.Model)
	if err != nil {
		return err
	}
	p, err := a.planChat(e, &q)
	if err != nil {
		return err
	}
	g, err := e.start(r.Context(), p)
	if err != nil {
		return err
	}
	answer := chatAnswer{
		ID: "chatcmpl-" + a.options.NewID(), Object: "chat.completion", Created: a.options.Now().Unix(), Model: e.spec.Name,
	}
	if q.Stream {
		answer.Object = "chat.completion.chunk"
		return a.streamChat(w, r, g, answer, q.wantsUsage())
	}
	return a.collectChat(w, r, g, answer)
}

// collectChat answers in one piece.
func (a *api) collectChat(w http.ResponseWriter, r *http.Request, g *generation, answer chatAnswer) error {
	outputs := make([]*chatOutput, len(g.choices))
	texts := make([]strings.Builder, len(g.choices))
	answer.Choices = make([]chatChoice, len(g.choices))
	for i := range outputs {
		outputs[i] = &chatOutput{Role: chat.RoleAssistant, Refusal: null}
		answer.Choices[i] = chatChoice{Index: i, Message: outputs[i]}
	}
	err := g.each(r.Context(), func(p part) error {
		i := p.choice.index
		for _, event := range p.events {
			a.collect(outputs[i], &texts[i], event)
		}
		if entries := g.logprobs(p.steps); entries != nil {
			if answer.Choices[i].Logprobs == nil {
				answer.Choices[i].Logprobs = &chatLogprobs{Refusal: null}
			}
			answer.Choices[i].Logprobs.Content = append(answer.Choices[i].Logprobs.Content, entries...)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, c := range g.choices {
		answer.Choices[i].FinishReason = c.finishReason()
		outputs[i].Content = encode(texts[i].String())
		if texts[i].Len() == 0 && len(outputs[i].ToolCalls) > 0 {
			outputs[i].Content = null
		}
	}
	answer.Usage = encode(g.usage())
	return reply(w, answer)
}

func (a *api) collect(out *chatOutput, text *strings.Builder, event chat.Event) {
	switch event.Kind {
	case chat.EventText:
		text.WriteString(event.Text)
	case chat.EventReasoning:
		out.Reasoning += event.Text
	case chat.EventCall:
		out.ToolCalls = append(out.ToolCalls, chatCall{ID: "call_" + a.options.NewID(), Type: "function", Function: callFunction{Name: event.Name}})
	case chat.EventArguments:
		out.ToolCalls[event.Index].Function.Arguments += event.Text
	}
}

// finishReason is OpenAI's name for how a choice ended.
func (c *choiceState) finishReason() *string {
	reason := c.finish
	if reason == finishStop && c.parser.Calls() > 0 {
		reason = "tool_calls"
	}
	return &reason
}

// streamChat answers as server-sent events, beginning with the first token, so
// that errors before it still have their status.
func (a *api) streamChat(w http.ResponseWriter, r *http.Request, g *generation, answer chatAnswer, withUsage bool) error {
	out := newEventStream(w)
	if withUsage {
		answer.Usage = null
	}
	send := func(c chatChoice) {
		answer.Choices = []chatChoice{c}
		out.send(encode(answer))
	}
	opened := make([]bool, len(g.choices))
	err := g.each(r.Context(), func(p part) error {
		i := p.choice.index
		if !opened[i] {
			opened[i] = true
			send(chatChoice{Index: i, Delta: &chatOutput{Role: chat.RoleAssistant, Content: encode("")}})
		}
		logprobs := g.logprobs(p.steps)
		for _, event := range p.events {
			c := chatChoice{Index: i, Delta: a.delta(event)}
			if event.Kind == chat.EventText && logprobs != nil {
				c.Logprobs = &chatLogprobs{Content: logprobs, Refusal: null}
				logprobs = nil
			}
			send(c)
		}
		if logprobs != nil {
			send(chatChoice{Index: i, Delta: &chatOutput{Content: encode("")}, Logprobs: &chatLogprobs{Content: logprobs, Refusal: null}})
		}
		if p.choice.finish != "" {
			send(chatChoice{Index: i, Delta: &chatOutput{}, FinishReason: p.choice.finishReason()})
		}
		out.flush()
		return out.err
	})
	if err != nil {
		return out.fail(err)
	}
	if withUsage {
		answer.Choices, answer.Usage = []chatChoice{}, encode(g.usage())
		out.send(encode(answer))
	}
	out.done()
	return nil
}

func (a *api) delta(event chat.Event) *chatOutput {
	switch event.Kind {
	case chat.EventReasoning:
		return &chatOutput{Reasoning: event.Text}
	case chat.EventCall:
		return &chatOutput{ToolCalls: []chatCall{{Index: &event.Index, ID: "call_" + a.options.NewID(), Type: "function",
			Function: callFunction{Name: event.Name}}}}
	case chat.EventArguments:
		return &chatOutput{ToolCalls: []chatCall{{Index: &event.Index, Function: callFunction{Arguments: event.Text}}}}
	default:
		return &chatOutput{Content: encode(event.Text)}
	}
}

// logprobs spells out what the steps carry; nil when they carry none.
func (g *generation) logprobs(steps []step) []logprobEntry {
	var out []logprobEntry
	for _, s := range steps {
		if s.logprobs == nil {
			continue
		}
		e := g.entry(alternative{s.token, s.logprobs.chosen})
		e.Top = []logprobEntry{}
		for _, alt := range s.logprobs.top {
			e.Top = append(e.Top, g.entry(alt))
		}
		out = append(out, e)
	}
	return out
}

func (g *generation) entry(a alternative) logprobEntry {
	piece := g.engine.words.Piece(a.token, true)
	bytes := make([]int, len(piece))
	for i, b := range piece {
		bytes[i] = int(b)
	}
	return logprobEntry{Token: string(piece), Logprob: max(a.logprob, -9999), Bytes: bytes}
}

// countTokens answers how many tokens a chat request's prompt has.
func (a *api) countTokens(w http.ResponseWriter, r *http.Request) error {
	var q chatRequest
	if err := read(r, &q); err != nil {
		return err
	}
	e, err := a.findText(q.Model)
	if err != nil {
		return err
	}
	conversation, err := q.conversation(a.options)
	if err != nil {
		return err
	}
	tokens, _, err := e.render(conversation)
	if err != nil {
		return err
	}
	return reply(w, map[string]int{"input_tokens": len(tokens)})
}
