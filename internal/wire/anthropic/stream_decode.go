package anthropic

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/raw"
	"github.com/craton-ai/craton/internal/wire/sse"
)

// DecodeEvents reads an upstream's stream; closing it closes r. Usage told at
// the start comes as an EventUsage right after EventStart, so that an aborted
// answer can be metered, and again at the end. An error event becomes its
// *model.Error; a stream that ends without a stop reason is UpstreamGarbage.
// Event types that are not known are skipped, as the contract asks of clients.
func DecodeEvents(r io.ReadCloser) model.Stream {
	return &streamDecoder{src: r, events: sse.NewReader(r, sse.Limits{}), blocks: map[int]*inBlock{}, last: -1}
}

type streamDecoder struct {
	src    io.ReadCloser
	events *sse.Reader
	queue  []model.Event
	err    error
	closed atomic.Bool

	blocks  map[int]*inBlock
	last    int // the latest block's index
	usage   model.Usage
	metered bool
	began   bool
	stop    model.StopReason
	stopSeq string
	extra   raw.Extra
}

// inBlock is a content block under way.
type inBlock struct {
	takes  string // what its deltas extend; empty when it takes none
	empty  bool   // a call without arguments so far
	opaque []byte
	held   map[string][]byte // what deltas added to an opaque block
}

// What the deltas of a block extend.
const (
	takesText     = "text"
	takesThinking = "thinking"
	takesInput    = "input"
)

// takes says which block a type of delta fits.
var takes = map[string]string{
	"text_delta": takesText, "citations_delta": takesText,
	"thinking_delta": takesThinking, "signature_delta": takesThinking,
	"input_json_delta": takesInput,
}

// Next returns the next event; see model.Stream.
func (d *streamDecoder) Next() (model.Event, error) {
	for len(d.queue) == 0 {
		if d.err != nil {
			return model.Event{}, d.err
		}
		d.queue = d.queue[:0:cap(d.queue)]
		d.err = d.read()
	}
	ev := d.queue[0]
	d.queue = d.queue[1:]
	return ev, nil
}

// Close releases the upstream.
func (d *streamDecoder) Close() error {
	if d.closed.Swap(true) {
		return nil
	}
	return d.src.Close()
}

// read takes in one frame.
func (d *streamDecoder) read() error {
	frame, err := d.events.Next()
	switch {
	case err == nil:
	case d.closed.Load():
		return &model.Error{Kind: model.Canceled, Op: "wire/anthropic", Message: "The answer was closed.", Err: err}
	case errors.Is(err, io.EOF) && d.stop != "":
		return d.finish() // some servers omit message_stop
	case errors.Is(err, io.EOF):
		return garbage(fmt.Errorf("the stream ended before the answer did: %w", io.ErrUnexpectedEOF))
	default:
		return readError(err)
	}
	v, err := raw.ParseLenient(frame.Data, nil)
	if err != nil {
		return garbage(err)
	}
	return d.frame(v, frame.Data)
}

// readError keeps the cause of a failed read: a cancelled context is the client's, the rest the upstream's.
func readError(err error) error {
	e := model.AsError(err)
	if e.Kind != model.Internal {
		return e
	}
	return &model.Error{Kind: model.UpstreamDown, Op: "wire/anthropic", Message: "The connection to the upstream broke.", Err: err}
}

func (d *streamDecoder) frame(v raw.Value, data []byte) error {
	kind := v.Get("type").Text()
	switch kind {
	case "ping":
		if !d.began {
			return nil
		}
		d.queue = append(d.queue, model.Event{Kind: model.EventPing})
		return nil
	case "error":
		return DecodeError(0, nil, data)
	case "message_start":
		return d.start(v.Get("message"))
	case "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop":
	default:
		return nil
	}
	if !d.began {
		return garbage(fmt.Errorf("%s came before message_start", kind))
	}
	switch kind {
	case "message_delta":
		return d.messageDelta(v)
	case "message_stop":
		return d.finish()
	}
	index := v.Get("index")
	if !index.IsInt() || index.Num() < 0 {
		return garbage(fmt.Errorf("%s has no index", kind))
	}
	i := int(index.Num())
	bl := d.blocks[i]
	switch {
	case kind == "content_block_start" && i > d.last:
		d.last = i
		return d.blockStart(i, v.Get("content_block"))
	case kind == "content_block_start" || bl == nil:
		return garbage(fmt.Errorf("%s for block %d is out of order", kind, i))
	case kind == "content_block_stop":
		d.blockStop(i, bl)
		return nil
	}
	return d.delta(i, bl, v.Get("delta"))
}

func (d *streamDecoder) start(m raw.Value) error {
	if d.began || !m.IsObject() {
		return garbage(errors.New("message_start came twice or without a message"))
	}
	d.began = true
	d.queue = append(d.queue, model.Event{Kind: model.EventStart, ID: m.Get("id").Text(), Model: m.Get("model").Text()})
	if u := m.Get("usage"); u.IsObject() {
		d.metered = true
		addUsage(&d.usage, u)
		early := d.usage
		d.queue = append(d.queue, model.Event{Kind: model.EventUsage, Usage: &early})
	}
	return nil
}

func (d *streamDecoder) emit(i int, ev model.Event) {
	ev.Index = i
	d.queue = append(d.queue, ev)
}

func (d *streamDecoder) open(i int, bl *inBlock, p model.Part) {
	d.blocks[i] = bl
	d.emit(i, model.Event{Kind: model.EventPartStart, Part: p})
}

// blockStart opens a part. What the block holds already comes as a delta, so
// that parts open empty whatever the upstream does.
func (d *streamDecoder) blockStart(i int, v raw.Value) error {
	part, err := decodeBlock(v)
	if err != nil {
		return garbage(err)
	}
	for _, other := range d.blocks {
		if _, call := part.(*model.ToolCall); !call || other.takes != takesInput {
			return garbage(fmt.Errorf("block %d opens before the one before it was closed", i))
		}
	}
	delta := model.Event{Kind: model.EventDelta}
	switch p := part.(type) {
	case *model.Opaque:
		d.blocks[i] = &inBlock{opaque: p.Raw}
		return nil
	case *model.Text:
		delta.Text = p.Text
		d.open(i, &inBlock{takes: takesText}, &model.Text{Citations: p.Citations})
	case *model.Reasoning:
		if p.Redacted != nil {
			d.open(i, &inBlock{}, p)
			return nil
		}
		delta.Text, delta.Signature = p.Text, p.Signature
		d.open(i, &inBlock{takes: takesThinking}, &model.Reasoning{})
	case *model.ToolCall:
		head := *p
		head.Arguments = ""
		empty := p.Arguments == "{}"
		if !empty {
			delta.Text = p.Arguments
		}
		d.open(i, &inBlock{takes: takesInput, empty: empty}, &head)
	default:
		d.open(i, &inBlock{}, part)
	}
	if delta.Text != "" || delta.Signature != "" {
		d.emit(i, delta)
	}
	return nil
}

func (d *streamDecoder) delta(i int, bl *inBlock, v raw.Value) error {
	kind := v.Get("type").Text()
	if bl.opaque != nil {
		bl.hold(kind, v)
		return nil
	}
	if want := takes[kind]; want != "" && want != bl.takes {
		return garbage(fmt.Errorf("%s for block %d, which cannot take it", kind, i))
	}
	ev := model.Event{Kind: model.EventDelta}
	switch kind {
	case "text_delta":
		ev.Text = v.Get("text").Text()
	case "thinking_delta":
		ev.Text = v.Get("thinking").Text()
	case "signature_delta":
		ev.Signature = v.Get("signature").Text()
	case "input_json_delta":
		ev.Text = v.Get("partial_json").Text()
		bl.empty = bl.empty && ev.Text == ""
	case "citations_delta":
		c, err := decodeCitation(v.Get("citation"))
		if err != nil {
			return garbage(err)
		}
		ev.Citation = &c
	}
	if ev.Text != "" || ev.Signature != "" || ev.Citation != nil {
		d.emit(i, ev)
	}
	return nil
}

// hold keeps a delta of an opaque block until the block is whole.
func (bl *inBlock) hold(kind string, v raw.Value) {
	for _, f := range [...][3]string{
		{"input_json_delta", "partial_json", "input"},
		{"text_delta", "text", "text"},
		{"compaction_delta", "content", "content"},
	} {
		if f[0] == kind {
			if bl.held == nil {
				bl.held = map[string][]byte{}
			}
			bl.held[f[2]] = append(bl.held[f[2]], v.Get(f[1]).Text()...)
		}
	}
}

// whole is the opaque block with its deltas applied.
func (bl *inBlock) whole() []byte {
	if len(bl.held) == 0 {
		return bl.opaque
	}
	head, err := raw.ParseLenient(bl.opaque, nil)
	if err != nil {
		return bl.opaque
	}
	var b raw.Builder
	b.Open('{')
	b.Merge(bl.opaque, func(key string) bool { return bl.held[key] != nil })
	for _, key := range []string{"text", "content", "input"} {
		added := bl.held[key]
		switch {
		case added == nil:
		case key == "input":
			b.Val(key, added)
		default:
			b.Str(key, head.Get(key).Text()+string(added))
		}
	}
	b.Close('}')
	return b.Bytes
}

func (d *streamDecoder) blockStop(i int, bl *inBlock) {
	if bl.opaque != nil {
		d.emit(i, model.Event{Kind: model.EventPartStart, Part: &model.Opaque{Dialect: dialect, Raw: bytes.Clone(bl.whole())}})
	}
	if bl.empty {
		d.emit(i, model.Event{Kind: model.EventDelta, Text: "{}"})
	}
	delete(d.blocks, i)
	d.emit(i, model.Event{Kind: model.EventPartStop})
}

func (d *streamDecoder) messageDelta(v raw.Value) error {
	delta := v.Get("delta")
	if s := delta.Get("stop_reason").Text(); s != "" {
		d.stop = model.StopReason(s)
	}
	d.stopSeq = first(delta.Get("stop_sequence").Text(), d.stopSeq)
	for _, key := range []string{"container", "stop_details"} {
		if m := delta.Get(key); m.Given() {
			d.extra.Add(key, m)
		}
	}
	if m := v.Get("context_management"); m.Given() {
		d.extra.Add("context_management", m)
	}
	if u := v.Get("usage"); u.IsObject() {
		d.metered = true
		addUsage(&d.usage, u)
		keepUsage(&d.extra, u)
	}
	return nil
}

// finish closes what is open and tells why the answer ended and what it cost.
func (d *streamDecoder) finish() error {
	for _, i := range slices.Sorted(maps.Keys(d.blocks)) {
		d.blockStop(i, d.blocks[i])
	}
	if d.stop == "" {
		d.stop = model.StopEnd
	}
	d.emit(0, model.Event{Kind: model.EventStop, Stop: d.stop, StopSequence: d.stopSeq})
	if o := d.extra.Opaque(dialect); o != nil {
		d.emit(0, model.Event{Kind: model.EventOpaque, Opaque: o})
	}
	usage := d.usage
	usage.Absent = !d.metered
	d.emit(0, model.Event{Kind: model.EventUsage, Usage: &usage})
	return io.EOF
}
