package openai

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/craton-ai/craton/internal/model"
)

func (e *requestEncoder) messages() {
	e.key("messages")
	e.open('[')
	for i := range e.req.Messages {
		m := &e.req.Messages[i]
		path := fmt.Sprintf("messages.%d", i)
		switch m.Role {
		case model.RoleAssistant:
			e.assistant(m, path)
		case model.RoleUser:
			e.user(m, path)
		default:
			role := string(m.Role)
			if m.Role == model.RoleDeveloper && e.quirks.NoDeveloper {
				role = "system"
			}
			e.message(role, m, m.Parts, path)
		}
	}
	e.close(']')
}

// user writes tool results first, each a message of the tool role, since they
// must follow the calls; the other parts become one user message. Pictures and
// the like inside results move there too: tool messages hold text only.
func (e *requestEncoder) user(m *model.Message, path string) {
	var others []model.Part
	results := 0
	for i := 0; i < len(m.Parts); i++ {
		r, ok := m.Parts[i].(*model.ToolResult)
		if !ok {
			others = append(others, m.Parts[i])
			continue
		}
		results++
		at := fmt.Sprintf("%s.parts.%d", path, i)
		var members model.Part
		if i+1 < len(m.Parts) && isMessageMembers(m.Parts[i+1]) {
			i++
			members = m.Parts[i]
		}
		others = append(others, e.result(r, members, at)...)
	}
	if len(others) > 0 || results == 0 {
		e.message("user", m, others, path)
	}
}

// result writes a tool message and returns the parts it cannot hold.
func (e *requestEncoder) result(r *model.ToolResult, members model.Part, path string) (media []model.Part) {
	e.open('{')
	e.member("role", "tool")
	e.member("tool_call_id", r.CallID)
	var text []*model.Text
	for i, p := range r.Content {
		if t := e.resultText(p); t != nil {
			text = append(text, t)
			continue
		}
		switch p.(type) {
		case *model.Image, *model.Audio, *model.Document:
			media = append(media, p)
			e.lose(model.LossMinor, fmt.Sprintf("%s.content.%d", path, i), "a picture, sound or file in a tool result was moved to the user message after it")
		default:
			e.lose(model.LossMajor, fmt.Sprintf("%s.content.%d", path, i), "%s in a tool result", partName(p))
		}
	}
	e.key("content")
	if len(text) == 1 {
		e.str(text[0].Text)
	} else if len(text) == 0 {
		e.str("")
	} else {
		e.open('[')
		for _, t := range text {
			e.textPart(t.Text, nil)
		}
		e.close(']')
	}
	e.messageMembers(members)
	e.close('}')
	if r.Error {
		e.lose(model.LossMinor, path+".error", "the mark that a tool call failed")
	}
	if r.Server {
		e.lose(model.LossMajor, path, "the result of a tool the upstream ran itself")
	}
	return media
}

// resultText renders what can stand as text in a tool message.
func (e *requestEncoder) resultText(p model.Part) *model.Text {
	switch p := p.(type) {
	case *model.Text:
		return p
	case *model.Structured:
		return &model.Text{Text: string(p.JSON)}
	case *model.Document:
		if p.Source.Text != "" {
			return &model.Text{Text: p.Source.Text}
		}
	case *model.SearchResult:
		return &model.Text{Text: searchText(p)}
	}
	return nil
}

func searchText(p *model.SearchResult) string {
	var b strings.Builder
	for _, line := range []string{p.Title, p.Source} {
		if line != "" {
			b.WriteString(line + "\n")
		}
	}
	b.WriteString(model.Message{Parts: p.Content}.Text())
	return b.String()
}

// assistant gathers the parts of an answer under the members they belong to.
func (e *requestEncoder) assistant(m *model.Message, path string) {
	var said, calls []model.Part
	var audio, members model.Part
	var thinking strings.Builder
	for i, p := range m.Parts {
		at := fmt.Sprintf("%s.parts.%d", path, i)
		switch p := p.(type) {
		case *model.ToolCall:
			if p.Server {
				e.lose(model.LossMajor, at, "a call of a tool the upstream ran itself")
				continue
			}
			calls = append(calls, p)
		case *model.Reasoning:
			if e.quirks.Reasoning == "" || p.Text == "" {
				e.lose(model.LossMinor, at, "earlier thinking")
				continue
			}
			thinking.WriteString(p.Text)
		case *model.Audio:
			if p.ID == "" {
				e.lose(model.LossMajor, at, "sound in an assistant message without the id of an earlier answer")
				continue
			}
			audio = p
		default:
			if isMessageMembers(p) {
				members = p
				continue
			}
			said = append(said, p)
		}
	}
	e.open('{')
	e.member("role", "assistant")
	e.optional("name", m.Name)
	if thinking.Len() > 0 {
		e.member(e.quirks.Reasoning, thinking.String())
	}
	e.key("content")
	if len(said) == 0 && (len(calls) > 0 || audio != nil) {
		e.raw(nil)
	} else {
		e.content(said, path, true)
	}
	if a, ok := audio.(*model.Audio); ok {
		e.key("audio")
		e.open('{')
		e.member("id", a.ID)
		e.close('}')
	}
	e.calls(calls)
	e.messageMembers(members)
	e.close('}')
}

func (e *requestEncoder) calls(calls []model.Part) {
	if len(calls) == 0 {
		return
	}
	e.key("tool_calls")
	e.open('[')
	for _, p := range calls {
		appendToolCall(&e.builder, p.(*model.ToolCall))
	}
	e.close(']')
}

func appendToolCall(w *builder, c *model.ToolCall) {
	w.open('{')
	w.member("id", c.ID)
	if c.Custom {
		w.member("type", "custom")
		w.key("custom")
		w.open('{')
		w.member("name", c.Name)
		w.member("input", c.Arguments)
	} else {
		w.member("type", "function")
		w.key("function")
		w.open('{')
		w.member("name", c.Name)
		w.member("arguments", c.Arguments)
	}
	w.b = append(w.b, "}}"...)
}

// message writes a message of the system, developer or user role.
func (e *requestEncoder) message(role string, m *model.Message, parts []model.Part, path string) {
	var members model.Part
	if n := len(parts); n > 0 && isMessageMembers(parts[n-1]) {
		members, parts = parts[n-1], parts[:n-1]
	}
	e.open('{')
	e.member("role", role)
	e.optional("name", m.Name)
	e.key("content")
	e.content(parts, path, role != "user")
	e.messageMembers(members)
	e.close('}')
}

// content writes one text as a string and anything else as an array of parts.
func (e *requestEncoder) content(parts []model.Part, path string, textOnly bool) {
	if len(parts) == 0 {
		e.str("")
		return
	}
	if t, ok := parts[0].(*model.Text); ok && len(parts) == 1 {
		e.str(t.Text)
		return
	}
	e.open('[')
	for i, p := range parts {
		var point *model.CachePoint
		if i+1 < len(parts) {
			point, _ = parts[i+1].(*model.CachePoint)
		}
		e.part(p, point, fmt.Sprintf("%s.parts.%d", path, i), textOnly)
	}
	e.close(']')
}

// part writes one content part. point is the cache point after it, if any.
func (e *requestEncoder) part(p model.Part, point *model.CachePoint, path string, textOnly bool) {
	switch p := p.(type) {
	case *model.Text:
		e.textPart(p.Text, point)
	case *model.Refusal:
		e.open('{')
		e.member("type", "refusal")
		e.member("refusal", p.Text)
		e.close('}')
	case *model.Structured:
		e.textPart(string(p.JSON), point)
	case *model.SearchResult:
		e.textPart(searchText(p), point)
		e.lose(model.LossMinor, path, "a search result was sent as text")
	case *model.Guard:
		if p.Image != nil {
			e.part(&model.Image{Source: *p.Image}, point, path, textOnly)
		} else {
			e.textPart(p.Text, point)
		}
		e.lose(model.LossMinor, path, "the guardrail marks of a part")
	case *model.CachePoint:
		if !e.quirks.CacheBreakpoints {
			e.lose(model.LossMinor, path, "a cache point")
		}
	case *model.Opaque:
		if p.Dialect == model.DialectOpenAIChat {
			e.raw(p.Raw)
			return
		}
		e.lose(model.LossMajor, path, "content that only the dialect %s knows", p.Dialect)
	default:
		if textOnly {
			e.lose(model.LossMajor, path, "%s in a message that holds text only", partName(p))
			return
		}
		e.media(p, point, path)
	}
}

func (e *requestEncoder) media(p model.Part, point *model.CachePoint, path string) {
	switch p := p.(type) {
	case *model.Image:
		if p.Source.FileID != "" || strings.HasPrefix(p.Source.URL, "s3:") {
			e.lose(model.LossMajor, path, "a picture given by file id or s3: address")
			return
		}
		e.open('{')
		e.member("type", "image_url")
		e.key("image_url")
		e.open('{')
		e.key("url")
		e.sourceURL(p.Source)
		e.optional("detail", p.Detail)
		e.close('}')
		e.endPart(point)
	case *model.Audio:
		if len(p.Source.Data) == 0 {
			e.lose(model.LossMajor, path, "sound given by address")
			return
		}
		e.open('{')
		e.member("type", "input_audio")
		e.key("input_audio")
		e.open('{')
		e.key("data")
		e.base64("", p.Source.Data)
		e.member("format", audioFormat(p.Source.MIME))
		e.close('}')
		e.endPart(point)
	case *model.Document:
		e.document(p, point, path)
	default:
		e.lose(model.LossMajor, path, "%s", partName(p))
	}
}

func (e *requestEncoder) document(p *model.Document, point *model.CachePoint, path string) {
	if p.Citations {
		e.lose(model.LossMinor, path+".citations", "the wish for citations")
	}
	if p.Context != "" || p.Title != "" {
		e.lose(model.LossMinor, path, "the title or context of a document")
	}
	switch {
	case len(p.Content) > 0:
		for i, inner := range p.Content {
			e.part(inner, nil, fmt.Sprintf("%s.content.%d", path, i), false)
		}
		return
	case p.Source.Text != "":
		e.textPart(p.Source.Text, point)
		return
	case p.Source.URL != "":
		e.lose(model.LossMajor, path, "a document given by address")
		return
	}
	e.open('{')
	e.member("type", "file")
	e.key("file")
	e.open('{')
	switch {
	case p.Source.FileID != "":
		e.member("file_id", p.Source.FileID)
	case p.Source.MIME == "":
		e.key("file_data")
		e.base64("", p.Source.Data)
	default:
		e.key("file_data")
		e.sourceURL(p.Source)
	}
	e.optional("filename", p.Name)
	e.close('}')
	e.endPart(point)
}

func (e *requestEncoder) textPart(text string, point *model.CachePoint) {
	e.open('{')
	e.member("type", "text")
	e.member("text", text)
	e.endPart(point)
}

func (e *requestEncoder) endPart(point *model.CachePoint) {
	if point != nil && e.quirks.CacheBreakpoints {
		e.key("prompt_cache_breakpoint")
		e.open('{')
		e.member("mode", "explicit")
		if point.TTL == "1h" {
			e.member("ttl", "12h")
		}
		e.close('}')
	}
	e.close('}')
}

func (e *requestEncoder) sourceURL(s model.Source) {
	if s.URL != "" {
		e.str(s.URL)
		return
	}
	e.base64("data:"+s.MIME+";base64,", s.Data)
}

// base64 writes a string of prefix and encoded data, without a copy of the latter.
func (e *requestEncoder) base64(prefix string, data []byte) {
	e.comma()
	e.b = appendString(e.b, prefix)
	e.b = base64.StdEncoding.AppendEncode(e.b[:len(e.b)-1], data)
	e.b = append(e.b, '"')
}

// isMessageMembers tells the part that holds a message's unknown members.
func isMessageMembers(p model.Part) bool {
	o, ok := p.(*model.Opaque)
	return ok && o.Dialect == model.DialectOpenAIChat && !gjson.GetBytes(o.Raw, "type").Exists() && gjson.GetBytes(o.Raw, "message").IsObject()
}

func (e *requestEncoder) messageMembers(p model.Part) {
	if o, ok := p.(*model.Opaque); ok {
		e.object([]byte(gjson.GetBytes(o.Raw, "message").Raw), nil)
	}
}

// partName says what a part is, for a Loss.
func partName(p model.Part) string {
	switch p.(type) {
	case *model.Image:
		return "a picture"
	case *model.Audio:
		return "sound"
	case *model.Video:
		return "a film"
	case *model.Document:
		return "a document"
	case *model.ToolCall:
		return "a tool call"
	case *model.ToolResult:
		return "a tool result"
	case *model.ToolChange:
		return "a change of the tools in mid-conversation"
	case *model.Reasoning:
		return "thinking"
	}
	return fmt.Sprintf("a part of kind %T", p)
}
