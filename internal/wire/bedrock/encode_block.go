package bedrock

import (
	"fmt"
	"strings"

	"github.com/craton-ai/craton/internal/model"
	"github.com/go-json-experiment/json"
)

// messages writes system and messages. System messages after the first message
// move to the system field, unless they change tools.
func (e *requestEncoder) messages(s *requestShape) {
	moved := false
	for i, m := range e.req.Messages {
		path := fmt.Sprintf("messages.%d", i)
		if m.Name != "" {
			e.lose(path+".name", model.LossMinor, "Converse has no names of participants.")
		}
		if systemRole(m.Role) && !changesTools(m) {
			if len(s.Messages) > 0 && !moved {
				moved = true
				e.lose(path, model.LossMinor, "Converse has no instructions between messages; they move before the conversation.")
			}
			s.System = append(s.System, e.blocks(m.Parts, path, placeSystem)...)
			continue
		}
		role := string(m.Role)
		if systemRole(m.Role) {
			role = string(model.RoleSystem)
		}
		blocks := e.blocks(m.Parts, path, placeMessage)
		if n := len(s.Messages); e.join && n > 0 && s.Messages[n-1].Role == role {
			s.Messages[n-1].Content = append(s.Messages[n-1].Content, blocks...)
			continue
		}
		if len(blocks) > 0 || !e.join {
			s.Messages = append(s.Messages, messageShape{Role: role, Content: blocks})
		}
	}
}

// place is where a block stands; each admits some of the union's members.
type place int

const (
	placeMessage place = iota
	placeSystem
	placeResult
)

func (e *requestEncoder) blocks(parts []model.Part, path string, at place) []blockShape {
	out := make([]blockShape, 0, len(parts))
	for i, p := range parts {
		if b, ok := e.block(p, fmt.Sprintf("%s.parts.%d", path, i), at); ok {
			out = append(out, b)
		}
	}
	return out
}

// block writes one part; false when it has no place, which is reported unless
// nothing was said in it.
func (e *requestEncoder) block(p model.Part, path string, at place) (blockShape, bool) {
	if at != placeMessage && !admits(at, p) {
		e.lose(path, model.LossMajor, "Converse admits no %s here.", partName(p))
		return blockShape{}, false
	}
	switch p := p.(type) {
	case *model.Text:
		return e.text(p.Text, p.Citations, at)
	case *model.Refusal:
		return e.text(p.Text, nil, at)
	case *model.Reasoning:
		return e.reasoningBlock(p, path)
	case *model.Image, *model.Audio, *model.Video, *model.Document:
		return e.medium(p, path)
	case *model.SearchResult:
		return blockShape{SearchResult: e.searchResult(p, path)}, true
	case *model.ToolCall, *model.ToolResult, *model.ToolChange:
		return e.toolBlock(p, path)
	case *model.Structured:
		if at == placeResult {
			return blockShape{JSON: p.JSON}, true
		}
		return e.text(string(p.JSON), nil, at)
	case *model.Guard:
		return e.guard(p, path)
	case *model.CachePoint:
		return blockShape{CachePoint: cachePoint(p)}, true
	case *model.Opaque:
		return e.opaque(p, path)
	}
	e.lose(path, model.LossMajor, "Converse has no such content.")
	return blockShape{}, false
}

// admits reports whether system prompts or tool results may hold p.
func admits(at place, p model.Part) bool {
	switch p.(type) {
	case *model.Text, *model.Refusal, *model.Opaque:
		return true
	case *model.Guard, *model.CachePoint:
		return at == placeSystem
	case *model.Structured, *model.Image, *model.Document, *model.Video, *model.SearchResult:
		return at == placeResult
	}
	return false
}

func partName(p model.Part) string {
	return strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", p), "*model."))
}

func (e *requestEncoder) text(text string, citations []model.Citation, at place) (blockShape, bool) {
	if at == placeMessage && strings.TrimSpace(text) == "" && e.join {
		return blockShape{}, false // Converse refuses blank text; nothing is said in it
	}
	b, err := textBlock(text, citations)
	if err != nil {
		e.fail(err)
	}
	return b, true
}

// textBlock writes text, with its citations as citationsContent.
func textBlock(text string, citations []model.Citation) (blockShape, *model.Error) {
	if len(citations) == 0 {
		return blockShape{Text: &text}, nil
	}
	c := &citationsShape{Content: []textItemShape{{text}}}
	for i := range citations {
		raw, err := citationJSON(&citations[i])
		if err != nil {
			return blockShape{}, err
		}
		c.Citations = append(c.Citations, raw)
	}
	return blockShape{Citations: c}, nil
}

func (e *requestEncoder) reasoningBlock(r *model.Reasoning, path string) (blockShape, bool) {
	if r.Text == "" && len(r.Redacted) == 0 && r.Signature == "" {
		return blockShape{}, false
	}
	if r.ID != "" && r.Text == "" && len(r.Redacted) == 0 {
		e.lose(path, model.LossMinor, "Encrypted reasoning of another vendor means nothing to this model.")
		return blockShape{}, false
	}
	return blockShape{Reasoning: reasoningOfPart(r)}, true
}

func reasoningOfPart(r *model.Reasoning) *reasoningShape {
	if r.Redacted != nil {
		return &reasoningShape{Redacted: r.Redacted}
	}
	s := &reasoningShape{}
	s.Text = &struct {
		Text      string `json:"text"`
		Signature string `json:"signature,omitzero"`
	}{r.Text, r.Signature}
	return s
}

func (e *requestEncoder) toolBlock(p model.Part, path string) (blockShape, bool) {
	switch p := p.(type) {
	case *model.ToolCall:
		e.foreign(p.Extra, path)
		input, whole := arguments(p)
		if !whole {
			e.lose(path, model.LossMinor, "The arguments of %s are no JSON object; they are sent inside one.", p.Name)
		}
		return blockShape{ToolUse: toolUse(p, input)}, true
	case *model.ToolResult:
		e.foreign(p.Extra, path)
		r := &toolResultShape{ID: p.CallID, Type: extraString(p.Extra, "type")}
		r.Content = e.blocks(p.Content, path, placeResult)
		if p.Error {
			r.Status = "error"
		}
		return blockShape{ToolResult: r}, true
	case *model.ToolChange:
		if p.Add == nil {
			return blockShape{ToolRemoval: &toolChangeShape{Tool: toolReferenceShape{Name: p.Remove}}}, true
		}
		ref := toolReferenceShape{Name: p.Add.Name}
		ref.ServerName, ref.Type = extraString(p.Add.Extra, "serverName"), extraString(p.Add.Extra, "type")
		return blockShape{ToolAddition: &toolChangeShape{Tool: ref}}, true
	}
	return blockShape{}, false
}

func toolUse(c *model.ToolCall, input []byte) *toolUseShape {
	u := &toolUseShape{ID: c.ID, Name: c.Name, Input: input}
	if c.Server {
		u.Type = serverToolUse
	}
	return u
}

func (e *requestEncoder) guard(g *model.Guard, path string) (blockShape, bool) {
	s := &guardShape{}
	if g.Image != nil {
		m, ok := e.source(g.Image, "image", path)
		s.Image = m
		return blockShape{Guard: s}, ok
	}
	s.Text = &struct {
		Text       string   `json:"text"`
		Qualifiers []string `json:"qualifiers,omitzero"`
	}{g.Text, g.Qualifiers}
	return blockShape{Guard: s}, true
}

func (e *requestEncoder) opaque(o *model.Opaque, path string) (blockShape, bool) {
	if !own(o) {
		e.lose(path, model.LossMajor, "Converse has no content of %s's own kind.", o.Dialect)
		return blockShape{}, false
	}
	var b blockShape
	if err := json.Unmarshal(o.Raw, &b); err != nil {
		e.fail(&model.Error{Kind: model.Invalid, Subject: path, Message: "The content block is malformed.", Err: err})
	}
	return b, true
}
