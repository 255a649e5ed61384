package bedrock

import (
	"encoding/base64"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/bedrock/frame"
	"github.com/craton-ai/craton/internal/wire/bedrock/object"
)

// startFrame writes contentBlockStart with the union member body appends.
func (e *Encoder) startFrame(dst []byte, body func([]byte) []byte) []byte {
	e.begun = true
	dst, start := frame.Open(dst, frame.Event, "contentBlockStart")
	dst = append(e.index(dst), `,"start":{`...)
	return frame.Close(append(body(dst), "}}"...), start)
}

func appendToolStart(dst []byte, c *model.ToolCall) []byte {
	dst = object.AppendQuote(append(dst, `"toolUse":{"toolUseId":`...), c.ID)
	dst = object.AppendQuote(append(dst, `,"name":`...), c.Name)
	if c.Server {
		dst = object.AppendQuote(append(dst, `,"type":`...), serverToolUse)
	}
	return append(dst, '}')
}

// image writes a complete image as start and one delta.
func (e *Encoder) image(dst []byte, p *model.Image) ([]byte, error) {
	enc := &requestEncoder{}
	m, ok := enc.source(&p.Source, "image", "content")
	if !ok {
		return dst, model.Errorf(model.Unsupported, "content", "ConverseStream cannot carry this image.")
	}
	dst = e.startFrame(dst, func(dst []byte) []byte {
		dst = object.AppendQuote(append(dst, `"image":{"format":`...), m.Format)
		return append(dst, '}')
	})
	dst, start := e.openDelta(dst)
	dst = append(dst, `{"image":{"source":`...)
	if m.Source.S3 != nil {
		raw, err := object.Marshal(m.Source)
		if err != nil {
			return dst, err
		}
		dst = append(dst, raw...)
	} else {
		dst = base64.StdEncoding.AppendEncode(append(dst, `{"bytes":"`...), m.Source.Bytes)
		dst = append(dst, `"}`...)
	}
	return frame.Close(append(dst, "}}}"...), start), nil
}

// toolResult writes the result of a tool the upstream ran as start and one delta.
func (e *Encoder) toolResult(dst []byte, p *model.ToolResult) ([]byte, error) {
	enc := &requestEncoder{}
	blocks := enc.blocks(p.Content, "content", placeResult)
	for i := range blocks {
		if b := &blocks[i]; b.Text == nil && len(b.JSON) == 0 {
			return dst, model.Errorf(model.Unsupported, "content", "ConverseStream carries only text and JSON in tool results.")
		}
	}
	raw, err := object.Marshal(blocks)
	if err != nil {
		return dst, err
	}
	dst = e.startFrame(dst, func(dst []byte) []byte {
		dst = object.AppendQuote(append(dst, `"toolResult":{"toolUseId":`...), p.CallID)
		if typ := extraString(p.Extra, "type"); typ != "" {
			dst = object.AppendQuote(append(dst, `,"type":`...), typ)
		}
		if p.Error {
			dst = append(dst, `,"status":"error"`...)
		}
		return append(dst, '}')
	})
	if len(blocks) == 0 {
		return dst, nil
	}
	dst, start := e.openDelta(dst)
	dst = append(append(dst, `{"toolResult":`...), raw...)
	return frame.Close(append(dst, "}}"...), start), nil
}
