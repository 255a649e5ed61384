package chat

import (
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// adapt rewrites a conversation into what the template can express: tools it
// does not know become part of the system message, and a system message it does
// not take becomes part of the first user message.
func (t *Template) adapt(c Conversation) Conversation {
	if !t.tools {
		c = withoutTools(c)
	} else if t.format.List {
		c.Messages = shortIDs(c.Messages)
	}
	return t.adaptSystem(c)
}

func (t *Template) adaptSystem(c Conversation) Conversation {
	if !t.system {
		c.Messages = withoutSystem(c.Messages)
	}
	return c
}

// withoutTools describes tools, calls and results in plain messages.
func withoutTools(c Conversation) Conversation {
	messages := make([]Message, 0, len(c.Messages)+1)
	if len(c.Tools) > 0 {
		messages = append(messages, Message{Role: RoleSystem, Content: toolPreamble(c.Tools)})
	}
	for _, m := range c.Messages {
		switch {
		case m.Role == RoleSystem && len(messages) == 1 && len(c.Tools) > 0:
			messages[0].Content = m.Content + "\n\n" + messages[0].Content
		case m.Role == RoleAssistant && len(m.Calls) > 0:
			m.Content = strings.TrimSpace(m.Content + "\n" + callText(m.Calls))
			m.Calls = nil
			messages = append(messages, m)
		case m.Role == RoleTool:
			text := "<tool_response>\n" + m.Content + "\n</tool_response>"
			if last := len(messages) - 1; last >= 0 && messages[last].Role == RoleUser && strings.HasPrefix(messages[last].Content, "<tool_response>") {
				messages[last].Content += "\n" + text
			} else {
				messages = append(messages, Message{Role: RoleUser, Content: text})
			}
		default:
			messages = append(messages, m)
		}
	}
	c.Messages, c.Tools = messages, nil
	return c
}

func toolPreamble(tools []Tool) string {
	var b strings.Builder
	b.WriteString("You can call these tools. Each line describes one, with the JSON Schema of its arguments:\n")
	for _, tool := range tools {
		raw := toolJSON(tool)
		if err := raw.Format(jsontext.SpaceAfterColon(true), jsontext.SpaceAfterComma(true)); err == nil {
			b.Write(raw)
			b.WriteByte('\n')
		}
	}
	b.WriteString("To call a tool, answer with nothing but this, once per call:\n")
	b.WriteString("<tool_call>\n{\"name\": \"the tool's name\", \"arguments\": {the arguments}}\n</tool_call>\n")
	b.WriteString("The result comes back between <tool_response> and </tool_response>. If no tool is needed, answer in plain text.")
	return b.String()
}

func callText(calls []ToolCall) string {
	parts := make([]string, len(calls))
	for i, c := range calls {
		name, err := json.Marshal(c.Name)
		if err != nil {
			name = []byte(`""`)
		}
		arguments := c.Arguments
		if arguments == "" {
			arguments = "{}"
		}
		parts[i] = "<tool_call>\n{\"name\": " + string(name) + ", \"arguments\": " + arguments + "}\n</tool_call>"
	}
	return strings.Join(parts, "\n")
}

func withoutSystem(messages []Message) []Message {
	out := slices.Clone(messages)
	var system []string
	out = slices.DeleteFunc(out, func(m Message) bool {
		if m.Role == RoleSystem {
			system = append(system, m.Content)
		}
		return m.Role == RoleSystem
	})
	if len(system) == 0 {
		return out
	}
	text := strings.Join(system, "\n\n")
	for i := range out {
		if out[i].Role == RoleUser {
			out[i].Content = text + "\n\n" + out[i].Content
			return out
		}
	}
	return append([]Message{{Role: RoleUser, Content: text}}, out...)
}

// shortIDs gives calls the ids of nine letters and digits that templates of the
// listed format insist on.
func shortIDs(messages []Message) []Message {
	out := slices.Clone(messages)
	for i := range out {
		if out[i].CallID != "" {
			out[i].CallID = shortID(out[i].CallID)
		}
		out[i].Calls = slices.Clone(out[i].Calls)
		for k := range out[i].Calls {
			out[i].Calls[k].ID = shortID(out[i].Calls[k].ID)
		}
	}
	return out
}

func shortID(id string) string {
	const length = 9
	h := fnv.New64a()
	_, _ = h.Write([]byte(id))
	text := strconv.FormatUint(h.Sum64(), 36)
	return strings.Repeat("0", max(0, length-len(text))) + text[max(0, len(text)-length):]
}
