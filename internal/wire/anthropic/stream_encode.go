package anthropic

import (
	"fmt"
	"maps"
	"slices"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/raw"
	"github.com/tidwall/gjson"
)

// Encoder writes a streamed answer as server-sent events. It is not safe for
// concurrent use.
type Encoder struct {
	opts    ResponseOptions
	start   model.Event
	usage   model.Usage
	extra   []byte
	stop    model.StopReason
	stopSeq string
	blocks  map[int]*openBlock
	next    int
	began   bool
	done    bool
	losses  []model.Loss
}

// openBlock is a part under way.
type openBlock struct {
	index int
	kind  blockKind
	open  bool // content_block_start was written
	// held is what can only be written at the end: redacted thinking, or the
	// arguments of a free-text tool call.
	held []byte
	sum  bool // held is redacted thinking
}

type blockKind uint8

const (
	blockSkipped blockKind = iota
	blockText
	blockThinking
	blockCall
	blockCustom
	blockWhole
)

// NewEncoder returns an Encoder.
func NewEncoder(opts ResponseOptions) *Encoder {
	return &Encoder{opts: opts, blocks: map[int]*openBlock{}}
}

// Losses lists what the dialect could not express so far.
func (e *Encoder) Losses() []model.Loss { return e.losses }

// Append appends the frames for one event. message_start is held back until
// the event after EventStart, so that usage known at the start can stand in
// it; the stop reason and the last usage are held back for Finish. The error
// is *model.Error for an event out of order.
func (e *Encoder) Append(dst []byte, ev model.Event) ([]byte, error) {
	switch {
	case e.done:
		return dst, nil
	case ev.Kind == model.EventStart:
		e.start = ev
		return dst, nil
	case ev.Kind == model.EventUsage:
		if ev.Usage != nil {
			e.usage = *ev.Usage
		}
		return dst, nil
	case ev.Kind == model.EventOpaque:
		if own := ownExtra(ev.Opaque); own != nil {
			e.extra = own
		}
		return dst, nil
	}
	dst = e.begin(dst)
	if ev.Choice != 0 {
		if ev.Kind == model.EventPartStart {
			e.lose(at("choices", ev.Choice), model.LossMajor, "more than one answer")
		}
		return dst, nil
	}
	switch ev.Kind {
	case model.EventPartStart:
		return e.partStart(dst, ev)
	case model.EventDelta:
		return e.delta(dst, ev)
	case model.EventPartStop:
		return e.partStop(dst, ev), nil
	case model.EventStop:
		e.stop, e.stopSeq = ev.Stop, ev.StopSequence
	case model.EventPing:
		dst = append(dst, "event: ping\ndata: {\"type\":\"ping\"}\n\n"...)
	}
	return dst, nil
}

// AppendError appends the dialect's error event; nothing follows it.
func (e *Encoder) AppendError(dst []byte, err *model.Error) []byte {
	if e.done {
		return dst
	}
	e.done = true
	dst = append(dst, "event: error\ndata: "...)
	return append(appendError(dst, err, e.opts.RequestID), "\n\n"...)
}

// Finish appends message_delta and message_stop, closing what is still open.
func (e *Encoder) Finish(dst []byte) []byte {
	if e.done {
		return dst
	}
	dst = e.begin(dst)
	for _, i := range slices.Sorted(maps.Keys(e.blocks)) {
		dst = e.partStop(dst, model.Event{Index: i})
	}
	e.done = true
	b := frame(dst, "message_delta")
	b.Key("delta")
	b.Open('{')
	b.Str("stop_reason", stopToWire(e.stop))
	b.StrNull("stop_sequence", e.stopSeq)
	b.Merge(e.extra, func(key string) bool { return key == "usage" || key == "context_management" })
	b.Close('}')
	if cm := gjson.GetBytes(e.extra, "context_management").Raw; cm != "" {
		b.Key("context_management")
		b.RawString(cm)
	}
	b.Key("usage")
	writeUsage(&b, &e.usage, []byte(gjson.GetBytes(e.extra, "usage").Raw))
	return append(end(b), "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"...)
}

func (e *Encoder) lose(path string, s model.Severity, what string) {
	for _, have := range e.losses {
		if have.What == what {
			return
		}
	}
	e.losses = append(e.losses, model.Loss{Path: path, What: what, Severity: s})
}

// frame begins an event whose data is an object of that type.
func frame(dst []byte, name string) raw.Builder {
	dst = append(append(dst, "event: "...), name...)
	dst = append(dst, "\ndata: {\"type\":\""...)
	dst = append(append(dst, name...), '"')
	return raw.Builder{Bytes: dst}
}

func end(b raw.Builder) []byte { return append(b.Bytes, "}\n\n"...) }

func (e *Encoder) begin(dst []byte) []byte {
	if e.began {
		return dst
	}
	e.began = true
	b := frame(dst, "message_start")
	b.Key("message")
	b.Open('{')
	b.Str("id", first(e.opts.ID, e.start.ID))
	b.Literal(`"type":"message","role":"assistant"`)
	b.Str("model", first(e.opts.Model, e.start.Model))
	b.Literal(`"content":[],"stop_reason":null,"stop_sequence":null`)
	b.Key("usage")
	writeUsage(&b, &e.usage, nil)
	b.Close('}')
	return end(b)
}

func (e *Encoder) partStart(dst []byte, ev model.Event) ([]byte, error) {
	if _, dup := e.blocks[ev.Index]; dup || ev.Part == nil {
		return dst, garbage(fmt.Errorf("part %d was opened twice or without content", ev.Index))
	}
	bl := &openBlock{}
	e.blocks[ev.Index] = bl
	ev.Kind = model.EventDelta
	switch p := ev.Part.(type) {
	case *model.Text:
		bl.kind = blockText
		dst = e.open(dst, bl, `{"type":"text","text":""}`)
		for i := range p.Citations {
			ev.Citation = &p.Citations[i]
			dst = e.text(dst, bl, ev)
		}
		ev.Text, ev.Citation = p.Text, nil
	case *model.Refusal:
		bl.kind, ev.Text = blockText, p.Text
		dst = e.open(dst, bl, `{"type":"text","text":""}`)
	case *model.Reasoning:
		bl.kind = blockThinking
		ev.Text, ev.Signature, ev.Data = p.Text, p.Signature, p.Redacted
		bl.sum = p.Redacted != nil
	case *model.ToolCall:
		return e.startCall(dst, bl, p), nil
	case *model.CachePoint:
	default:
		return e.whole(dst, bl, ev.Index, ev.Part), nil
	}
	if ev.Text == "" && ev.Signature == "" && len(ev.Data) == 0 {
		return dst, nil
	}
	return e.delta(dst, ev)
}

// open writes content_block_start with a literal block.
func (e *Encoder) open(dst []byte, bl *openBlock, content string) []byte {
	bl.index, bl.open = e.next, true
	e.next++
	b := frame(dst, "content_block_start")
	b.Num("index", int64(bl.index))
	b.Key("content_block")
	b.Literal(content)
	return end(b)
}

func (e *Encoder) startCall(dst []byte, bl *openBlock, c *model.ToolCall) []byte {
	bl.kind = blockCall
	if c.Custom {
		bl.kind = blockCustom
	}
	head := *c
	head.Arguments = ""
	if head.Extra != nil && head.Extra.Dialect != dialect {
		head.Extra = nil
	}
	w := requestEncoder{}
	w.writeCall("", &head)
	dst = e.open(dst, bl, string(w.b.Bytes))
	if c.Arguments == "" {
		return dst
	}
	return e.arguments(dst, bl, c.Arguments)
}

// whole writes a part that comes in one piece, such as an Opaque.
func (e *Encoder) whole(dst []byte, bl *openBlock, index int, p model.Part) []byte {
	w := requestEncoder{}
	w.block(block{part: p, path: at("choices.0.parts", index)})
	for _, l := range w.losses {
		e.lose(l.Path, l.Severity, l.What)
	}
	if len(w.b.Bytes) == 0 {
		return dst
	}
	bl.kind = blockWhole
	return e.open(dst, bl, string(w.b.Bytes))
}

func (e *Encoder) delta(dst []byte, ev model.Event) ([]byte, error) {
	bl := e.blocks[ev.Index]
	if bl == nil {
		return dst, garbage(fmt.Errorf("part %d was extended before it was opened", ev.Index))
	}
	if len(ev.Logprobs) > 0 {
		e.lose("choices.0.logprobs", model.LossMinor, "log probabilities")
	}
	switch bl.kind {
	case blockText:
		return e.text(dst, bl, ev), nil
	case blockThinking:
		return e.think(dst, bl, ev), nil
	case blockCall, blockCustom:
		return e.arguments(dst, bl, ev.Text), nil
	}
	return dst, nil
}

// change begins a content_block_delta up to the delta's type.
func change(dst []byte, bl *openBlock, kind string) raw.Builder {
	b := frame(dst, "content_block_delta")
	b.Num("index", int64(bl.index))
	b.Literal(`"delta":{"type":"`)
	b.Bytes = append(append(b.Bytes, kind...), '"')
	return b
}

func (e *Encoder) text(dst []byte, bl *openBlock, ev model.Event) []byte {
	if ev.Text != "" {
		b := change(dst, bl, "text_delta")
		b.Str("text", ev.Text)
		b.Close('}')
		dst = end(b)
	}
	if ev.Citation == nil {
		return dst
	}
	b := change(dst, bl, "citations_delta")
	b.Key("citation")
	if !writeCitation(&b, ev.Citation) {
		e.lose(at("choices.0.parts", ev.Index), model.LossMinor, "citations the dialect has no form for")
		return dst
	}
	b.Close('}')
	return end(b)
}

// think writes thinking. Whether it is redacted shows only with its first
// bytes, so the block opens then.
func (e *Encoder) think(dst []byte, bl *openBlock, ev model.Event) []byte {
	if len(ev.Data) > 0 {
		bl.held, bl.sum = append(bl.held, ev.Data...), true
		return dst
	}
	if bl.sum || ev.Text == "" && ev.Signature == "" {
		return dst
	}
	if !bl.open {
		dst = e.open(dst, bl, `{"type":"thinking","thinking":"","signature":""}`)
	}
	if ev.Text != "" {
		b := change(dst, bl, "thinking_delta")
		b.Str("thinking", ev.Text)
		b.Close('}')
		dst = end(b)
	}
	if ev.Signature != "" {
		b := change(dst, bl, "signature_delta")
		b.Str("signature", ev.Signature)
		b.Close('}')
		dst = end(b)
	}
	return dst
}

func (e *Encoder) arguments(dst []byte, bl *openBlock, text string) []byte {
	if bl.kind == blockCustom {
		bl.held = append(bl.held, text...)
		return dst
	}
	if text == "" {
		return dst
	}
	b := change(dst, bl, "input_json_delta")
	b.Str("partial_json", text)
	b.Close('}')
	return end(b)
}

func (e *Encoder) partStop(dst []byte, ev model.Event) []byte {
	bl := e.blocks[ev.Index]
	if bl == nil || bl.kind == blockSkipped {
		return dst
	}
	switch {
	case bl.kind == blockCustom:
		var w raw.Builder
		writeInput(&w, &model.ToolCall{Arguments: string(bl.held), Custom: true})
		bl.kind = blockCall
		dst = e.arguments(dst, bl, string(w.Bytes))
	case bl.kind == blockThinking && !bl.open:
		var w raw.Builder
		r := &model.Reasoning{}
		if bl.sum {
			r.Redacted = append([]byte{}, bl.held...)
		}
		writeReasoning(&w, r)
		dst = e.open(dst, bl, string(w.Bytes))
	}
	bl.kind = blockSkipped
	b := frame(dst, "content_block_stop")
	b.Num("index", int64(bl.index))
	return end(b)
}
