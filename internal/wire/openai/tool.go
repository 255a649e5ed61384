package openai

import (
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/model"
)

// wireFunction is a function's definition, in tools or in the older functions.
type wireFunction struct {
	Name        string         `json:"name"`
	Description string         `json:"description"`
	Parameters  jsontext.Value `json:"parameters"`
	Strict      *bool          `json:"strict"`
}

type wireCustom struct {
	Name        string         `json:"name"`
	Description string         `json:"description"`
	Format      jsontext.Value `json:"format"`
}

// wireTool keeps the tool's own text, for types the hub does not model.
type wireTool struct{ raw jsontext.Value }

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (t *wireTool) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	if k := d.PeekKind(); k != '{' && k != jsontext.KindInvalid {
		return wrongType(k, "an object")
	}
	raw, err := d.ReadValue()
	t.raw = raw.Clone()
	return err
}

func decodeTools(tools []wireTool, functions []wireFunction) ([]model.Tool, error) {
	if len(tools)+len(functions) == 0 {
		return nil, nil
	}
	out := make([]model.Tool, 0, len(tools)+len(functions))
	for i, t := range tools {
		tool, err := decodeTool(t.raw, fmt.Sprintf("tools.%d", i))
		if err != nil {
			return nil, err
		}
		out = append(out, tool)
	}
	for i, f := range functions {
		tool, err := f.hub(fmt.Sprintf("functions.%d", i))
		if err != nil {
			return nil, err
		}
		out = append(out, tool)
	}
	return out, nil
}

func decodeTool(raw jsontext.Value, path string) (model.Tool, error) {
	var t struct {
		Type     string         `json:"type"`
		Function jsontext.Value `json:"function"`
		Custom   jsontext.Value `json:"custom"`
	}
	if err := json.Unmarshal(raw, &t); err != nil {
		return model.Tool{}, requestError(path, err)
	}
	switch t.Type {
	case "":
		return model.Tool{}, missing(path + ".type")
	case "function":
		var f wireFunction
		if err := unmarshalAt(t.Function, &f, path+".function"); err != nil {
			return model.Tool{}, err
		}
		return f.hub(path + ".function")
	case "custom":
		var c wireCustom
		if err := unmarshalAt(t.Custom, &c, path+".custom"); err != nil {
			return model.Tool{}, err
		}
		if c.Name == "" {
			return model.Tool{}, missing(path + ".custom.name")
		}
		return model.Tool{Name: c.Name, Description: c.Description, Custom: true, Format: notNull(c.Format)}, nil
	}
	return model.Tool{Opaque: &model.Opaque{Dialect: model.DialectOpenAIChat, Raw: raw}}, nil
}

func (f *wireFunction) hub(path string) (model.Tool, error) {
	if f.Name == "" {
		return model.Tool{}, missing(path + ".name")
	}
	if k := f.Parameters.Kind(); len(f.Parameters) > 0 && k != '{' && k != 'n' {
		return model.Tool{}, invalid(path+".parameters", "invalid_type", "Invalid type for '%s': expected an object, but got %s instead.",
			bracketed(path+".parameters"), kindName(k, f.Parameters))
	}
	return model.Tool{Name: f.Name, Description: f.Description, Schema: notNull(f.Parameters), Strict: f.Strict}, nil
}

// unmarshalAt decodes a required object at path.
func unmarshalAt(raw jsontext.Value, into any, path string) error {
	if len(raw) == 0 || raw.Kind() == 'n' {
		return missing(path)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return requestError(path, err)
	}
	return nil
}

// wireToolChoice is tool_choice or the older function_call: a word or an object.
type wireToolChoice struct {
	set  bool
	word string
	obj  jsontext.Value
}

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (c *wireToolChoice) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	switch k := d.PeekKind(); k {
	case 'n':
		return d.SkipValue()
	case '"':
		c.set = true
		return json.UnmarshalDecode(d, &c.word)
	case '{':
		c.set = true
		return json.UnmarshalDecode(d, &c.obj)
	default:
		return wrongType(k, "one of a string or an object")
	}
}

func (w *wireRequest) toolChoice() (model.ToolChoice, error) {
	if w.ToolChoice.set {
		return w.ToolChoice.hub("tool_choice")
	}
	if !w.FunctionCall.set {
		return model.ToolChoice{}, nil
	}
	if w.FunctionCall.obj == nil {
		return wordChoice(w.FunctionCall.word, "function_call", "none", "auto")
	}
	var f struct {
		Name string `json:"name"`
	}
	if err := unmarshalAt(w.FunctionCall.obj, &f, "function_call"); err != nil {
		return model.ToolChoice{}, err
	}
	return named(f.Name, "function_call.name")
}

func (c *wireToolChoice) hub(path string) (model.ToolChoice, error) {
	if c.obj == nil {
		return wordChoice(c.word, path, "none", "auto", "required")
	}
	var t struct {
		Type     string       `json:"type"`
		Function wireToolName `json:"function"`
		Custom   wireToolName `json:"custom"`
		Allowed  *wireAllowed `json:"allowed_tools"`
	}
	if err := unmarshalAt(c.obj, &t, path); err != nil {
		return model.ToolChoice{}, err
	}
	switch t.Type {
	case "function":
		return named(t.Function.Name, path+".function.name")
	case "custom":
		return named(t.Custom.Name, path+".custom.name")
	case "allowed_tools":
		return t.Allowed.hub(path + ".allowed_tools")
	case "":
		return model.ToolChoice{}, missing(path + ".type")
	}
	return model.ToolChoice{}, invalidValue(path+".type", t.Type, "allowed_tools", "custom", "function")
}

type wireToolName struct {
	Name string `json:"name"`
}

type wireAllowed struct {
	Mode  string `json:"mode"`
	Tools []struct {
		Type     string       `json:"type"`
		Function wireToolName `json:"function"`
		Custom   wireToolName `json:"custom"`
		Name     string       `json:"name"`
	} `json:"tools"`
}

func (a *wireAllowed) hub(path string) (model.ToolChoice, error) {
	if a == nil {
		return model.ToolChoice{}, missing(path)
	}
	choice, err := wordChoice(a.Mode, path+".mode", "auto", "required")
	if err != nil {
		return choice, err
	}
	if len(a.Tools) == 0 {
		return choice, missing(path + ".tools")
	}
	for i, t := range a.Tools {
		name := t.Function.Name + t.Custom.Name
		if name == "" {
			name = t.Name
		}
		if name == "" {
			return choice, missing(fmt.Sprintf("%s.tools.%d.function.name", path, i))
		}
		choice.Allowed = append(choice.Allowed, name)
	}
	return choice, nil
}

func named(name, path string) (model.ToolChoice, error) {
	if name == "" {
		return model.ToolChoice{}, missing(path)
	}
	return model.ToolChoice{Mode: model.ChoiceNamed, Name: name}, nil
}

func wordChoice(word, path string, allowed ...string) (model.ToolChoice, error) {
	for _, a := range allowed {
		if word == a {
			return model.ToolChoice{Mode: model.ChoiceMode(word)}, nil
		}
	}
	return model.ToolChoice{}, invalidValue(path, word, allowed...)
}
