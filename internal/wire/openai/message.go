package openai

import (
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/tidwall/gjson"

	"github.com/craton-ai/craton/internal/model"
)

// wireMessage is a message of a request or, decoded leniently, of an answer.
// Members the hub has no place for gather in Extra.
type wireMessage struct {
	Role         string            `json:"role"`
	Name         string            `json:"name"`
	Content      wireContent       `json:"content"`
	Refusal      string            `json:"refusal"`
	Reasoning    looseText         `json:"reasoning"`
	ReasoningC   looseText         `json:"reasoning_content"`
	ToolCalls    []wireToolCall    `json:"tool_calls"`
	FunctionCall *wireFunctionCall `json:"function_call"`
	ToolCallID   string            `json:"tool_call_id"`
	Audio        *wireAudio        `json:"audio"`
	Annotations  []wireAnnotation  `json:"annotations"`
	Extra        jsontext.Value    `json:",embed"`
}

type wireToolCall struct {
	Index    *int              `json:"index"`
	ID       string            `json:"id"`
	Type     string            `json:"type"`
	Function *wireFunctionCall `json:"function"`
	Custom   *wireCustomCall   `json:"custom"`
}

type wireFunctionCall struct {
	Name      string    `json:"name"`
	Arguments looseText `json:"arguments"`
}

type wireCustomCall struct {
	Name  string    `json:"name"`
	Input looseText `json:"input"`
}

type wireAudio struct {
	ID         string `json:"id"`
	Data       string `json:"data"`
	ExpiresAt  int64  `json:"expires_at"`
	Transcript string `json:"transcript"`
}

type wireAnnotation struct {
	Type string           `json:"type"`
	URL  *wireURLCitation `json:"url_citation"`
}

type wireURLCitation struct {
	Start int    `json:"start_index"`
	End   int    `json:"end_index"`
	Title string `json:"title"`
	URL   string `json:"url"`
}

// looseText is a string; a server that sends an object where the contract has
// a string of JSON is understood too.
type looseText string

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (t *looseText) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	switch d.PeekKind() {
	case 'n':
		return d.SkipValue()
	case '"':
		return json.UnmarshalDecode(d, (*string)(t))
	}
	raw, err := d.ReadValue()
	*t = looseText(compact(raw))
	return err
}

// wireContent is a message's content: null, a string or an array of parts.
type wireContent struct {
	kind  jsontext.Kind // 0 when absent
	text  string
	parts []wirePart
}

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (c *wireContent) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	switch c.kind = d.PeekKind(); c.kind {
	case 'n':
		return d.SkipValue()
	case '"':
		return json.UnmarshalDecode(d, &c.text)
	case '[':
		return json.UnmarshalDecode(d, &c.parts)
	default:
		return wrongType(c.kind, "one of a string or an array of objects")
	}
}

var roles = []string{"system", "assistant", "user", "function", "tool", "developer"}

// conversation decodes messages one after another; body is the whole request,
// for the raw text of parts the hub does not know.
type conversation struct {
	body []byte
	out  []model.Message
	// pending are legacy function calls without an answer, by name.
	pending map[string]string
}

func decodeMessages(messages []wireMessage, body []byte) ([]model.Message, error) {
	c := conversation{body: body, out: make([]model.Message, 0, len(messages))}
	for i := range messages {
		if err := c.add(&messages[i], i); err != nil {
			return nil, err
		}
	}
	return c.out, nil
}

func (c *conversation) add(m *wireMessage, i int) error {
	path := messagePath(i)
	switch m.Role {
	case "system", "developer", "user":
		parts, err := m.Content.hub(path, c.body)
		if err != nil {
			return err
		}
		if m.Content.kind == 0 || m.Content.kind == 'n' {
			return missing(path.join("content"))
		}
		c.out = append(c.out, model.Message{Role: model.Role(m.Role), Name: m.Name, Parts: append(parts, m.opaque()...)})
	case "assistant":
		return c.assistant(m, i)
	case "tool":
		if m.ToolCallID == "" {
			return missing(path.join("tool_call_id"))
		}
		parts, err := m.Content.hub(path, c.body)
		if err != nil {
			return err
		}
		c.result(&model.ToolResult{CallID: m.ToolCallID, Content: parts}, m.opaque())
	case "function":
		if m.Name == "" {
			return missing(path.join("name"))
		}
		parts, err := m.Content.hub(path, c.body)
		if err != nil {
			return err
		}
		id, ok := c.pending[m.Name]
		if !ok {
			id = legacyCallID(i)
		}
		delete(c.pending, m.Name)
		c.result(&model.ToolResult{CallID: id, Content: parts}, m.opaque())
	case "":
		return missing(path.join("role"))
	default:
		return invalidValue(path.join("role"), m.Role, roles...)
	}
	return nil
}

func (c *conversation) assistant(m *wireMessage, i int) error {
	parts, err := m.parts(messagePath(i), c.body)
	if err != nil {
		return err
	}
	if f := m.FunctionCall; f != nil && f.Name != "" {
		id := legacyCallID(i)
		if c.pending == nil {
			c.pending = map[string]string{}
		}
		c.pending[f.Name] = id
		parts = append(parts, &model.ToolCall{ID: id, Name: f.Name, Arguments: string(f.Arguments)})
	}
	c.out = append(c.out, model.Message{Role: model.RoleAssistant, Name: m.Name, Parts: append(parts, m.opaque()...)})
	return nil
}

// legacyCallID names a call of the older function_call form, which has no id.
func legacyCallID(message int) string { return fmt.Sprintf("call_fn_%d", message) }

// result adds a tool result: results that follow each other share one user message.
func (c *conversation) result(r *model.ToolResult, extra []model.Part) {
	for _, p := range r.Content {
		if t, ok := p.(*model.Text); ok && len(r.Content) == 1 && t.Text == "" {
			r.Content = nil
		}
	}
	if n := len(c.out); n > 0 && c.out[n-1].Role == model.RoleUser && onlyResults(c.out[n-1]) {
		c.out[n-1].Parts = append(append(c.out[n-1].Parts, r), extra...)
		return
	}
	c.out = append(c.out, model.Message{Role: model.RoleUser, Parts: append([]model.Part{r}, extra...)})
}

func onlyResults(m model.Message) bool {
	for _, p := range m.Parts {
		if _, ok := p.(*model.ToolResult); !ok && !isMessageMembers(p) {
			return false
		}
	}
	if len(m.Parts) == 0 {
		return false
	}
	_, ok := m.Parts[0].(*model.ToolResult)
	return ok
}

// parts lists an assistant message's parts: thinking, then what it says, then calls.
func (m *wireMessage) parts(path messagePath, body []byte) ([]model.Part, error) {
	var parts []model.Part
	thinking := m.ReasoningC
	if thinking == "" {
		thinking = m.Reasoning
	}
	if thinking != "" {
		parts = append(parts, &model.Reasoning{Text: string(thinking)})
	}
	content, err := m.Content.hub(path, body)
	if err != nil {
		return nil, err
	}
	if len(content) == 1 && m.Content.kind == '"' && m.Content.text == "" {
		content = nil // "" beside calls or audio says nothing
	}
	parts = append(parts, content...)
	if m.Refusal != "" {
		parts = append(parts, &model.Refusal{Text: m.Refusal})
	}
	if m.Audio != nil {
		audio := &model.Audio{ID: m.Audio.ID, Transcript: m.Audio.Transcript, ExpiresAt: m.Audio.ExpiresAt}
		if m.Audio.Data != "" {
			if audio.Source.Data, err = decodeBase64(m.Audio.Data); err != nil {
				return nil, invalid(path.join("audio.data"), "invalid_base64", "Invalid '%s': expected base64.", bracketed(path.join("audio.data")))
			}
		}
		parts = append(parts, audio)
	}
	for i := range m.ToolCalls {
		part, err := m.ToolCalls[i].hub(path, i)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	return parts, nil
}

func (t *wireToolCall) hub(path messagePath, i int) (model.Part, error) {
	switch {
	case t.ID == "":
		return nil, missing(path.join(fmt.Sprintf("tool_calls.%d.id", i)))
	case t.Custom != nil:
		return &model.ToolCall{ID: t.ID, Name: t.Custom.Name, Arguments: string(t.Custom.Input), Custom: true}, nil
	case t.Function != nil:
		return &model.ToolCall{ID: t.ID, Name: t.Function.Name, Arguments: string(t.Function.Arguments)}, nil
	}
	return nil, missing(path.join(fmt.Sprintf("tool_calls.%d.function", i)))
}

// harmless are message members that clients echo from answers and that say
// nothing to a model.
var harmless = map[string]bool{"id": true, "object": true, "type": true, "status": true, "index": true}

// opaque keeps the members of a message the hub has no place for as one part,
// {"message":{...}}: told from a content part by its lack of a type.
func (m *wireMessage) opaque() []model.Part {
	if len(m.Extra) == 0 {
		return nil
	}
	b := builder{b: []byte(`{"message":{`)}
	start := len(b.b)
	eachMember(m.Extra, func(name string, key, value []byte) bool {
		if empty := string(value); harmless[name] || empty == "null" || empty == "[]" || empty == `""` || empty == "{}" {
			return true
		}
		b.comma()
		b.b = append(append(append(b.b, key...), ':'), value...)
		return true
	})
	if len(b.b) == start {
		return nil
	}
	b.b = append(b.b, "}}"...)
	return []model.Part{&model.Opaque{Dialect: model.DialectOpenAIChat, Raw: b.b}}
}

// messagePath is where a message stands: the index among a request's messages,
// or -1-i for the message of an answer's choice i. It is turned into text for
// errors only.
type messagePath int

func (p messagePath) join(member string) string {
	if p < 0 {
		return fmt.Sprintf("choices.%d.message.%s", -1-int(p), member)
	}
	return fmt.Sprintf("messages.%d.%s", int(p), member)
}

// rawPart finds a content part's own text. It is asked for only when a part's
// type is unknown.
func rawPart(body []byte, path messagePath, part int) []byte {
	return []byte(gjson.GetBytes(body, path.join(fmt.Sprintf("content.%d", part))).Raw)
}
