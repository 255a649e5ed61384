package anthropic

import (
	"github.com/craton-ai/craton/internal/model"
)

// block is a part with the cache point behind it and its path in the request.
type block struct {
	part  model.Part
	cache *model.CachePoint
	path  string
}

// turn is consecutive messages of one role.
type turn struct {
	role   string
	blocks []block
}

func (e *requestEncoder) system(lead []model.Message) {
	var blocks []block
	for i, m := range lead {
		blocks = append(blocks, e.blocks(at("messages", i), m)...)
	}
	if len(blocks) == 0 {
		return
	}
	e.b.Key("system")
	if t, ok := blocks[0].part.(*model.Text); ok && len(blocks) == 1 && blocks[0].cache == nil && len(t.Citations) == 0 {
		e.b.String(t.Text)
		return
	}
	e.b.Open('[')
	for _, bl := range blocks {
		switch bl.part.(type) {
		case *model.Text, *model.Opaque:
			e.block(bl)
		default:
			e.lose(bl.path, model.LossMajor, "a system prompt that is not text")
		}
	}
	e.b.Close(']')
}

func (e *requestEncoder) messages(msgs []model.Message, first int) {
	e.b.Key("messages")
	e.b.Open('[')
	for _, t := range e.turns(msgs, first) {
		e.b.Open('{')
		e.b.Str("role", t.role)
		e.b.Key("content")
		e.b.Open('[')
		for _, bl := range resultsFirst(t.blocks) {
			e.block(bl)
		}
		e.b.Close(']')
		e.b.Close('}')
	}
	e.b.Close(']')
}

// turns merges consecutive messages of one role; the dialect wants roles to
// alternate. Messages without content are left out, since it refuses them.
func (e *requestEncoder) turns(msgs []model.Message, first int) []turn {
	var turns []turn
	for i, m := range msgs {
		path := at("messages", first+i)
		role := string(m.Role)
		if isSystem(m.Role) {
			role = "system"
		}
		if m.Name != "" {
			e.lose(path+".name", model.LossMinor, "the participant's name")
		}
		blocks := e.blocks(path, m)
		switch last := len(turns) - 1; {
		case len(blocks) == 0:
		case last >= 0 && turns[last].role == role:
			turns[last].blocks = append(turns[last].blocks, blocks...)
		default:
			turns = append(turns, turn{role, blocks})
		}
	}
	return turns
}

// blocks pairs parts with their cache points and leaves out what would be an
// empty block, which the dialect refuses.
func (e *requestEncoder) blocks(path string, m model.Message) []block {
	var out []block
	for i, p := range m.Parts {
		here := at(path+".parts", i)
		switch p := p.(type) {
		case *model.CachePoint:
			if len(out) == 0 || !cacheable(out[len(out)-1].part) {
				e.lose(here, model.LossMinor, "a cache point behind nothing that can be cached")
				continue
			}
			out[len(out)-1].cache = p
			continue
		case *model.Text:
			if p.Text == "" {
				continue
			}
		case *model.Reasoning:
			if foreign(p) {
				e.lose(here, model.LossMinor, "thinking that another vendor made")
				continue
			}
		}
		out = append(out, block{part: p, path: here})
	}
	return out
}

// foreign reports whether thinking is another vendor's: it has an item id or
// no signature at all, and would be refused.
func foreign(r *model.Reasoning) bool {
	return r.ID != "" || r.Signature == "" && r.Redacted == nil
}

func cacheable(p model.Part) bool {
	_, thinks := p.(*model.Reasoning)
	return !thinks
}

// resultsFirst moves tool results to the front, in order: the dialect refuses
// a user message that answers calls only after other content.
func resultsFirst(blocks []block) []block {
	var results, others []block
	for _, bl := range blocks {
		if r, ok := bl.part.(*model.ToolResult); ok && !r.Server {
			results = append(results, bl)
		} else {
			others = append(others, bl)
		}
	}
	return append(results, others...)
}
