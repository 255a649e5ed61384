package responses

import (
	"encoding/base64"
	"mime"
	"path"
	"strings"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/raw"
)

// decodeContent reads content that is a string or a list of content parts.
func decodeContent(v raw.Value) ([]model.Part, error) {
	if v.IsString() {
		return []model.Part{&model.Text{Text: v.Text()}}, nil
	}
	if !v.IsArray() {
		return nil, v.WrongType("a string or an array of content parts")
	}
	parts := []model.Part{}
	err := v.Items(func(_ int, c raw.Value) error {
		p, err := decodePart(c)
		if err != nil {
			return err
		}
		parts = append(parts, p)
		_, verbatim := p.(*model.Opaque)
		if mark := c.Get("prompt_cache_breakpoint"); mark.IsObject() && !verbatim {
			parts = append(parts, &model.CachePoint{TTL: mark.Get("ttl").Text()})
		}
		return nil
	})
	return parts, err
}

func decodePart(v raw.Value) (model.Part, error) {
	var kind string
	if !v.IsObject() {
		return nil, v.WrongType("an object")
	}
	if err := need(v, "type", &kind); err != nil {
		return nil, err
	}
	switch kind {
	case "input_text", "output_text", "text":
		return decodeText(v)
	case "refusal":
		r := &model.Refusal{}
		return r, need(v, "refusal", &r.Text)
	case "input_image":
		return decodeImage(v)
	case "input_file":
		return decodeFile(v)
	case "input_audio":
		return decodeAudio(v)
	}
	return &model.Opaque{Dialect: dialect, Raw: v.Compact()}, nil
}

func decodeText(v raw.Value) (model.Part, error) {
	t := &model.Text{}
	if err := need(v, "text", &t.Text); err != nil {
		return nil, err
	}
	if list := v.Get("annotations"); list.Given() {
		return t, list.Items(func(_ int, a raw.Value) error {
			c, err := decodeAnnotation(a)
			t.Citations = append(t.Citations, c)
			return err
		})
	}
	return t, nil
}

func decodeImage(v raw.Value) (model.Part, error) {
	img := &model.Image{}
	if err := v.Get("detail").OptString(&img.Detail); err != nil {
		return nil, err
	}
	if img.Detail == "auto" {
		img.Detail = ""
	}
	url := v.Get("image_url")
	switch {
	case url.Given():
		if !url.IsString() {
			return nil, url.WrongType("a string")
		}
		return img, decodeURL(url, &img.Source)
	case v.Get("file_id").Given():
		return img, v.Get("file_id").String(&img.Source.FileID)
	}
	return nil, v.Missing("image_url")
}

// decodeURL reads an address, or the bytes of a data: URL.
func decodeURL(v raw.Value, src *model.Source) error {
	text := v.Text()
	if !strings.HasPrefix(text, "data:") {
		src.URL = text
		return nil
	}
	head, body, ok := strings.Cut(text[len("data:"):], ",")
	kind, isBase64 := strings.CutSuffix(head, ";base64")
	if !ok || !isBase64 {
		return invalid(v, "invalid_value", "expected a data URL of base64, such as 'data:image/png;base64,…'.")
	}
	data, err := base64.StdEncoding.DecodeString(body)
	if err != nil {
		return invalid(v, "invalid_value", "the data URL is not valid base64.")
	}
	src.MIME, src.Data = kind, data
	return nil
}

func decodeFile(v raw.Value) (model.Part, error) {
	doc := &model.Document{}
	if err := v.Get("filename").OptString(&doc.Name); err != nil {
		return nil, err
	}
	data := v.Get("file_data")
	switch {
	case data.Given() && strings.HasPrefix(data.Text(), "data:"):
		return doc, decodeURL(data, &doc.Source)
	case data.Given():
		doc.Source.MIME = mimeOf(doc.Name)
		return doc, data.Base64(&doc.Source.Data)
	case v.Get("file_id").Given():
		return doc, v.Get("file_id").String(&doc.Source.FileID)
	case v.Get("file_url").Given():
		return doc, v.Get("file_url").String(&doc.Source.URL)
	}
	return nil, v.Missing("file_data")
}

// mimeOf guesses a file's type by its name; a file without one is taken for a PDF.
func mimeOf(name string) string {
	switch ext := strings.ToLower(path.Ext(name)); ext {
	case "", ".pdf":
		return "application/pdf"
	case ".md":
		return "text/markdown"
	case ".csv":
		return "text/csv"
	case ".txt":
		return "text/plain"
	default:
		kind, _, _ := strings.Cut(mime.TypeByExtension(ext), ";")
		return first(kind, "application/octet-stream")
	}
}

func decodeAudio(v raw.Value) (model.Part, error) {
	in := v.Get("input_audio")
	if !in.IsObject() {
		return nil, v.Missing("input_audio")
	}
	a := &model.Audio{}
	var format string
	if err := need(in, "format", &format); err != nil {
		return nil, err
	}
	a.Source.MIME = "audio/" + format
	return a, in.Get("data").Base64(&a.Source.Data)
}

// decodeAnnotation reads what ties text to its source. Only URL citations fit
// the hub whole; the others keep their raw form too.
func decodeAnnotation(v raw.Value) (model.Citation, error) {
	var kind string
	if !v.IsObject() {
		return model.Citation{}, v.WrongType("an object")
	}
	if err := need(v, "type", &kind); err != nil {
		return model.Citation{}, err
	}
	c := model.Citation{
		Source: v.Get("url").Text(), Title: first(v.Get("title").Text(), v.Get("filename").Text()), FileID: v.Get("file_id").Text(),
		TextStart: int(v.Get("start_index").Num()), TextEnd: int(v.Get("end_index").Num()),
	}
	if kind == "url_citation" {
		c.Kind = "web"
		if v.Known("type", "url", "title", "start_index", "end_index") {
			return c, nil
		}
	} else {
		c.Kind = "chunk"
	}
	c.Raw = &model.Opaque{Dialect: dialect, Raw: v.Compact()}
	return c, nil
}

// writeAnnotation writes a citation of text that is so many characters long
// and reports whether the dialect could express it. A vendor that does not
// tell which characters cite means the whole text.
func writeAnnotation(b *raw.Builder, c *model.Citation, length int) bool {
	if c.Raw != nil && c.Raw.Dialect == dialect {
		b.Raw(c.Raw.Raw)
		return true
	}
	link := strings.HasPrefix(c.Source, "https:") || strings.HasPrefix(c.Source, "http:")
	if !link && c.FileID == "" {
		return false
	}
	start, end := c.TextStart, c.TextEnd
	if start == 0 && end == 0 {
		end = length
	}
	b.Open('{')
	if link {
		b.Str("type", "url_citation")
		b.Str("url", c.Source)
		b.Str("title", c.Title)
		b.Num("start_index", int64(start))
		b.Num("end_index", int64(end))
	} else {
		b.Str("type", "file_citation")
		b.Str("file_id", c.FileID)
		b.Str("filename", c.Title)
		b.Num("index", int64(end))
	}
	b.Close('}')
	return true
}
