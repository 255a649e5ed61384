package responses

import (
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/raw"
)

// Echo is what is kept of a create request to write its response object later:
// everything but the input and the tools' secrets. DecodeRequest reads it.
func Echo(body []byte) ([]byte, error) {
	root, err := raw.Parse(body, &style)
	if err != nil {
		return nil, err
	}
	var b raw.Builder
	b.Open('{')
	b.Str("input", "")
	err = root.Members(func(key string, v raw.Value) error {
		switch {
		case key == "input":
		case key == "tools" && v.IsArray():
			b.Key(key)
			b.Open('[')
			err := v.Items(func(_ int, t raw.Value) error {
				b.Open('{')
				b.Merge(t.Raw(), secret)
				b.Close('}')
				return nil
			})
			b.Close(']')
			return err
		default:
			b.Val(key, v.Raw())
		}
		return nil
	})
	b.Close('}')
	return b.Bytes, err
}

// ContextManagement is context_management.
type ContextManagement struct {
	// Compact is the number of tokens from which the context is compacted; 0
	// for never.
	Compact int64
}

// Management reads context_management. Errors are *model.Error of kind Invalid.
func (o *Options) Management() (m ContextManagement, err error) {
	if o.ContextManagement == nil {
		return m, nil
	}
	root, err := raw.Parse([]byte(`{"context_management":`+string(o.ContextManagement)+`}`), &style)
	if err != nil {
		return m, err
	}
	list := root.Get("context_management")
	if !list.IsArray() {
		return m, list.WrongType("an array")
	}
	err = list.Items(func(_ int, v raw.Value) error {
		var kind string
		if err := need(v, "type", &kind); err != nil {
			return err
		}
		if err := oneOf(v.Get("type"), "compaction"); err != nil {
			return err
		}
		m.Compact = defaultThreshold
		if at := v.Get("compact_threshold"); at.Given() {
			if !at.IsInt() || at.Num() < leastThreshold {
				return invalid(at, "integer_below_min_value", "it is a number of tokens, at least %d.", leastThreshold)
			}
			m.Compact = at.Num()
		}
		return nil
	})
	return m, err
}

// Bounds of compact_threshold.
const (
	leastThreshold   = 1000
	defaultThreshold = 100_000
)

// CompactionItem writes a compaction item; sealed is its content.
func CompactionItem(id, sealed string) []byte {
	var b raw.Builder
	b.Open('{')
	b.Str("type", "compaction")
	b.Str("id", id)
	b.Str("encrypted_content", sealed)
	b.Close('}')
	return b.Bytes
}

// BlankCompaction is a compaction item whose content is not there yet.
func BlankCompaction(id string) []byte { return CompactionItem(id, "") }

// EncodeFormat writes a text format.
func EncodeFormat(f *model.Format) []byte {
	var b raw.Builder
	writeFormat(&b, f)
	return b.Bytes
}

// Unstored is a request whose response is not kept: an input that it lacks is
// empty.
func Unstored(body []byte) ([]byte, error) {
	root, err := raw.Parse(body, &style)
	if err != nil {
		return nil, err
	}
	if !root.IsObject() {
		return nil, root.WrongType("an object")
	}
	var b raw.Builder
	b.Open('{')
	b.Merge(body, func(key string) bool { return key == "store" || key == "background" || key == "stream" })
	b.Flag("store", false)
	if !root.Get("input").Exists() {
		b.Key("input")
		b.Literal("[]")
	}
	b.Close('}')
	return b.Bytes, nil
}

// Replay appends the events of a response object that is whole.
func Replay(dst, object []byte) []byte {
	e := &Encoder{opts: ResponseOptions{}, began: true, raw: object}
	root, err := raw.ParseLenient(object, nil)
	if err != nil {
		return dst
	}
	dst = e.replayLifecycle(dst, "response.created", "in_progress")
	dst = e.replayLifecycle(dst, "response.in_progress", "in_progress")
	output := root.Get("output")
	if output.IsArray() {
		_ = output.Items(func(_ int, v raw.Value) error { // it never fails
			dst = e.replayItem(dst, v)
			return nil
		})
	}
	status := root.Get("status").Text()
	switch status {
	case "completed", "failed", "incomplete":
	default:
		status = "incomplete"
	}
	return e.terminate(e.replayLifecycle(dst, "response."+status, ""))
}

// replayLifecycle tells of the whole object; with a status, as it was before
// its output.
func (e *Encoder) replayLifecycle(dst []byte, name, status string) []byte {
	b := e.event(dst, name)
	b.Key("response")
	if status == "" {
		b.Raw(e.raw)
		return e.end(b)
	}
	b.Open('{')
	b.Merge(e.raw, func(key string) bool {
		switch key {
		case "status", "output", "completed_at", "usage", "error", "incomplete_details":
			return true
		}
		return false
	})
	b.Str("status", status)
	b.Key("output")
	b.Literal("[]")
	b.Nil("completed_at", "usage", "error", "incomplete_details")
	b.Close('}')
	return e.end(b)
}

// replayItem tells of one item: a message with its texts, others whole.
func (e *Encoder) replayItem(dst []byte, v raw.Value) []byte {
	id, content := v.Get("id").Text(), v.Get("content")
	if v.Get("type").Text() != "message" || !content.IsArray() || id == "" {
		return e.FinishItem(dst, v.Raw())
	}
	it := &outItem{id: id, index: len(e.items), phase: v.Get("phase").Text()}
	e.items = append(e.items, it)
	dst = e.added(dst, it, it.messageItem("in_progress", []byte("[]")))
	_ = content.Items(func(i int, part raw.Value) error { // it never fails
		p := &outPart{item: it, index: i}
		text := part.Get("text").Text()
		if part.Get("type").Text() != "output_text" {
			dst = e.contentPart(dst, p, "response.content_part.added", part.Raw())
			dst = e.contentPart(dst, p, "response.content_part.done", part.Raw())
			return nil
		}
		dst = e.contentPart(dst, p, "response.content_part.added", (&outPart{}).part())
		b := e.about(dst, p, "response.output_text.delta", "content_index")
		b.Str("delta", text)
		b.Key("logprobs")
		b.Literal("[]")
		b = e.about(e.end(b), p, "response.output_text.done", "content_index")
		b.Str("text", text)
		b.Key("logprobs")
		b.Literal("[]")
		dst = e.contentPart(e.end(b), p, "response.content_part.done", part.Raw())
		return nil
	})
	it.raw = v.Raw()
	return e.itemDone(dst, it)
}

// Streamed is a response.create message as the request it stands for.
func Streamed(body []byte) ([]byte, error) {
	var b raw.Builder
	b.Open('{')
	b.Merge(body, func(key string) bool { return key == "background" || key == "stream" || key == "type" })
	b.Flag("stream", true)
	b.Close('}')
	return b.Bytes, nil
}
