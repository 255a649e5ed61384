package responses

import (
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/raw"
)

// What follows writes answers whose items are made elsewhere, with ids of their
// own, some by tools that the server runs. Such an answer is not written with
// Append: its items are added, extended and finished by id, in any number at a
// time. What is said of an item that was not added is left out.

// item finds an item of the answer.
func (e *Encoder) item(id string) *outItem {
	for _, it := range e.items {
		if it.id == id {
			return it
		}
	}
	return nil
}

// Has reports whether the item was added.
func (e *Encoder) Has(id string) bool { return e.item(id) != nil }

// Open lists the items that were added and not finished, in order.
func (e *Encoder) Open() (ids []string) {
	for _, it := range e.items {
		if it.raw == nil {
			ids = append(ids, it.id)
		}
	}
	return ids
}

// AddMessage adds a message of the assistant.
func (e *Encoder) AddMessage(dst []byte, id string) []byte {
	dst, it := e.open(dst, "msg", id)
	it.run = map[int]*outPart{}
	it.content.Open('[')
	return e.added(dst, it, it.messageItem("in_progress", []byte("[]")))
}

// AddReasoning adds an item of reasoning.
func (e *Encoder) AddReasoning(dst []byte, id string) []byte {
	dst, it := e.open(dst, "rs", id)
	it.run = map[int]*outPart{}
	var b raw.Builder
	writeReasoning(&b, id, "in_progress", nil)
	return e.added(dst, it, b.Bytes)
}

// AddCall adds a call of a function or of a custom tool that the client
// carries out.
func (e *Encoder) AddCall(dst []byte, id string, call *model.ToolCall) []byte {
	kind := "fc"
	if call.Custom {
		kind = "ctc"
	}
	dst, it := e.open(dst, kind, id)
	head := *call
	it.call, head.Arguments = &head, ""
	var b raw.Builder
	writeCall(&b, it.call, id, "in_progress", "")
	return e.added(dst, it, b.Bytes)
}

// AddItem adds an item of the server's as it stands; it is a JSON object with
// an id and a type.
func (e *Encoder) AddItem(dst, item []byte) []byte {
	dst, it := e.open(dst, "", ItemID(item))
	it.family, it.begun = ItemType(item), item
	return e.added(dst, it, item)
}

// AddPart adds part n of a message or of an item of reasoning.
func (e *Encoder) AddPart(dst []byte, id string, n int, part model.Part) []byte {
	it := e.item(id)
	if it == nil || it.run == nil || it.run[n] != nil || it.raw != nil {
		return dst
	}
	p := &outPart{item: it, kind: partText}
	it.run[n] = p
	switch part := part.(type) {
	case *model.Refusal:
		p.kind = partRefusal
	case *model.Reasoning:
		p.kind, p.thought = partThought, &model.Reasoning{Summary: part.Summary}
		return e.openThought(dst, p)
	}
	p.index = it.next
	it.next++
	return e.contentPart(dst, p, "response.content_part.added", p.part())
}

// AddText extends part n.
func (e *Encoder) AddText(dst []byte, id string, n int, text string) []byte {
	if it := e.item(id); it != nil && it.run[n] != nil && text != "" {
		return e.delta(dst, it.run[n], &model.Event{Kind: model.EventDelta, Text: text})
	}
	return dst
}

// FinishPart finishes part n: whole is what it came to.
func (e *Encoder) FinishPart(dst []byte, id string, n int, whole model.Part) []byte {
	it := e.item(id)
	if it == nil || it.run[n] == nil || it.run[n].closed {
		return dst
	}
	if t, ok := whole.(*model.Text); ok {
		for i := range t.Citations {
			dst = e.annotate(dst, it.run[n], &t.Citations[i])
		}
	}
	return e.partStop(dst, it.run[n])
}

// AddArguments extends the arguments of a call.
func (e *Encoder) AddArguments(dst []byte, id, text string) []byte {
	it := e.item(id)
	if it == nil || text == "" || it.told {
		return dst
	}
	name := ""
	switch {
	case it.call != nil && it.call.Custom:
		name = "response.custom_tool_call_input.delta"
	case it.call != nil:
		name = "response.function_call_arguments.delta"
	case it.family == "mcp_call":
		name = "response.mcp_call_arguments.delta"
	default:
		return dst
	}
	it.said += len(text)
	b := e.about(dst, &outPart{item: it}, name, "")
	b.Str("delta", text)
	return e.end(b)
}

// FinishArguments says all of a call's arguments, and those first that were
// not said yet.
func (e *Encoder) FinishArguments(dst []byte, id, arguments string) []byte {
	it := e.item(id)
	if it == nil || it.told {
		return dst
	}
	if it.said < len(arguments) {
		dst = e.AddArguments(dst, id, arguments[it.said:])
	}
	it.told = true
	switch {
	case it.call != nil:
		it.call.Arguments = arguments
		return e.argumentsDone(dst, it)
	case it.family != "mcp_call":
		return dst
	}
	b := e.about(dst, &outPart{item: it}, "response.mcp_call_arguments.done", "")
	b.Str("arguments", arguments)
	return e.end(b)
}

// Progress says how an item of the server's stands, as in
// "response.mcp_call.in_progress".
func (e *Encoder) Progress(dst []byte, id, state string) []byte {
	it := e.item(id)
	if it == nil {
		return dst
	}
	return e.end(e.about(dst, &outPart{item: it}, "response."+it.family+"."+state, ""))
}

// FinishMessage finishes a message.
func (e *Encoder) FinishMessage(dst []byte, id, phase, status string) []byte {
	it := e.item(id)
	if it == nil || it.raw != nil || it.run == nil {
		return dst
	}
	it.phase = phase
	return e.closeItem(dst, it, status)
}

// FinishReasoning finishes an item of reasoning: whole is what it came to.
func (e *Encoder) FinishReasoning(dst []byte, id, status string, whole []model.Part) []byte {
	it := e.item(id)
	if it == nil || it.raw != nil || it.run == nil {
		return dst
	}
	it.thought = nil
	for _, part := range whole {
		if r, ok := part.(*model.Reasoning); ok {
			it.thought = append(it.thought, r)
		}
	}
	return e.closeItem(dst, it, status)
}

// FinishCall finishes a call that the client carries out.
func (e *Encoder) FinishCall(dst []byte, id, status string) []byte {
	it := e.item(id)
	if it == nil || it.raw != nil || it.call == nil {
		return dst
	}
	return e.closeItem(dst, it, status)
}

// FinishItem finishes an item of the server's, which is added first if it was
// not yet.
func (e *Encoder) FinishItem(dst, item []byte) []byte {
	it := e.item(ItemID(item))
	if it == nil {
		dst = e.AddItem(dst, item)
		it = e.items[len(e.items)-1]
	}
	if it.raw != nil {
		return dst
	}
	it.raw = item
	return e.itemDone(dst, it)
}

// Abandon finishes an item that is not whole and will not be.
func (e *Encoder) Abandon(dst []byte, id string) []byte {
	if it := e.item(id); it != nil && it.raw == nil {
		return e.closeItem(dst, it, "incomplete")
	}
	return dst
}

// abandon closes an item of the server's as it stands.
func (e *Encoder) abandon(dst []byte, it *outItem) []byte {
	var b raw.Builder
	b.Open('{')
	b.Merge(it.begun, func(key string) bool { return key == "status" })
	if it.family != "mcp_list_tools" && it.family != "mcp_approval_request" {
		b.Str("status", "incomplete")
	}
	b.Close('}')
	it.raw = b.Bytes
	return e.itemDone(dst, it)
}

// Ended is how an answer ends.
type Ended struct {
	// Status is "completed", "incomplete", "failed" or "cancelled"; empty takes
	// what Stop gives.
	Status string
	Stop   model.StopReason
	// Error is why it failed.
	Error *model.Error
	Usage *model.Usage
	// At is when, in Unix seconds.
	At int64
}

// Close closes whatever is open and appends the answer's last event.
func (e *Encoder) Close(dst []byte, how Ended) []byte {
	e.stop, e.usage = how.Stop, how.Usage
	e.opts.Error, e.opts.Status = how.Error, how.Status
	if how.Status == "failed" || how.Status == "cancelled" {
		dst = e.closeAll(e.Start(dst), "incomplete")
	}
	return e.Finish(dst, how.At)
}

// Snapshot is the response object while the answer is being made.
func (e *Encoder) Snapshot(status string) []byte {
	o := object{opts: &e.opts, model: e.model, status: status, output: e.output(false)}
	var b raw.Builder
	o.write(&b)
	return b.Bytes
}
