package responses

import (
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/raw"
)

func (d *requestDecoder) tools(v raw.Value) error {
	if v.IsNull() {
		return nil
	}
	return v.Items(func(_ int, t raw.Value) error {
		tool, err := decodeTool(t)
		d.req.Tools = append(d.req.Tools, tool)
		return err
	})
}

// decodeTool reads a tool. Those the vendor runs (web search, file search,
// MCP, code interpreter, shell, …) are kept verbatim under their type's name.
func decodeTool(v raw.Value) (model.Tool, error) {
	var tool model.Tool
	var kind string
	if !v.IsObject() {
		return tool, v.WrongType("an object")
	}
	if err := need(v, "type", &kind); err != nil {
		return tool, err
	}
	if kind != "function" && kind != "custom" {
		tool.Name = kind
		tool.Opaque = &model.Opaque{Dialect: dialect, Raw: v.Compact()}
		return tool, nil
	}
	tool.Custom = kind == "custom"
	if err := need(v, "name", &tool.Name); err != nil {
		return tool, err
	}
	var extra raw.Extra
	err := v.Members(func(key string, m raw.Value) error {
		switch {
		case m.IsNull() || key == "type" || key == "name":
		case key == "description":
			return m.String(&tool.Description)
		case key == "parameters" && !tool.Custom:
			if !m.IsObject() {
				return m.WrongType("an object")
			}
			tool.Schema = m.Compact()
		case key == "strict" && !tool.Custom:
			return m.BoolPtr(&tool.Strict)
		case key == "format" && tool.Custom:
			tool.Format = m.Compact()
		default:
			extra.Add(key, m)
		}
		return nil
	})
	tool.Extra = extra.Opaque(dialect)
	return tool, err
}

func (d *requestDecoder) toolChoice(v raw.Value) error {
	choice := &d.req.ToolChoice
	switch {
	case v.IsNull():
		return nil
	case v.IsString():
		choice.Mode = model.ChoiceMode(v.Text())
		return oneOf(v, "none", "auto", "required")
	case !v.IsObject():
		return v.WrongType("a string or an object")
	}
	var kind string
	if err := need(v, "type", &kind); err != nil {
		return err
	}
	switch kind {
	case "function", "custom":
		choice.Mode = model.ChoiceNamed
		return need(v, "name", &choice.Name)
	case "allowed_tools":
		return d.allowedTools(v)
	}
	d.extra.Add("tool_choice", v)
	return nil
}

// allowedTools narrows the choice; one that names vendors' tools stays as it is.
func (d *requestDecoder) allowedTools(v raw.Value) error {
	mode := v.Get("mode")
	if err := oneOf(mode, "auto", "required"); err != nil {
		return err
	}
	var names []string
	plain := true
	list := v.Get("tools")
	if !list.Exists() {
		return v.Missing("tools")
	}
	err := list.Items(func(_ int, t raw.Value) error {
		kind := t.Get("type").Text()
		plain = plain && kind == "function"
		names = append(names, t.Get("name").Text())
		return nil
	})
	if err != nil {
		return err
	}
	if !plain {
		d.extra.Add("tool_choice", v)
		return nil
	}
	d.req.ToolChoice.Mode, d.req.ToolChoice.Allowed = model.ChoiceMode(mode.Text()), names
	return nil
}

// writeTool writes a tool; false means that the dialect has no such tool.
func writeTool(b *raw.Builder, t *model.Tool) bool {
	if t.Opaque != nil {
		if t.Opaque.Dialect != dialect {
			return false
		}
		b.Raw(t.Opaque.Raw)
		return true
	}
	b.Open('{')
	if t.Custom {
		b.Str("type", "custom")
		b.Str("name", t.Name)
		b.StrIf("description", t.Description)
		if len(t.Format) > 0 {
			b.Val("format", t.Format)
		}
	} else {
		b.Str("type", "function")
		b.Str("name", t.Name)
		b.StrNull("description", t.Description)
		b.Key("parameters")
		if len(t.Schema) == 0 {
			b.Null()
		} else {
			b.Raw(t.Schema)
		}
		b.Key("strict")
		if t.Strict == nil {
			b.Null()
		} else {
			b.Bool(*t.Strict)
		}
	}
	if t.Extra != nil && t.Extra.Dialect == dialect {
		b.Merge(t.Extra.Raw, nil)
	}
	b.Close('}')
	return true
}

// writeToolChoice writes the choice as a value.
func writeToolChoice(b *raw.Builder, req *model.Request) {
	c := req.ToolChoice
	switch {
	case len(c.Allowed) > 0:
		b.Open('{')
		b.Str("type", "allowed_tools")
		mode := "auto"
		if c.Mode == model.ChoiceRequired {
			mode = "required"
		}
		b.Str("mode", mode)
		b.Key("tools")
		b.Open('[')
		for _, name := range c.Allowed {
			writeNamed(b, "function", name)
		}
		b.Close(']')
		b.Close('}')
	case c.Mode == model.ChoiceNamed:
		writeNamed(b, namedType(req.Tools, c.Name), c.Name)
	case c.Mode == model.ChoiceDefault:
		b.String("auto")
	default:
		b.String(string(c.Mode))
	}
}

func writeNamed(b *raw.Builder, kind, name string) {
	b.Open('{')
	b.Str("type", kind)
	b.Str("name", name)
	b.Close('}')
}

func namedType(tools []model.Tool, name string) string {
	for i := range tools {
		if tools[i].Name == name && tools[i].Custom {
			return "custom"
		}
	}
	return "function"
}
