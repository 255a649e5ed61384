package responses

import (
	"encoding/base64"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/raw"
	"github.com/tidwall/gjson"
)

// EncodeItems writes messages as a JSON array of items, the inverse of
// DecodeItems. Items whose id is unknown get none; see WithItemID. What the
// dialect cannot express is left out and reported.
func EncodeItems(msgs []model.Message) ([]byte, []model.Loss, error) {
	w := itemWriter{}
	w.list(msgs, 0, "messages")
	return w.b.Bytes, w.losses, nil
}

// SplitItems returns each item of a JSON array of items.
func SplitItems(items []byte) ([][]byte, error) {
	v, err := raw.ParseLenient(items, &style)
	if err != nil {
		return nil, err
	}
	var out [][]byte
	return out, v.Items(func(_ int, item raw.Value) error {
		if !item.IsObject() {
			return item.WrongType("an object")
		}
		out = append(out, item.Raw())
		return nil
	})
}

// ItemID returns an item's id, empty when it has none.
func ItemID(item []byte) string {
	v, err := raw.ParseLenient(item, nil)
	if err != nil {
		return ""
	}
	return v.Get("id").Text()
}

// WithItemID returns an item with its id set; what is not an object is returned as it is.
func WithItemID(item []byte, id string) []byte {
	v, err := raw.ParseLenient(item, nil)
	if err != nil || !v.IsObject() {
		return item
	}
	var b raw.Builder
	b.Open('{')
	b.Str("id", id)
	b.Merge(item, func(key string) bool { return key == "id" })
	b.Close('}')
	return b.Bytes
}

// itemWriter writes items. An upstream gets no ids but those that matter
// there, and nothing another vendor made.
type itemWriter struct {
	b        raw.Builder
	upstream bool
	losses   []model.Loss
}

func (w *itemWriter) lose(path string, s model.Severity, what string) {
	w.losses = append(w.losses, model.Loss{Path: path, What: what, Severity: s})
}

func at(path string, i int) string { return path + "." + strconv.Itoa(i) }

// list writes messages, of which the first is number from in the request.
func (w *itemWriter) list(msgs []model.Message, from int, path string) {
	w.b.Open('[')
	for i := range msgs {
		m := &msgs[i]
		here := at(path, from+i)
		if m.Name != "" {
			w.lose(here+".name", model.LossMinor, "the participant's name")
		}
		if m.Role == model.RoleAssistant {
			w.assistant(m, here)
		} else {
			w.others(m, here)
		}
	}
	w.b.Close(']')
}

// others writes a message that is not the assistant's: its content as a
// message item, its tool results as items of their own.
func (w *itemWriter) others(m *model.Message, path string) {
	var run []model.Part
	from := 0
	flush := func() {
		if len(run) > 0 {
			w.message(m, m.ID, "", run, path, from)
		}
		run = nil
	}
	for i, p := range m.Parts {
		switch p := p.(type) {
		case *model.ToolResult:
			flush()
			w.result(p, at(path+".parts", i))
			continue
		case *model.Opaque:
			if !isContent(p) {
				flush()
				w.opaque(p, at(path+".parts", i))
				continue
			}
		}
		if run == nil {
			from = i
		}
		run = append(run, p)
	}
	flush()
}

// itemOf returns the id of the message item that text belongs to.
func itemOf(p model.Part) (id string, text bool) {
	switch p := p.(type) {
	case *model.Text:
		return p.ItemID, true
	case *model.Refusal:
		return p.ItemID, true
	}
	return "", false
}

// assistant writes text as message items, by their ids, and other parts as items of their own.
func (w *itemWriter) assistant(m *model.Message, path string) {
	for i := 0; i < len(m.Parts); {
		here := at(path+".parts", i)
		n := 1
		switch p := m.Parts[i].(type) {
		case *model.Text, *model.Refusal:
			id, _ := itemOf(p)
			for i+n < len(m.Parts) && continues(m.Parts[i+n], id) {
				n++
			}
			phase := ""
			if t, ok := p.(*model.Text); ok {
				phase = t.Phase
			}
			w.message(m, first(id, m.ID), phase, m.Parts[i:i+n], path, i)
		case *model.Reasoning:
			parts := []*model.Reasoning{p}
			for i+n < len(m.Parts) {
				next, ok := m.Parts[i+n].(*model.Reasoning)
				if !ok || p.ID == "" || next.ID != p.ID {
					break
				}
				parts = append(parts, next)
				n++
			}
			w.reasoning(parts, here)
		case *model.ToolCall:
			w.call(p, here)
		case *model.Opaque:
			if isContent(p) {
				w.message(m, m.ID, "", m.Parts[i:i+1], path, i)
			} else {
				w.opaque(p, here)
			}
		case *model.CachePoint:
		case *model.ToolResult:
			w.lose(here, model.LossMinor, "the result of another vendor's own tool")
		default:
			w.lose(here, model.LossMajor, "an assistant's content that is not text")
		}
		i += n
	}
}

// continues reports whether a part belongs to the message item with that id.
func continues(p model.Part, id string) bool {
	if o, ok := p.(*model.Opaque); ok {
		return isContent(o)
	}
	have, text := itemOf(p)
	return text && have == id
}

func (w *itemWriter) message(m *model.Message, id, phase string, parts []model.Part, path string, from int) {
	b := &w.b
	b.Open('{')
	b.Str("type", "message")
	if !w.upstream {
		b.StrIf("id", id)
		b.Str("status", first(m.Status, "completed"))
	}
	b.Str("role", string(m.Role))
	b.Key("content")
	b.Open('[')
	for i, p := range parts {
		var mark *model.CachePoint
		if i+1 < len(parts) {
			mark, _ = parts[i+1].(*model.CachePoint)
		}
		w.content(m.Role, p, mark, at(path+".parts", from+i))
	}
	b.Close(']')
	b.StrIf("phase", phase)
	b.Close('}')
}

// isContent tells an opaque content part from an opaque item by its type.
func isContent(o *model.Opaque) bool {
	kind := gjson.GetBytes(o.Raw, "type").Str
	switch kind {
	case "text", "refusal", "reasoning_text", "summary_text", "computer_screenshot", "encrypted_content":
		return true
	}
	return strings.HasPrefix(kind, "input_") || strings.HasPrefix(kind, "output_")
}

func (w *itemWriter) opaque(o *model.Opaque, path string) {
	if o.Dialect != dialect {
		w.lose(path, model.LossMajor, "content that only "+string(o.Dialect)+" knows")
		return
	}
	w.b.Raw(o.Raw)
}

func (w *itemWriter) reasoning(parts []*model.Reasoning, path string) {
	p, secret := parts[0], ""
	for _, r := range parts {
		secret = first(seal(r), secret)
	}
	if w.upstream && (p.ID == "" || secret == "" || strings.HasPrefix(secret, "craton:")) {
		w.lose(path, model.LossMinor, "thinking that another vendor made or that came without its encrypted form")
		return
	}
	writeReasoning(&w.b, p.ID, "", parts)
}

func (w *itemWriter) call(c *model.ToolCall, path string) {
	if c.Server {
		w.lose(path, model.LossMinor, "a call of another vendor's own tool")
		return
	}
	b := &w.b
	id := c.ItemID
	if w.upstream {
		id = ""
	}
	writeCall(b, c, id, "completed", c.Arguments)
}

// writeCall writes a call's item; extra members of another dialect are left out.
func writeCall(b *raw.Builder, c *model.ToolCall, id, status, arguments string) {
	kind, text := "function_call", "arguments"
	if c.Custom {
		kind, text = "custom_tool_call", "input"
	}
	b.Open('{')
	b.Str("type", kind)
	b.StrIf("id", id)
	b.Str("call_id", c.ID)
	b.Str("name", c.Name)
	b.Str(text, arguments)
	extra := own(c.Extra)
	if !gjson.GetBytes(extra, "status").Exists() {
		b.StrIf("status", status)
	}
	b.Merge(extra, nil)
	b.Close('}')
}

func own(x *model.Opaque) []byte {
	if x == nil || x.Dialect != dialect {
		return nil
	}
	return x.Raw
}

func (w *itemWriter) result(r *model.ToolResult, path string) {
	if r.Server {
		w.lose(path, model.LossMinor, "the result of another vendor's own tool")
		return
	}
	if r.Error {
		w.lose(path+".error", model.LossMinor, "the mark that the call failed")
	}
	b := &w.b
	b.Open('{')
	if r.Custom {
		b.Str("type", "custom_tool_call_output")
	} else {
		b.Str("type", "function_call_output")
	}
	extra := own(r.Extra)
	if !w.upstream {
		b.StrIf("id", r.ItemID)
		if !gjson.GetBytes(extra, "status").Exists() {
			b.Str("status", "completed")
		}
	}
	b.Str("call_id", r.CallID)
	b.Key("output")
	if t, ok := plain(r.Content); ok {
		b.String(t)
	} else {
		b.Open('[')
		for i, p := range r.Content {
			var mark *model.CachePoint
			if i+1 < len(r.Content) {
				mark, _ = r.Content[i+1].(*model.CachePoint)
			}
			w.content(model.RoleUser, p, mark, at(path+".content", i))
		}
		b.Close(']')
	}
	b.Merge(extra, nil)
	b.Close('}')
}

// plain is content that is one text, which the dialect writes as a string.
func plain(parts []model.Part) (string, bool) {
	if len(parts) == 0 {
		return "", true
	}
	switch t := parts[0].(type) {
	case *model.Text:
		return t.Text, len(parts) == 1 && t.Text != ""
	case *model.Structured:
		return string(t.JSON), len(parts) == 1
	}
	return "", false
}

// content writes one content part.
func (w *itemWriter) content(role model.Role, p model.Part, mark *model.CachePoint, path string) {
	b := &w.b
	size := len(b.Bytes)
	switch p := p.(type) {
	case *model.Text:
		w.text(role, p, path)
	case *model.Refusal:
		b.Open('{')
		b.Str("type", "refusal")
		b.Str("refusal", p.Text)
		b.Close('}')
	case *model.Structured:
		writeTextPart(b, "input_text", string(p.JSON))
	case *model.Guard:
		w.lose(path, model.LossMinor, "the mark for guardrail evaluation")
		if p.Image != nil {
			w.image(&model.Image{Source: *p.Image}, path)
		} else {
			writeTextPart(b, "input_text", p.Text)
		}
	case *model.Image:
		w.image(p, path)
	case *model.Document:
		w.file(p, path)
	case *model.Audio:
		w.audio(p, path)
	case *model.SearchResult:
		w.searchResult(p, path)
	case *model.Opaque:
		w.opaque(p, path)
	case *model.CachePoint:
		return
	default:
		w.lose(path, model.LossMajor, "content that the dialect has no form for")
	}
	if mark != nil && len(b.Bytes) > size {
		w.mark(mark, path)
	}
}

// mark adds a cache point to the content part just written. Upstreams get only
// those that spell the dialect's own lifetimes: the dialect caches by itself.
func (w *itemWriter) mark(mark *model.CachePoint, path string) {
	native := mark.TTL == "30m" || mark.TTL == "12h"
	if w.upstream && !native {
		w.lose(path, model.LossMinor, "the cache point")
		return
	}
	b := &w.b
	b.Bytes = b.Bytes[:len(b.Bytes)-1]
	b.Key("prompt_cache_breakpoint")
	b.Open('{')
	b.Str("mode", "explicit")
	b.StrIf("ttl", mark.TTL)
	b.Close('}')
	b.Close('}')
}

func (w *itemWriter) text(role model.Role, t *model.Text, path string) {
	if role != model.RoleAssistant {
		writeTextPart(&w.b, "input_text", t.Text)
		return
	}
	b := &w.b
	b.Open('{')
	b.Str("type", "output_text")
	b.Str("text", t.Text)
	b.Key("annotations")
	b.Open('[')
	for i := range t.Citations {
		if !writeAnnotation(b, &t.Citations[i], utf8.RuneCountInString(t.Text)) {
			w.lose(path+".citations", model.LossMinor, "a citation of another vendor's form")
		}
	}
	b.Close(']')
	b.Close('}')
}

func (w *itemWriter) image(img *model.Image, path string) {
	s := &img.Source
	if strings.HasPrefix(s.URL, "s3:") || s.URL == "" && s.Data == nil && s.FileID == "" {
		w.lose(path, model.LossMajor, "an image the dialect cannot refer to")
		return
	}
	b := &w.b
	b.Open('{')
	b.Str("type", "input_image")
	b.Str("detail", first(img.Detail, "auto"))
	switch {
	case s.Data != nil:
		b.Str("image_url", dataURL(s, "image/png"))
	case s.URL != "":
		b.Str("image_url", s.URL)
	default:
		b.Str("file_id", s.FileID)
	}
	b.Close('}')
}

func dataURL(s *model.Source, kind string) string {
	return "data:" + first(s.MIME, kind) + ";base64," + base64.StdEncoding.EncodeToString(s.Data)
}
