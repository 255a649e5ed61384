package bedrock

import (
	"github.com/craton-ai/craton/internal/model"
)

// maxBlocks bounds contentBlockIndex and with it what an upstream makes us track.
const maxBlocks = 1 << 16

func (s *stream) blockStart(ev *eventShape) *model.Error {
	if err := s.mayOpen(ev.Index); err != nil {
		return err
	}
	b := &openBlock{}
	s.open[ev.Index] = b
	if ev.Start == nil {
		return nil
	}
	switch st := ev.Start; {
	case st.ToolUse != nil:
		s.startPart(b, &model.ToolCall{ID: st.ToolUse.ID, Name: st.ToolUse.Name, Server: st.ToolUse.Type == serverToolUse})
	case st.ToolResult != nil:
		b.part = toolResultOf(st.ToolResult.ID, st.ToolResult.Status, orServer(st.ToolResult.Type), nil)
	case st.Image != nil:
		b.part = &model.Image{Source: model.Source{MIME: mimeOf("image", st.Image.Format)}}
	}
	return nil
}

// orServer names the type of a tool result in an answer, which only a tool the
// service ran can have made.
func orServer(typ string) string {
	if typ == "" {
		return "server_tool_result"
	}
	return typ
}

func (s *stream) mayOpen(i int64) *model.Error {
	if s.open[i] != nil || s.stopped || i < 0 || i >= maxBlocks {
		return garbage(model.Errorf(model.Invalid, "contentBlockIndex", "Block %d cannot open here.", i))
	}
	return nil
}

// startPart sends EventPartStart, numbering parts in the order they open.
func (s *stream) startPart(b *openBlock, p model.Part) {
	b.part, b.index, b.started = p, s.parts, true
	s.parts++
	s.push(model.Event{Kind: model.EventPartStart, Index: b.index, Part: p})
}

func (s *stream) blockDelta(ev *eventShape) *model.Error {
	if ev.Delta == nil {
		return nil
	}
	b := s.open[ev.Index]
	if b == nil { // text and reasoning blocks have no start of their own
		if err := s.mayOpen(ev.Index); err != nil {
			return err
		}
		b = &openBlock{}
		s.open[ev.Index] = b
	}
	d := ev.Delta
	if b.part == nil {
		switch {
		case d.Text != nil, len(d.Citation) > 0 && d.Citation.Kind() != 'n':
			s.startPart(b, &model.Text{})
		case d.Reasoning != nil:
			s.startPart(b, &model.Reasoning{})
		case d.ToolUse != nil, d.ToolResult != nil, d.Image != nil:
			return garbage(model.Errorf(model.Invalid, "delta", "Block %d has a delta without a start.", ev.Index))
		default:
			return nil // a kind of delta this version does not know
		}
	}
	return s.extend(b, d)
}

// extend applies a delta to an open block of the same kind.
func (s *stream) extend(b *openBlock, d *deltaShape) *model.Error {
	out := model.Event{Kind: model.EventDelta, Index: b.index}
	switch p := b.part.(type) {
	case *model.Text:
		if d.Text != nil {
			out.Text = *d.Text
		}
		if len(d.Citation) > 0 && d.Citation.Kind() != 'n' {
			c, err := citationOf(d.Citation)
			if err != nil {
				return garbage(err)
			}
			out.Citation = &c
		}
		if d.Text == nil && out.Citation == nil {
			return mismatch()
		}
	case *model.Reasoning:
		if d.Reasoning == nil {
			return mismatch()
		}
		out.Text, out.Signature, out.Data = d.Reasoning.Text, d.Reasoning.Signature, d.Reasoning.Redacted
	case *model.ToolCall:
		if d.ToolUse == nil {
			return mismatch()
		}
		out.Text = d.ToolUse.Input
	case *model.ToolResult:
		parts, err := partsOf(d.ToolResult, "delta.toolResult")
		if err != nil {
			return garbage(err)
		}
		p.Content = append(p.Content, parts...)
		return nil
	case *model.Image:
		return extendImage(p, d)
	}
	s.push(out)
	return nil
}

func extendImage(p *model.Image, d *deltaShape) *model.Error {
	if d.Image == nil || d.Image.Source == nil {
		return mismatch()
	}
	p.Source.Data = append(p.Source.Data, d.Image.Source.Bytes...)
	if s3 := d.Image.Source.S3; s3 != nil {
		p.Source.URL, p.Source.BucketOwner = s3.URI, s3.BucketOwner
	}
	return nil
}

func mismatch() *model.Error {
	return garbage(model.Errorf(model.Invalid, "delta", "A delta does not fit its block."))
}

// blockStop closes a block; one that never said anything leaves no trace.
func (s *stream) blockStop(i int64) *model.Error {
	b := s.open[i]
	if b == nil {
		return nil // live streams close empty blocks that never opened
	}
	delete(s.open, i)
	if b.part == nil {
		return nil
	}
	if !b.started {
		s.startPart(b, b.part)
	}
	s.push(model.Event{Kind: model.EventPartStop, Index: b.index})
	return nil
}
