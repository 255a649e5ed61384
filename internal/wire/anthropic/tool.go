package anthropic

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

// decodeTool reads a tool. One whose type is not "custom" is the vendor's own
// (web search, bash, computer, memory, …) and is kept verbatim.
func decodeTool(v raw.Value) (model.Tool, error) {
	var tool model.Tool
	if !v.IsObject() {
		return tool, v.WrongType("an object")
	}
	if kind := v.Get("type"); kind.Given() && kind.Text() != "custom" {
		tool.Name = v.Get("name").Text()
		tool.Opaque = &model.Opaque{Dialect: dialect, Raw: v.Compact()}
		return tool, nil
	}
	if err := need(v, "name", &tool.Name); err != nil {
		return tool, err
	}
	schema := v.Get("input_schema")
	switch {
	case !schema.Exists():
		return tool, v.Missing("input_schema")
	case !schema.IsObject():
		return tool, schema.WrongType("an object")
	}
	tool.Schema = schema.Compact()
	var extra raw.Extra
	err := v.Members(func(key string, m raw.Value) (err error) {
		switch key {
		case "type", "name", "input_schema":
		case "description":
			err = m.String(&tool.Description)
		case "strict":
			err = m.BoolPtr(&tool.Strict)
		case "cache_control":
			tool.Cache, err = decodeCache(m)
		default:
			if m.Given() {
				extra.Add(key, m)
			}
		}
		return err
	})
	tool.Extra = extra.Opaque(dialect)
	return tool, err
}

func (d *requestDecoder) toolChoice(v raw.Value) error {
	if v.IsNull() {
		return nil
	}
	var kind string
	if !v.IsObject() {
		return v.WrongType("an object")
	}
	if err := need(v, "type", &kind); err != nil {
		return err
	}
	choice := &d.req.ToolChoice
	switch kind {
	case "auto":
		choice.Mode = model.ChoiceAuto
	case "any":
		choice.Mode = model.ChoiceRequired
	case "none":
		choice.Mode = model.ChoiceNone
	case "tool":
		choice.Mode = model.ChoiceNamed
		if err := need(v, "name", &choice.Name); err != nil {
			return err
		}
	default:
		return refuse(v.Get("type"), "Input should be 'auto', 'any', 'tool' or 'none'")
	}
	if serial := v.Get("disable_parallel_tool_use"); serial.Given() {
		var off bool
		if err := serial.Bool(&off); err != nil {
			return err
		}
		parallel := !off
		d.req.ParallelTools = &parallel
	}
	return nil
}

// allowed reports whether a tool may be offered: the dialect narrows a choice
// by offering fewer tools.
func allowed(choice model.ToolChoice, name string) bool {
	if len(choice.Allowed) == 0 {
		return true
	}
	for _, have := range choice.Allowed {
		if have == name {
			return true
		}
	}
	return false
}

func (e *requestEncoder) tools() {
	req := e.req
	if len(req.Tools) == 0 {
		return
	}
	e.b.Key("tools")
	e.b.Open('[')
	for i := range req.Tools {
		if t := &req.Tools[i]; allowed(req.ToolChoice, t.Name) {
			e.tool(at("tools", i), t)
		}
	}
	e.b.Close(']')
}

func (e *requestEncoder) tool(path string, t *model.Tool) {
	switch {
	case t.Opaque != nil && t.Opaque.Dialect == dialect:
		e.b.Raw(t.Opaque.Raw)
		return
	case t.Opaque != nil:
		e.lose(path, model.LossMajor, "the tool "+t.Title()+", which only "+string(t.Opaque.Dialect)+" offers")
		return
	case t.Custom:
		e.lose(path, model.LossMajor, "a free-text tool")
		return
	}
	b := &e.b
	b.Open('{')
	b.Str("name", t.Name)
	b.StrIf("description", t.Description)
	b.Key("input_schema")
	if len(t.Schema) == 0 {
		b.Literal(`{"type":"object","properties":{}}`)
	} else {
		b.Raw(t.Schema)
	}
	if t.Strict != nil {
		b.Flag("strict", *t.Strict)
	}
	writeCache(b, t.Cache)
	e.extra(path, t.Extra)
	b.Close('}')
}

// toolChoice writes tool_choice, which also says whether calls may be parallel.
func (e *requestEncoder) toolChoice() {
	choice := e.req.ToolChoice
	kind := ""
	switch choice.Mode {
	case model.ChoiceAuto:
		kind = "auto"
	case model.ChoiceRequired:
		kind = "any"
	case model.ChoiceNone:
		kind = "none"
	case model.ChoiceNamed:
		kind = "tool"
	case model.ChoiceDefault:
		if e.req.ParallelTools != nil && len(e.req.Tools) > 0 {
			kind = "auto"
		}
	}
	if kind == "" || len(e.req.Tools) == 0 && choice.Mode != model.ChoiceNamed {
		return
	}
	e.b.Key("tool_choice")
	e.b.Open('{')
	e.b.Str("type", kind)
	if kind == "tool" {
		e.b.Str("name", choice.Name)
	}
	if e.req.ParallelTools != nil && kind != "none" {
		e.b.Flag("disable_parallel_tool_use", !*e.req.ParallelTools)
	}
	e.b.Close('}')
}
