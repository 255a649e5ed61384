package bedrock

import (
	"fmt"
	"slices"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/bedrock/object"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// emptySchema is the schema of a tool without arguments.
var emptySchema = jsontext.Value(`{"type":"object","properties":{}}`)

// tools writes toolConfig; nil when no tools are offered.
func (e *requestEncoder) tools() *toolConfigShape {
	choice := e.req.ToolChoice
	if choice.Mode == model.ChoiceNone && !e.usesTools() {
		return nil // without tools the model cannot call any: the same meaning
	}
	c := &toolConfigShape{}
	for i := range e.req.Tools {
		t := &e.req.Tools[i]
		if len(choice.Allowed) > 0 && t.Name != "" && !slices.Contains(choice.Allowed, t.Name) {
			continue
		}
		c.Tools = append(c.Tools, e.tool(t, fmt.Sprintf("tools.%d", i))...)
	}
	if len(c.Tools) == 0 {
		return nil
	}
	switch choice.Mode {
	case model.ChoiceAuto:
		c.Choice = &toolChoiceShape{Auto: &struct{}{}}
	case model.ChoiceRequired:
		c.Choice = &toolChoiceShape{Any: &struct{}{}}
	case model.ChoiceNamed:
		c.Choice = &toolChoiceShape{Tool: &nameShape{Name: choice.Name}}
	case model.ChoiceNone:
		e.lose("tool_choice", model.LossMajor,
			"Converse cannot forbid tool calls in a conversation that already has some.")
	}
	return c
}

// usesTools reports whether the conversation holds tool calls or results, for
// which Converse demands a toolConfig.
func (e *requestEncoder) usesTools() bool {
	for _, m := range e.req.Messages {
		for _, p := range m.Parts {
			switch p.(type) {
			case *model.ToolCall, *model.ToolResult, *model.ToolChange:
				return true
			}
		}
	}
	return false
}

// tool writes a tool and its cache point.
func (e *requestEncoder) tool(t *model.Tool, path string) []toolShape {
	var out []toolShape
	switch {
	case own(t.Opaque):
		var s toolShape
		if err := json.Unmarshal(t.Opaque.Raw, &s); err != nil {
			e.fail(&model.Error{Kind: model.Invalid, Subject: path, Message: "The tool is malformed.", Err: err})
			return nil
		}
		out = append(out, s)
	case t.Opaque != nil && e.native(t.Opaque.Dialect): // see nativeTools
	case t.Opaque != nil:
		e.lose(path, model.LossMajor, "Converse has no tool of %s's own kind, as %s is.", t.Opaque.Dialect, t.Title())
	case t.Custom:
		e.lose(path, model.LossMajor, "Converse has no free-text tools; %s needs a schema.", t.Name)
	default:
		out = append(out, e.toolSpec(t, path))
	}
	if t.Cache != nil && len(out) > 0 {
		out = append(out, toolShape{CachePoint: cachePoint(t.Cache)})
	}
	return out
}

func (e *requestEncoder) toolSpec(t *model.Tool, path string) toolShape {
	spec := &toolSpecShape{Name: t.Name, Description: t.Description, Strict: t.Strict}
	spec.InputSchema = &toolInputShape{JSON: emptySchema}
	if len(t.Schema) > 0 {
		spec.InputSchema.JSON = t.Schema
	}
	if own(t.Extra) {
		spec.Extra = t.Extra.Raw
	}
	e.foreign(t.Extra, path)
	return toolShape{Spec: spec}
}

func cachePoint(c *model.CachePoint) *cachePointShape {
	return &cachePointShape{Type: "default", TTL: c.TTL}
}

// arguments makes the JSON object toolUse.input must be. Text that is no JSON
// object is wrapped, so that a model's mistake can be shown to it again.
func arguments(c *model.ToolCall) (input jsontext.Value, whole bool) {
	switch {
	case c.Custom:
		return object.Of([]object.Member{{Name: "input", Value: object.AppendQuote(nil, c.Arguments)}}), false
	case c.Arguments == "":
		return jsontext.Value("{}"), true
	case object.Is([]byte(c.Arguments)):
		return jsontext.Value(c.Arguments), true
	}
	return object.Of([]object.Member{{Name: "arguments", Value: object.AppendQuote(nil, c.Arguments)}}), false
}

// extraString reads one string member of a part's own Extra.
func extraString(o *model.Opaque, name string) string {
	if !own(o) {
		return ""
	}
	for _, m := range object.Members(o.Raw) {
		var s string
		if m.Name == name && json.Unmarshal(m.Value, &s) == nil {
			return s
		}
	}
	return ""
}
