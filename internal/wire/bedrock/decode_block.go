package bedrock

import (
	"fmt"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/bedrock/object"
)

func partsOf(blocks []blockShape, path string) ([]model.Part, *model.Error) {
	parts := make([]model.Part, 0, len(blocks))
	for i := range blocks {
		p, err := partOf(&blocks[i], fmt.Sprintf("%s.%d", path, i))
		if err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// partOf maps one content block to one part. A block none of whose members is
// known is kept whole as Opaque.
func partOf(b *blockShape, path string) (model.Part, *model.Error) {
	if n := b.set(); n > 1 {
		return nil, model.Errorf(model.Invalid, path,
			"The ContentBlock object at %s has %d members set; set exactly one.", path, n)
	}
	switch {
	case b.Text != nil:
		return &model.Text{Text: *b.Text}, nil
	case b.Image != nil, b.Video != nil, b.Audio != nil, b.Document != nil:
		return mediumOf(b, path)
	case b.ToolUse != nil, b.ToolResult != nil, b.ToolAddition != nil, b.ToolRemoval != nil:
		return toolPartOf(b, path)
	case b.Guard != nil:
		return guardOf(b.Guard, path)
	case b.CachePoint != nil:
		return &model.CachePoint{TTL: b.CachePoint.TTL}, nil
	case b.Reasoning != nil:
		return reasoningPartOf(b.Reasoning), nil
	case b.Citations != nil:
		return citedTextOf(b.Citations, path)
	case b.SearchResult != nil:
		s := b.SearchResult
		return &model.SearchResult{
			Source: s.Source, Title: s.Title, Content: textParts(s.Content),
			Citations: s.Citations != nil && s.Citations.Enabled,
		}, nil
	case len(b.JSON) > 0:
		return &model.Structured{JSON: b.JSON}, nil
	case opaque(b.Extra) != nil:
		return opaque(b.Extra), nil
	}
	return nil, model.Errorf(model.Invalid, path, "The ContentBlock object at %s is empty.", path).
		WithHint("Set exactly one of its members, such as text.")
}

// set counts the known members that are present.
func (b *blockShape) set() int {
	n := 0
	for _, present := range [...]bool{
		b.Text != nil, b.Image != nil, b.Document != nil, b.Video != nil, b.Audio != nil, b.ToolUse != nil,
		b.ToolResult != nil, b.Guard != nil, b.CachePoint != nil, b.Reasoning != nil, b.Citations != nil,
		b.SearchResult != nil, b.ToolAddition != nil, b.ToolRemoval != nil, len(b.JSON) > 0 && b.JSON.Kind() != 'n',
	} {
		if present {
			n++
		}
	}
	return n
}

func toolPartOf(b *blockShape, path string) (model.Part, *model.Error) {
	switch {
	case b.ToolUse != nil:
		u := b.ToolUse
		if len(u.Input) > 0 && u.Input.Kind() != '{' {
			return nil, model.Errorf(model.Invalid, path+".toolUse.input",
				"The format of the value at %s.toolUse.input is invalid. Provide a json object for the field and try again.", path)
		}
		args := string(u.Input)
		if args == "" {
			args = "{}"
		}
		return &model.ToolCall{ID: u.ID, Name: u.Name, Arguments: args, Server: u.Type == serverToolUse}, nil
	case b.ToolResult != nil:
		content, err := partsOf(b.ToolResult.Content, path+".toolResult.content")
		if err != nil {
			return nil, err
		}
		return toolResultOf(b.ToolResult.ID, b.ToolResult.Status, b.ToolResult.Type, content), nil
	case b.ToolAddition != nil:
		return &model.ToolChange{Add: &model.Tool{Name: b.ToolAddition.Tool.Name, Extra: referenceExtra(b.ToolAddition)}}, nil
	}
	if referenceExtra(b.ToolRemoval) != nil {
		raw, err := object.Marshal(b)
		return opaque(raw), err
	}
	return &model.ToolChange{Remove: b.ToolRemoval.Tool.Name}, nil
}

// serverToolUse is the type of a toolUse block whose tool the service runs.
const serverToolUse = "server_tool_use"

// toolResultOf makes a result. Only results of tools the service ran have a type.
func toolResultOf(id, status, typ string, content []model.Part) *model.ToolResult {
	r := &model.ToolResult{CallID: id, Content: content, Error: status == "error", Server: typ != ""}
	if typ != "" {
		r.Extra = opaque(object.Of([]object.Member{{Name: "type", Value: object.AppendQuote(nil, typ)}}))
	}
	return r
}

// referenceExtra keeps the members of a tool reference beside its name.
func referenceExtra(c *toolChangeShape) *model.Opaque {
	var ms []object.Member
	if c.Tool.ServerName != "" {
		ms = append(ms, object.Member{Name: "serverName", Value: object.AppendQuote(nil, c.Tool.ServerName)})
	}
	if c.Tool.Type != "" {
		ms = append(ms, object.Member{Name: "type", Value: object.AppendQuote(nil, c.Tool.Type)})
	}
	return opaque(object.Of(ms))
}

func guardOf(g *guardShape, path string) (model.Part, *model.Error) {
	switch {
	case g.Text != nil:
		return &model.Guard{Text: g.Text.Text, Qualifiers: g.Text.Qualifiers}, nil
	case g.Image != nil:
		src, err := sourceOf(g.Image.Source, "image", g.Image.Format, path+".guardContent.image")
		return &model.Guard{Image: &src}, err
	}
	return nil, model.Errorf(model.Invalid, path+".guardContent",
		"The guardContent object at %s is empty.", path).WithHint("Set text or image.")
}

func reasoningPartOf(r *reasoningShape) *model.Reasoning {
	if r.Text != nil {
		return &model.Reasoning{Text: r.Text.Text, Signature: r.Text.Signature}
	}
	return &model.Reasoning{Redacted: r.Redacted}
}

func textParts(items []textItemShape) []model.Part {
	parts := make([]model.Part, len(items))
	for i, it := range items {
		parts[i] = &model.Text{Text: it.Text}
	}
	return parts
}

func citedTextOf(c *citationsShape, path string) (model.Part, *model.Error) {
	t := &model.Text{}
	for _, it := range c.Content {
		t.Text += it.Text
	}
	for i, raw := range c.Citations {
		cit, err := citationOf(raw)
		if err != nil {
			err.Subject = fmt.Sprintf("%s.citationsContent.citations.%d", path, i)
			return nil, err
		}
		t.Citations = append(t.Citations, cit)
	}
	return t, nil
}
