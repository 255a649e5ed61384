package chat

import (
	"errors"
	"maps"
	"reflect"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/nikolalohinski/gonja/v2/exec"
)

// variables are what a template sees in one rendering.
type variables struct {
	values map[string]any
	order  map[uintptr]jsontext.Value
	raised string
}

// orderKey names the table that remembers the source of decoded JSON objects:
// Go maps forget the order of keys, and a prompt should keep the caller's.
const orderKey = "craton_order"

func newVariables(c Conversation, special Special) *variables {
	v := &variables{values: map[string]any{}, order: map[uintptr]jsontext.Value{}}
	maps.Copy(v.values, c.Variables)
	messages := make([]any, len(c.Messages))
	for i, m := range c.Messages {
		messages[i] = v.message(m)
	}
	v.values["messages"] = messages
	v.values["bos_token"], v.values["eos_token"] = special.BOS, special.EOS
	v.values["add_generation_prompt"] = c.Reply
	v.values["tools"] = nil
	if len(c.Tools) > 0 {
		tools := make([]any, len(c.Tools))
		for i, t := range c.Tools {
			tools[i] = v.tool(t)
		}
		v.values["tools"] = tools
	}
	v.values["raise_exception"] = func(message string) (string, error) {
		v.raised = message
		return "", errors.New(message)
	}
	if !c.Now.IsZero() {
		v.values["strftime_now"] = func(layout string) string { return strftime(c.Now, layout) }
		v.values["date_string"] = c.Now.Format("02 Jan 2006")
	}
	v.values[orderKey] = v.order
	return v
}

func (v *variables) message(m Message) map[string]any {
	out := map[string]any{"role": m.Role, "content": m.Content}
	if m.Name != "" {
		out["name"] = m.Name
	}
	if m.Reasoning != "" {
		out["reasoning_content"] = m.Reasoning
	}
	if m.CallID != "" {
		out["tool_call_id"] = m.CallID
	}
	if len(m.Calls) > 0 {
		calls := make([]any, len(m.Calls))
		for i, c := range m.Calls {
			calls[i] = map[string]any{"id": c.ID, "type": "function",
				"function": map[string]any{"name": c.Name, "arguments": v.decode(jsontext.Value(c.Arguments))}}
		}
		out["tool_calls"] = calls
	}
	return out
}

func (v *variables) tool(t Tool) any {
	return v.decode(toolJSON(t))
}

// toolJSON describes a tool the way every template's training data does.
func toolJSON(t Tool) jsontext.Value {
	type function struct {
		Name        string         `json:"name"`
		Description string         `json:"description,omitzero"`
		Parameters  jsontext.Value `json:"parameters"`
	}
	parameters := t.Parameters
	if len(parameters) == 0 {
		parameters = jsontext.Value(`{"type":"object","properties":{}}`)
	}
	out, err := json.Marshal(struct {
		Type     string   `json:"type"`
		Function function `json:"function"`
	}{"function", function{t.Name, t.Description, parameters}})
	if err != nil {
		return jsontext.Value(`{}`)
	}
	return out
}

// decode makes Go values of JSON and remembers the source of every object.
// Text that is not JSON stays a string.
func (v *variables) decode(raw jsontext.Value) any {
	if len(raw) == 0 {
		return map[string]any{}
	}
	switch raw.Kind() {
	case '{':
		var parts map[string]jsontext.Value
		if json.Unmarshal(raw, &parts) != nil {
			return string(raw)
		}
		out := make(map[string]any, len(parts))
		for k, part := range parts {
			out[k] = v.decode(part)
		}
		v.order[reflect.ValueOf(out).Pointer()] = raw
		return out
	case '[':
		var parts []jsontext.Value
		if json.Unmarshal(raw, &parts) != nil {
			return string(raw)
		}
		out := make([]any, len(parts))
		for i, part := range parts {
			out[i] = v.decode(part)
		}
		return out
	default:
		var out any
		if json.Unmarshal(raw, &out) != nil {
			return string(raw)
		}
		if f, ok := out.(float64); ok && f == float64(int(f)) {
			return int(f)
		}
		return out
	}
}

func orderOf(e *exec.Evaluator) map[uintptr]jsontext.Value {
	table, _ := e.Environment.Context.Get(orderKey)
	order, _ := table.(map[uintptr]jsontext.Value)
	return order
}

// strftime formats the few directives that chat templates use.
func strftime(now time.Time, layout string) string {
	directives := map[byte]string{'Y': "2006", 'm': "01", 'd': "02", 'b': "Jan", 'B': "January", 'H': "15",
		'M': "04", 'S': "05", 'y': "06", 'A': "Monday", 'a': "Mon", 'I': "03", 'p': "PM", 'e': "_2", 'j': "002", 'Z': "MST"}
	var out []byte
	for i := 0; i < len(layout); i++ {
		if layout[i] != '%' || i+1 == len(layout) {
			out = append(out, layout[i])
			continue
		}
		i++
		if form, ok := directives[layout[i]]; ok {
			out = now.AppendFormat(out, form)
		} else if layout[i] == '%' {
			out = append(out, '%')
		}
	}
	return string(out)
}
