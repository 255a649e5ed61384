package responses

import (
	"encoding/base64"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/raw"
)

// outItem is an output item, open or closed.
type outItem struct {
	kind  string // "msg", "rs", "fc" or "ctc"; empty for one that came whole
	id    string
	index int
	phase string
	// content holds a message's finished parts, next the index of the one to come.
	content raw.Builder
	next    int
	texts   int // the number of raw texts among thoughts
	call    *model.ToolCall
	thought []*model.Reasoning
	// sealed is the id that parts of a reasoning item share.
	sealed   string
	finished bool // its parts are whole; it closes with the next event
	cut      bool // it was closed before it was whole
	raw      []byte
	// run holds the parts of an item that is told by id, family and begun an item
	// of the server's as it was added, said how much of its arguments was told
	// and told whether all of them were.
	run    map[int]*outPart
	family string
	begun  []byte
	said   int
	told   bool
}

// open adds an item and appends output_item.added.
func (e *Encoder) open(dst []byte, kind, id string) ([]byte, *outItem) {
	it := &outItem{kind: kind, index: len(e.items)}
	it.id = e.itemID(kind, id, it.index)
	e.items = append(e.items, it)
	return dst, it
}

// itemID is the upstream's own id, unless it is taken, or a new one.
func (e *Encoder) itemID(kind, id string, n int) string {
	if id != "" {
		for _, it := range e.items {
			if it.id == id {
				id = ""
				break
			}
		}
	}
	switch {
	case id != "":
		return id
	case e.opts.ItemID != nil:
		return e.opts.ItemID(kind, n)
	}
	_, suffix, _ := strings.Cut(e.opts.ID, "_")
	return kind + "_" + suffix + "_" + strconv.Itoa(n)
}

func (e *Encoder) added(dst []byte, it *outItem, item []byte) []byte {
	b := e.event(dst, "response.output_item.added")
	b.Num("output_index", int64(it.index))
	b.Key("item")
	b.Bytes = append(b.Bytes, item...)
	return e.end(b)
}

// current is the open item of a kind that the last part belongs to, if any.
func (e *Encoder) current(kind string) *outItem {
	if n := len(e.items); n > 0 && e.items[n-1].kind == kind && e.items[n-1].raw == nil {
		return e.items[n-1]
	}
	return nil
}

// message returns the open message item for text of an item id, or opens one.
func (e *Encoder) message(dst []byte, id, phase string) ([]byte, *outItem) {
	if it := e.current("msg"); it != nil && (id == "" || it.id == id) {
		return dst, it
	}
	dst = e.settle(dst)
	dst, it := e.open(dst, "msg", id)
	it.phase = phase
	it.content.Open('[')
	return e.added(dst, it, it.messageItem("in_progress", []byte("[]"))), it
}

func (it *outItem) messageItem(status string, content []byte) []byte {
	var b raw.Builder
	b.Open('{')
	b.Str("type", "message")
	b.Str("id", it.id)
	b.Str("status", status)
	b.Str("role", "assistant")
	b.StrIf("phase", it.phase)
	b.Key("content")
	b.Bytes = append(b.Bytes, content...)
	b.Close('}')
	return b.Bytes
}

// thinking returns the open reasoning item for parts of an id, or opens one.
func (e *Encoder) thinking(dst []byte, id string) ([]byte, *outItem) {
	if it := e.current("rs"); it != nil && id != "" && it.sealed == id {
		return dst, it
	}
	dst = e.settle(dst)
	dst, it := e.open(dst, "rs", id)
	it.sealed = id
	var b raw.Builder
	writeReasoning(&b, it.id, "in_progress", nil)
	return e.added(dst, it, b.Bytes), it
}

func (e *Encoder) startCall(dst []byte, c *model.ToolCall) ([]byte, *outItem) {
	kind := "fc"
	if c.Custom {
		kind = "ctc"
	}
	dst = e.settle(dst)
	dst, it := e.open(dst, kind, c.ItemID)
	head := *c
	it.call = &head
	var b raw.Builder
	writeCall(&b, it.call, it.id, "in_progress", "")
	return e.added(dst, it, b.Bytes), it
}

// whole appends an item that comes in one piece.
func (e *Encoder) whole(dst []byte, kind string, item []byte) []byte {
	dst = e.settle(dst)
	dst, it := e.open(dst, kind, ItemID(item))
	var b raw.Builder
	b.Raw(WithItemID(item, it.id))
	it.kind, it.raw = "", b.Bytes
	dst = e.added(dst, it, it.raw)
	return e.itemDone(dst, it)
}

// picture is the item of an image the model made.
func picture(img *model.Image) []byte {
	var b raw.Builder
	b.Open('{')
	b.Str("type", "image_generation_call")
	b.Str("status", "completed")
	b.Str("result", base64.StdEncoding.EncodeToString(img.Source.Data))
	b.Close('}')
	return b.Bytes
}

// settle closes the items that nothing can extend once another one opens:
// all but the calls that are still under way.
func (e *Encoder) settle(dst []byte) []byte {
	for _, it := range e.items {
		if it.raw == nil && (it.finished || it.call == nil) {
			dst = e.closeItem(dst, it, "completed")
		}
	}
	return dst
}

// closeAll closes every item; of an answer cut short the last one is incomplete.
func (e *Encoder) closeAll(dst []byte, status string) []byte {
	for i, it := range e.items {
		if it.raw != nil {
			continue
		}
		if status != "completed" && i == len(e.items)-1 {
			dst = e.closeItem(dst, it, "incomplete")
		} else {
			dst = e.closeItem(dst, it, "completed")
		}
	}
	return dst
}

func (e *Encoder) closeItem(dst []byte, it *outItem, status string) []byte {
	if it.kind == "" {
		return e.abandon(dst, it)
	}
	it.cut = status == "incomplete"
	for _, n := range slices.Sorted(maps.Keys(it.run)) {
		dst = e.partStop(dst, it.run[n])
	}
	for _, p := range e.parts {
		if p.item == it && !p.closed {
			dst = e.partStop(dst, p)
		}
	}
	var b raw.Builder
	switch it.kind {
	case "msg":
		it.content.Close(']')
		it.raw = it.messageItem(status, it.content.Bytes)
		return e.itemDone(dst, it)
	case "rs":
		writeReasoning(&b, it.id, status, it.thought)
	default:
		if !it.told {
			dst = e.argumentsDone(dst, it)
		}
		writeCall(&b, it.call, it.id, status, it.call.Arguments)
	}
	it.raw = b.Bytes
	return e.itemDone(dst, it)
}

func (e *Encoder) argumentsDone(dst []byte, it *outItem) []byte {
	name, text := "response.function_call_arguments.done", "arguments"
	if it.call.Custom {
		name, text = "response.custom_tool_call_input.done", "input"
	}
	b := e.event(dst, name)
	b.Str("item_id", it.id)
	b.Num("output_index", int64(it.index))
	if !it.call.Custom {
		b.Str("name", it.call.Name)
	}
	b.Str(text, it.call.Arguments)
	return e.end(b)
}

func (e *Encoder) itemDone(dst []byte, it *outItem) []byte {
	b := e.event(dst, "response.output_item.done")
	b.Num("output_index", int64(it.index))
	b.Key("item")
	b.Bytes = append(b.Bytes, it.raw...)
	return e.end(b)
}
