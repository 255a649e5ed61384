package openai

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/tidwall/gjson"

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
		tool, err := t.hub(i)
		if err != nil {
			return nil, err
		}
		out = append(out, tool)
	}
	for i := range functions {
		if where, err := functions[i].check(); err != nil {
			return nil, functionError(fmt.Sprintf("functions.%d%s", i, where), err)
		}
		out = append(out, functions[i].hub())
	}
	return out, nil
}

func (t *wireTool) hub(i int) (model.Tool, error) {
	var w struct {
		Type     string        `json:"type"`
		Function *wireFunction `json:"function"`
		Custom   *wireCustom   `json:"custom"`
	}
	err := json.Unmarshal(t.raw, &w)
	switch kind := gjson.GetBytes(t.raw, "type"); {
	case kind.Type == gjson.String && kind.Str != "function" && kind.Str != "custom" && kind.Str != "":
		return model.Tool{Opaque: &model.Opaque{Dialect: model.DialectOpenAIChat, Raw: t.raw}}, nil
	case err != nil:
		return model.Tool{}, requestError(fmt.Sprintf("tools.%d", i), err)
	}
	switch {
	case w.Type == "":
		return model.Tool{}, missing(fmt.Sprintf("tools.%d.type", i))
	case w.Type == "function" && w.Function != nil:
		if where, err := w.Function.check(); err != nil {
			return model.Tool{}, functionError(fmt.Sprintf("tools.%d.function%s", i, where), err)
		}
		return w.Function.hub(), nil
	case w.Type == "custom" && w.Custom != nil:
		if w.Custom.Name == "" {
			return model.Tool{}, missing(fmt.Sprintf("tools.%d.custom.name", i))
		}
		return model.Tool{Name: w.Custom.Name, Description: w.Custom.Description, Custom: true, Format: notNull(w.Custom.Format)}, nil
	}
	return model.Tool{}, missing(fmt.Sprintf("tools.%d.%s", i, w.Type))
}

var errMissing = errors.New("missing")

// check says which member is wrong, and why.
func (f *wireFunction) check() (where string, err error) {
	if f.Name == "" {
		return ".name", errMissing
	}
	if k := f.Parameters.Kind(); len(f.Parameters) > 0 && k != '{' && k != 'n' {
		return ".parameters", wrongType(k, "an object")
	}
	return "", nil
}

func (f *wireFunction) hub() model.Tool {
	return model.Tool{Name: f.Name, Description: f.Description, Schema: notNull(f.Parameters), Strict: f.Strict}
}

// functionError words what check found at path.
func functionError(path string, err error) error {
	if errors.Is(err, errMissing) {
		return missing(path)
	}
	return requestError(path, err)
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
