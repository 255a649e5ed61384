package responses

import (
	"unicode/utf8"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/raw"
)

// outPart is a hub part under way, and where it stands in the output.
type outPart struct {
	kind   partKind
	item   *outItem
	index  int // of the content part, or of the summary
	opened bool
	closed bool
	text   []byte
	// notes and logprobs are the elements written so far.
	notes, logprobs raw.Builder
	noted           int
	// pending are citations of the whole text, whose end is not known yet.
	pending []*model.Citation
	thought *model.Reasoning
}

type partKind uint8

const (
	partSkipped partKind = iota
	partText
	partRefusal
	partThought
	partCall
)

func (e *Encoder) partStart(dst []byte, index int, part model.Part) []byte {
	p := &outPart{}
	e.parts[index] = p
	ev := model.Event{Kind: model.EventDelta}
	switch part := part.(type) {
	case *model.Text:
		p.kind = partText
		dst = e.openContent(dst, p, part.ItemID, part.Phase)
		for i := range part.Citations {
			dst = e.annotate(dst, p, &part.Citations[i])
		}
		ev.Text = part.Text
	case *model.Refusal:
		p.kind, ev.Text = partRefusal, part.Text
		dst = e.openContent(dst, p, part.ItemID, "")
	case *model.Reasoning:
		p.kind = partThought
		dst, p.item = e.thinking(dst, part.ID)
		p.thought = &model.Reasoning{ID: part.ID, Summary: part.Summary}
		p.item.thought = append(p.item.thought, p.thought)
		ev.Text, ev.Signature, ev.Data = part.Text, part.Signature, part.Redacted
	case *model.ToolCall:
		if part.Server {
			dst = e.settle(dst)
			e.lose(at("parts", index), model.LossMinor, "a call of another vendor's own tool")
			return dst
		}
		p.kind = partCall
		dst, p.item = e.startCall(dst, part)
		ev.Text, p.item.call.Arguments = part.Arguments, ""
	default:
		return e.piece(dst, index, p, part)
	}
	if ev.Text != "" || ev.Signature != "" || ev.Data != nil {
		dst = e.delta(dst, p, &ev)
	}
	return dst
}

// piece writes a part that comes whole.
func (e *Encoder) piece(dst []byte, index int, p *outPart, part model.Part) []byte {
	path := at("parts", index)
	switch part := part.(type) {
	case *model.Opaque:
		switch {
		case part.Dialect != dialect:
			e.lose(path, model.LossMinor, "content that only "+string(part.Dialect)+" knows")
		case isContent(part):
			dst, p.item = e.message(dst, "", "")
			p.index = p.item.next
			p.item.next++
			dst = e.contentPart(dst, p, "response.content_part.added", part.Raw)
			p.item.content.Raw(part.Raw)
			dst = e.contentPart(dst, p, "response.content_part.done", part.Raw)
			p.closed = true
		default:
			dst = e.whole(dst, "item", part.Raw)
		}
	case *model.Image:
		if part.Source.Data == nil {
			e.lose(path, model.LossMajor, "an image that is not given as bytes")
			break
		}
		dst = e.whole(dst, "ig", picture(part))
	case *model.CachePoint:
	default:
		e.lose(path, model.LossMajor, "content that the dialect has no form for")
	}
	return dst
}

// openContent opens a text or refusal in its message.
func (e *Encoder) openContent(dst []byte, p *outPart, id, phase string) []byte {
	dst, p.item = e.message(dst, id, phase)
	p.index = p.item.next
	p.item.next++
	return e.contentPart(dst, p, "response.content_part.added", p.part())
}

func (e *Encoder) contentPart(dst []byte, p *outPart, name string, part []byte) []byte {
	b := e.about(dst, p, name, "content_index")
	b.Val("part", part)
	return e.end(b)
}

// about begins an event on a part: the item, its place, and the part's index under name.
func (e *Encoder) about(dst []byte, p *outPart, event, name string) raw.Builder {
	b := e.event(dst, event)
	b.Str("item_id", p.item.id)
	b.Num("output_index", int64(p.item.index))
	if name != "" {
		b.Num(name, int64(p.index))
	}
	return b
}

// part is the content part as it stands.
func (p *outPart) part() []byte {
	var b raw.Builder
	b.Open('{')
	switch p.kind {
	case partRefusal:
		b.Str("type", "refusal")
		b.Str("refusal", string(p.text))
	case partThought:
		b.Str("type", "reasoning_text")
		b.Str("text", string(p.text))
	default:
		b.Str("type", "output_text")
		b.Str("text", string(p.text))
		b.Key("annotations")
		p.list(&b, p.notes.Bytes)
		b.Key("logprobs")
		p.list(&b, p.logprobs.Bytes)
	}
	b.Close('}')
	return b.Bytes
}

func (p *outPart) list(b *raw.Builder, elements []byte) {
	b.Open('[')
	b.Bytes = append(b.Bytes, elements...)
	b.Close(']')
}

func (e *Encoder) delta(dst []byte, p *outPart, ev *model.Event) []byte {
	if p.closed {
		return dst
	}
	switch p.kind {
	case partText:
		if ev.Text != "" || len(ev.Logprobs) > 0 {
			dst = e.textDelta(dst, p, ev)
		}
		if ev.Citation != nil {
			dst = e.annotate(dst, p, ev.Citation)
		}
	case partRefusal:
		if ev.Text == "" {
			return dst
		}
		p.text = append(p.text, ev.Text...)
		b := e.about(dst, p, "response.refusal.delta", "content_index")
		b.Str("delta", ev.Text)
		return e.end(b)
	case partThought:
		return e.think(dst, p, ev)
	case partCall:
		if ev.Text == "" {
			return dst
		}
		p.text = append(p.text, ev.Text...)
		name := "response.function_call_arguments.delta"
		if p.item.call.Custom {
			name = "response.custom_tool_call_input.delta"
		}
		b := e.about(dst, p, name, "")
		b.Str("delta", ev.Text)
		return e.end(b)
	}
	return dst
}

func (e *Encoder) textDelta(dst []byte, p *outPart, ev *model.Event) []byte {
	p.text = append(p.text, ev.Text...)
	b := e.about(dst, p, "response.output_text.delta", "content_index")
	b.Str("delta", ev.Text)
	b.Key("logprobs")
	b.Open('[')
	for i := range ev.Logprobs {
		writeLogprob(&b, &ev.Logprobs[i], true)
		writeLogprob(&p.logprobs, &ev.Logprobs[i], true)
	}
	b.Close(']')
	return e.end(b)
}

func writeLogprob(b *raw.Builder, l *model.TokenLogprob, top bool) {
	b.Open('{')
	b.Str("token", l.Token)
	b.Key("logprob")
	b.Float(l.Logprob)
	b.Key("bytes")
	b.Open('[')
	data := l.Bytes
	if data == nil {
		data = []byte(l.Token)
	}
	for _, c := range data {
		b.Int(int64(c))
	}
	b.Close(']')
	if top {
		b.Key("top_logprobs")
		b.Open('[')
		for i := range l.Top {
			writeLogprob(b, &l.Top[i], false)
		}
		b.Close(']')
	}
	b.Close('}')
}

// annotate writes a citation. One that does not say which characters cite
// means the whole text, and waits for its end.
func (e *Encoder) annotate(dst []byte, p *outPart, c *model.Citation) []byte {
	if c.TextStart == 0 && c.TextEnd == 0 && !p.closed && (c.Raw == nil || c.Raw.Dialect != dialect) {
		p.pending = append(p.pending, c)
		return dst
	}
	var note raw.Builder
	if !writeAnnotation(&note, c, utf8.RuneCount(p.text)) {
		e.lose("citations", model.LossMinor, "a citation of another vendor's form")
		return dst
	}
	p.notes.Raw(note.Bytes)
	b := e.about(dst, p, "response.output_text.annotation.added", "content_index")
	b.Num("annotation_index", int64(p.noted))
	b.Val("annotation", note.Bytes)
	p.noted++
	return e.end(b)
}

// think writes thinking: summaries have events of their own, raw thinking is content.
func (e *Encoder) think(dst []byte, p *outPart, ev *model.Event) []byte {
	p.thought.Signature += ev.Signature
	if ev.Data != nil {
		p.thought.Redacted = append(p.thought.Redacted, ev.Data...)
	}
	if ev.Text == "" {
		return dst
	}
	if !p.opened {
		dst = e.openThought(dst, p)
	}
	p.text = append(p.text, ev.Text...)
	if p.thought.Summary {
		b := e.about(dst, p, "response.reasoning_summary_text.delta", "summary_index")
		b.Str("delta", ev.Text)
		return e.end(b)
	}
	b := e.about(dst, p, "response.reasoning_text.delta", "content_index")
	b.Str("delta", ev.Text)
	return e.end(b)
}

func (e *Encoder) openThought(dst []byte, p *outPart) []byte {
	p.opened = true
	if !p.thought.Summary {
		p.index = p.item.texts
		p.item.texts++
		return e.contentPart(dst, p, "response.content_part.added", p.part())
	}
	p.index = p.item.next
	p.item.next++
	b := e.about(dst, p, "response.reasoning_summary_part.added", "summary_index")
	b.Key("part")
	writeTextPart(&b, "summary_text", "")
	return e.end(b)
}

func (e *Encoder) partStop(dst []byte, p *outPart) []byte {
	if p == nil || p.closed || p.kind == partSkipped {
		return dst
	}
	p.closed = true
	switch p.kind {
	case partText:
		for _, c := range p.pending {
			dst = e.annotate(dst, p, c)
		}
		b := e.about(dst, p, "response.output_text.done", "content_index")
		b.Str("text", string(p.text))
		b.Key("logprobs")
		p.list(&b, p.logprobs.Bytes)
		return e.contentDone(e.end(b), p)
	case partRefusal:
		b := e.about(dst, p, "response.refusal.done", "content_index")
		b.Str("refusal", string(p.text))
		return e.contentDone(e.end(b), p)
	case partThought:
		return e.thoughtDone(dst, p)
	case partCall:
		p.item.call.Arguments, p.item.finished = string(p.text), true
	}
	return dst
}

func (e *Encoder) contentDone(dst []byte, p *outPart) []byte {
	part := p.part()
	p.item.content.Raw(part)
	return e.contentPart(dst, p, "response.content_part.done", part)
}

func (e *Encoder) thoughtDone(dst []byte, p *outPart) []byte {
	p.thought.Text = string(p.text)
	if !p.opened {
		return dst
	}
	if !p.thought.Summary {
		b := e.about(dst, p, "response.reasoning_text.done", "content_index")
		b.Str("text", p.thought.Text)
		return e.contentPart(e.end(b), p, "response.content_part.done", p.part())
	}
	b := e.about(dst, p, "response.reasoning_summary_text.done", "summary_index")
	b.Str("text", p.thought.Text)
	b = e.about(e.end(b), p, "response.reasoning_summary_part.done", "summary_index")
	b.Key("part")
	writeTextPart(&b, "summary_text", p.thought.Text)
	return e.end(b)
}
