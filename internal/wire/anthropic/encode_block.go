package anthropic

import (
	"strings"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/raw"
)

// block writes one content block of a request.
func (e *requestEncoder) block(bl block) {
	b := &e.b
	switch p := bl.part.(type) {
	case *model.Text:
		e.text(bl, p)
	case *model.Refusal:
		e.text(bl, &model.Text{Text: p.Text})
	case *model.Guard:
		e.guard(bl, p)
	case *model.Structured:
		e.text(bl, &model.Text{Text: string(p.JSON)})
	case *model.Reasoning:
		writeReasoning(b, p)
	case *model.Image:
		e.image(bl, p)
	case *model.Document:
		e.document(bl, p)
	case *model.SearchResult:
		e.searchResult(bl, p)
	case *model.ToolCall:
		e.toolCall(bl, p)
	case *model.ToolResult:
		e.toolResult(bl, p)
	case *model.Opaque:
		if p.Dialect != dialect {
			e.lose(bl.path, model.LossMajor, "content that only "+string(p.Dialect)+" knows")
			return
		}
		if bl.cache == nil {
			b.Raw(p.Raw)
			return
		}
		b.Open('{')
		b.Merge(p.Raw, func(key string) bool { return key == "cache_control" })
		writeCache(b, bl.cache)
		b.Close('}')
	case *model.Audio:
		e.lose(bl.path, model.LossMajor, "audio")
	case *model.Video:
		e.lose(bl.path, model.LossMajor, "video")
	case *model.ToolChange:
		e.lose(bl.path, model.LossMajor, "a change of tools in mid-conversation")
	}
}

func (e *requestEncoder) text(bl block, t *model.Text) {
	b := &e.b
	b.Open('{')
	b.Str("type", "text")
	b.Str("text", t.Text)
	if n := len(t.Citations); n > 0 {
		lost := writeCitations(b, t.Citations)
		if lost > 0 {
			e.lose(bl.path+".citations", model.LossMinor, "citations the dialect has no form for")
		}
	}
	writeCache(b, bl.cache)
	b.Close('}')
}

// writeCitations writes the citations it can and returns how many it could not.
func writeCitations(b *raw.Builder, list []model.Citation) (lost int) {
	b.Key("citations")
	b.Open('[')
	for i := range list {
		if !writeCitation(b, &list[i]) {
			lost++
		}
	}
	b.Close(']')
	return lost
}

func (e *requestEncoder) guard(bl block, g *model.Guard) {
	e.lose(bl.path, model.LossMinor, "the mark for guardrail evaluation")
	if g.Image != nil {
		e.image(bl, &model.Image{Source: *g.Image})
		return
	}
	e.text(bl, &model.Text{Text: g.Text})
}

func writeReasoning(b *raw.Builder, r *model.Reasoning) {
	b.Open('{')
	if r.Redacted != nil {
		b.Str("type", "redacted_thinking")
		b.Str("data", string(r.Redacted))
	} else {
		b.Str("type", "thinking")
		b.Str("thinking", r.Text)
		b.Str("signature", r.Signature)
	}
	b.Close('}')
}

func (e *requestEncoder) toolCall(bl block, c *model.ToolCall) {
	b := &e.b
	b.Open('{')
	b.Str("type", callType(c))
	b.Str("id", safeID(c.ID))
	b.Str("name", c.Name)
	b.Key("input")
	if !writeInput(b, c) {
		e.lose(bl.path, model.LossMinor, "arguments that are not a JSON object, sent as one member")
	}
	writeCache(b, bl.cache)
	e.extra(bl.path, c.Extra)
	b.Close('}')
}

func callType(c *model.ToolCall) string {
	if c.Server {
		return "server_tool_use"
	}
	return "tool_use"
}

// writeInput writes a call's arguments as the object the dialect requires;
// what is not one goes into a member of its own and false is returned.
func writeInput(b *raw.Builder, c *model.ToolCall) bool {
	v, err := raw.ParseLenient([]byte(c.Arguments), nil)
	switch {
	case err == nil && v.IsObject() && !c.Custom:
		b.RawString(c.Arguments)
		return true
	case strings.TrimSpace(c.Arguments) == "":
		b.Literal("{}")
		return true
	}
	b.Open('{')
	b.Str("input", c.Arguments)
	b.Close('}')
	return false
}

// safeID maps a call id onto the characters the dialect admits; equal ids stay equal.
func safeID(id string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '_' || r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z':
			return r
		}
		return '_'
	}, id)
}

func (e *requestEncoder) toolResult(bl block, r *model.ToolResult) {
	if r.Server {
		e.lose(bl.path, model.LossMinor, "the result of another vendor's own tool")
		return
	}
	b := &e.b
	b.Open('{')
	b.Str("type", "tool_result")
	b.Str("tool_use_id", safeID(r.CallID))
	if len(r.Content) > 0 {
		b.Key("content")
		b.Open('[')
		for _, inner := range e.blocks(bl.path, model.Message{Parts: r.Content}) {
			if !admitted(inner.part) {
				e.lose(inner.path, model.LossMajor, "content a tool result cannot hold")
				continue
			}
			e.block(inner)
		}
		b.Close(']')
	}
	if r.Error {
		b.Flag("is_error", true)
	}
	writeCache(b, bl.cache)
	e.extra(bl.path, r.Extra)
	b.Close('}')
}

// admitted reports whether a tool result may hold a part.
func admitted(p model.Part) bool {
	switch p.(type) {
	case *model.ToolCall, *model.ToolResult, *model.Reasoning:
		return false
	}
	return true
}
