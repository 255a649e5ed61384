package responses

import (
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

// DecodeEvents reads an upstream's stream; closing it closes r. An error event
// or a failed response becomes its *model.Error; a stream that ends without a
// terminal event is UpstreamGarbage. Servers that leave out content_part
// events, or send the output only with the terminal event, are understood;
// event types that are not known are skipped.
func DecodeEvents(r io.ReadCloser) model.Stream {
	return &streamDecoder{
		src: r, events: sse.NewReader(r, sse.Limits{}),
		items: map[int64]*inItem{}, open: map[place]*inPart{}, last: -1,
	}
}

// place is an output item with a part of it: a content index, a summary index
// counted from -1 downwards, or whole for a call.
type place struct{ output, part int64 }

const whole = int64(-1 << 40)

type streamDecoder struct {
	src    io.ReadCloser
	events *sse.Reader
	queue  []model.Event
	err    error
	closed atomic.Bool

	began bool
	items map[int64]*inItem
	open  map[place]*inPart
	last  int // the latest part's index
	calls bool
	says  bool // text was seen
	no    bool // a refusal was seen
}

// inItem is an output item under way.
type inItem struct {
	kind, id, phase string
	parts           int // how many parts it has had
	done            bool
}

// inPart is an open hub part.
type inPart struct {
	index  int
	kind   string // "text", "refusal", "reasoning" or "call"
	filled bool   // it has had a delta
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
		return &model.Error{Kind: model.Canceled, Op: "wire/responses", Message: "The answer was closed.", Err: err}
	case errors.Is(err, io.EOF):
		return garbage(fmt.Errorf("the stream ended before the answer did: %w", io.ErrUnexpectedEOF))
	default:
		if e := model.AsError(err); e.Kind != model.Internal {
			return e
		}
		return &model.Error{Kind: model.UpstreamDown, Op: "wire/responses", Message: "The connection to the upstream broke.", Err: err}
	}
	if string(frame.Data) == "[DONE]" {
		return garbage(errors.New("the stream ended without a terminal event"))
	}
	v, err := raw.ParseLenient(frame.Data, nil)
	if err != nil {
		return garbage(err)
	}
	return d.frame(v)
}

func (d *streamDecoder) frame(v raw.Value) error {
	kind := v.Get("type").Text()
	switch kind {
	case "error":
		return failed(v)
	case "response.created", "response.in_progress", "response.queued":
		d.start(v.Get("response"))
		return nil
	case "keepalive":
		if d.began {
			d.queue = append(d.queue, model.Event{Kind: model.EventPing})
		}
		return nil
	case "response.completed", "response.incomplete", "response.failed":
		r := v.Get("response")
		if !r.IsObject() {
			return garbage(fmt.Errorf("%s has no response", kind))
		}
		d.start(r)
		return d.finish(r)
	}
	if !d.began {
		if kind == "" && v.Get("error").IsObject() {
			return failed(v)
		}
		return garbage(fmt.Errorf("%q came before the response", kind))
	}
	return d.itemEvent(kind, v)
}

func (d *streamDecoder) start(r raw.Value) {
	if d.began {
		return
	}
	d.began = true
	d.queue = append(d.queue, model.Event{
		Kind: model.EventStart, ID: r.Get("id").Text(), Model: r.Get("model").Text(), Created: r.Get("created_at").Num(),
	})
}

// itemEvent reads the events that belong to an output item.
func (d *streamDecoder) itemEvent(kind string, v raw.Value) error {
	output := v.Get("output_index").Num()
	switch kind {
	case "response.output_item.added":
		return d.itemAdded(output, v.Get("item"))
	case "response.output_item.done":
		return d.itemDone(output, v.Get("item"))
	}
	it := d.items[output]
	if it == nil {
		return nil
	}
	content := place{output, max(v.Get("content_index").Num(), 0)}
	summary := place{output, -1 - max(v.Get("summary_index").Num(), 0)}
	call := place{output, whole}
	switch kind {
	case "response.content_part.added":
		return d.contentAdded(content, it, v.Get("part"))
	case "response.output_text.delta":
		return d.extend(content, it, "text", model.Event{Text: v.Get("delta").Text(), Logprobs: readLogprobs(v.Get("logprobs"))})
	case "response.output_text.annotation.added":
		c, err := decodeAnnotation(v.Get("annotation"))
		if err != nil {
			return garbage(err)
		}
		return d.extend(content, it, "text", model.Event{Citation: &c})
	case "response.refusal.delta":
		return d.extend(content, it, "refusal", model.Event{Text: v.Get("delta").Text()})
	case "response.reasoning_text.delta":
		return d.extend(content, it, "reasoning", model.Event{Text: v.Get("delta").Text()})
	case "response.reasoning_summary_text.delta":
		return d.extend(summary, it, "reasoning", model.Event{Text: v.Get("delta").Text()})
	case "response.function_call_arguments.delta", "response.custom_tool_call_input.delta":
		return d.extend(call, it, "call", model.Event{Text: v.Get("delta").Text()})
	}
	return nil
}

func (d *streamDecoder) itemAdded(output int64, v raw.Value) error {
	if d.items[output] != nil || !v.IsObject() {
		return garbage(fmt.Errorf("output item %d was added twice or is none", output))
	}
	it := &inItem{kind: v.Get("type").Text(), id: v.Get("id").Text(), phase: v.Get("phase").Text()}
	d.items[output] = it
	if it.kind == "function_call" || it.kind == "custom_tool_call" {
		return d.openCall(output, it, v)
	}
	return nil
}

func (d *streamDecoder) openCall(output int64, it *inItem, v raw.Value) error {
	c := &model.ToolCall{
		ID: v.Get("call_id").Text(), ItemID: it.id, Name: v.Get("name").Text(), Custom: it.kind == "custom_tool_call",
	}
	if c.ID == "" || c.Name == "" {
		return garbage(fmt.Errorf("call %d has no call_id or name", output))
	}
	var id string
	extra, err := rest(v, &id, "type", "call_id", "name", "arguments", "input", "status")
	if err != nil {
		return garbage(err)
	}
	c.Extra, d.calls = extra, true
	d.begin(place{output, whole}, it, "call", c)
	return nil
}

// begin opens a part; parts that may not stay open beside it are closed first.
func (d *streamDecoder) begin(at place, it *inItem, kind string, p model.Part) *inPart {
	for _, other := range d.order() {
		if kind != "call" || d.open[other].kind != "call" {
			d.stop(other)
		}
	}
	d.last++
	it.parts++
	part := &inPart{index: d.last, kind: kind}
	d.open[at] = part
	d.queue = append(d.queue, model.Event{Kind: model.EventPartStart, Index: part.index, Part: p})
	return part
}

// order lists the open parts by their index.
func (d *streamDecoder) order() []place {
	return slices.SortedFunc(maps.Keys(d.open), func(a, b place) int { return d.open[a].index - d.open[b].index })
}

func (d *streamDecoder) stop(at place) {
	p := d.open[at]
	if p == nil {
		return
	}
	delete(d.open, at)
	d.queue = append(d.queue, model.Event{Kind: model.EventPartStop, Index: p.index})
}

func (d *streamDecoder) contentAdded(at place, it *inItem, v raw.Value) error {
	switch v.Get("type").Text() {
	case "output_text":
		d.openText(at, it)
	case "refusal":
		d.no = true
		d.begin(at, it, "refusal", &model.Refusal{ItemID: it.id})
	case "reasoning_text":
		d.begin(at, it, "reasoning", &model.Reasoning{ID: it.id})
	default:
		return nil
	}
	text := first(v.Get("text").Text(), v.Get("refusal").Text())
	if text == "" {
		return nil
	}
	return d.extend(at, it, d.open[at].kind, model.Event{Text: text})
}

func (d *streamDecoder) openText(at place, it *inItem) {
	d.says = true
	d.begin(at, it, "text", &model.Text{ItemID: it.id, Phase: it.phase})
}

// extend adds to a part, and opens it where the upstream did not.
func (d *streamDecoder) extend(at place, it *inItem, kind string, ev model.Event) error {
	p := d.open[at]
	if p == nil {
		switch {
		case it.done:
			return garbage(fmt.Errorf("output item %d was extended after it was done", at.output))
		case kind == "text":
			d.openText(at, it)
		case kind == "refusal":
			d.no = true
			d.begin(at, it, kind, &model.Refusal{ItemID: it.id})
		case kind == "reasoning":
			d.begin(at, it, kind, &model.Reasoning{ID: it.id, Summary: at.part < 0})
		default:
			return garbage(fmt.Errorf("output item %d is no open call", at.output))
		}
		p = d.open[at]
	}
	if p.kind != kind {
		return garbage(fmt.Errorf("%s was added to %s", kind, p.kind))
	}
	if ev.Text == "" && ev.Citation == nil && ev.Signature == "" && len(ev.Data) == 0 && len(ev.Logprobs) == 0 {
		return nil
	}
	p.filled = true
	ev.Kind, ev.Index = model.EventDelta, p.index
	d.queue = append(d.queue, ev)
	return nil
}

// itemDone closes an item. What it holds beyond what was streamed is added.
func (d *streamDecoder) itemDone(output int64, v raw.Value) error {
	it := d.items[output]
	if it == nil {
		if err := d.itemAdded(output, v); err != nil {
			return err
		}
		it = d.items[output]
	}
	if it.done {
		return garbage(fmt.Errorf("output item %d was done twice", output))
	}
	if kind := v.Get("type").Text(); kind != it.kind {
		return garbage(fmt.Errorf("output item %d was opened as %q and is done as %q", output, it.kind, kind))
	}
	var err error
	switch it.kind {
	case "message":
		if it.parts == 0 {
			err = d.emitMessage(it, v)
		}
	case "reasoning":
		err = d.reasoningDone(output, it, v)
	case "function_call", "custom_tool_call":
		at := place{output, whole}
		if p := d.open[at]; p != nil && !p.filled {
			err = d.extend(at, it, "call", model.Event{Text: first(v.Get("arguments").Text(), v.Get("input").Text())})
		}
	default:
		d.emit(it, &model.Opaque{Dialect: dialect, Raw: v.Compact()})
	}
	it.done = true
	for _, at := range d.order() {
		if at.output == output {
			d.stop(at)
		}
	}
	return err
}

// emit adds a part that comes whole.
func (d *streamDecoder) emit(it *inItem, p model.Part) {
	at := place{-1, whole}
	d.begin(at, it, "whole", p)
	d.stop(at)
}

func (d *streamDecoder) emitMessage(it *inItem, v raw.Value) error {
	parts, err := decodeContent(v.Get("content"))
	if err != nil {
		return garbage(err)
	}
	for _, p := range parts {
		switch p := p.(type) {
		case *model.Text:
			p.ItemID, p.Phase, d.says = it.id, it.phase, true
		case *model.Refusal:
			p.ItemID, d.no = it.id, true
		}
		d.emit(it, p)
	}
	return nil
}

// reasoningDone adds the encrypted thinking to the last open part, or makes
// parts of an item that was not streamed.
func (d *streamDecoder) reasoningDone(output int64, it *inItem, v raw.Value) error {
	parts, err := reasoningParts(v, false)
	if err != nil {
		return garbage(err)
	}
	if it.parts == 0 {
		for _, p := range parts {
			d.emit(it, p)
		}
		return nil
	}
	last, ok := parts[len(parts)-1].(*model.Reasoning)
	if !ok || last.Signature == "" {
		return nil
	}
	var target *inPart
	for at, p := range d.open {
		if at.output == output && p.kind == "reasoning" && (target == nil || p.index > target.index) {
			target = p
		}
	}
	if target == nil {
		d.emit(it, &model.Reasoning{ID: last.ID, Signature: last.Signature})
		return nil
	}
	d.queue = append(d.queue, model.Event{Kind: model.EventDelta, Index: target.index, Signature: last.Signature})
	return nil
}

// finish reads the terminal event.
func (d *streamDecoder) finish(r raw.Value) error {
	if r.Get("status").Text() == "failed" {
		return failed(r)
	}
	if d.last < 0 && r.Get("output").IsArray() {
		i := int64(0)
		err := r.Get("output").Items(func(_ int, item raw.Value) error {
			i++
			if d.items[i-1] != nil && d.items[i-1].done {
				return nil
			}
			return d.itemDone(i-1, item)
		})
		if err != nil {
			return garbage(err)
		}
	}
	for _, at := range d.order() {
		d.stop(at)
	}
	usage := readTotals(r)
	d.queue = append(d.queue,
		model.Event{Kind: model.EventStop, Stop: stopOf(r, d.calls, d.no && !d.says)},
		model.Event{Kind: model.EventUsage, Usage: &usage})
	return io.EOF
}

// readTotals reads usage and the tier used.
func readTotals(r raw.Value) model.Usage {
	var u model.Usage
	u.Absent = !readUsage(r.Get("usage"), &u)
	if tier := r.Get("service_tier").Text(); tier != "auto" {
		u.ServiceTier = tier
	}
	return u
}

// stopOf reads why an answer ended; the dialect does not tell calls from a plain end.
func stopOf(r raw.Value, calls, refused bool) model.StopReason {
	if r.Get("status").Text() == "incomplete" {
		if r.Get("incomplete_details").Get("reason").Text() == "content_filter" {
			return model.StopContentFilter
		}
		return model.StopMaxTokens
	}
	switch {
	case calls:
		return model.StopToolUse
	case refused:
		return model.StopRefusal
	}
	return model.StopEnd
}

func readLogprobs(v raw.Value) (list []model.TokenLogprob) {
	if !v.IsArray() {
		return nil
	}
	_ = v.Items(func(_ int, m raw.Value) error {
		l := model.TokenLogprob{Token: m.Get("token").Text()}
		var p *float64
		if m.Get("logprob").IsNumber() && m.Get("logprob").FloatPtr(&p, -1e300, 1e300) == nil {
			l.Logprob = *p
		}
		if bytes := m.Get("bytes"); bytes.IsArray() {
			l.Bytes = []byte{}
			_ = bytes.Items(func(_ int, b raw.Value) error {
				l.Bytes = append(l.Bytes, byte(b.Num()))
				return nil
			})
		}
		l.Top = readLogprobs(m.Get("top_logprobs"))
		list = append(list, l)
		return nil
	})
	return list
}
