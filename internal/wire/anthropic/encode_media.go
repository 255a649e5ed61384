package anthropic

import (
	"net/http"
	"strings"

	"github.com/craton-ai/craton/internal/model"
)

func (e *requestEncoder) image(bl block, img *model.Image) {
	if img.Detail != "" && img.Detail != "auto" {
		e.lose(bl.path+".detail", model.LossMinor, "the image's level of detail")
	}
	if !e.sourceFits(bl.path, &img.Source) {
		return
	}
	e.b.Open('{')
	e.b.Str("type", "image")
	e.source(&img.Source)
	writeCache(&e.b, bl.cache)
	e.b.Close('}')
}

// sourceFits reports whether the dialect can refer to a medium.
func (e *requestEncoder) sourceFits(path string, s *model.Source) bool {
	if strings.HasPrefix(s.URL, "s3:") {
		e.lose(path, model.LossMajor, "an object that only S3 holds")
		return false
	}
	if s.URL == "" && s.FileID == "" && s.Text == "" && s.Data == nil {
		e.lose(path, model.LossMajor, "a medium without content")
		return false
	}
	return true
}

// source writes the source member.
func (e *requestEncoder) source(s *model.Source) {
	b := &e.b
	b.Key("source")
	b.Open('{')
	switch {
	case s.Data != nil:
		mime := s.MIME
		if mime == "" {
			mime, _, _ = strings.Cut(http.DetectContentType(s.Data), ";")
		}
		b.Str("type", "base64")
		b.Str("media_type", mime)
		b.Key("data")
		b.Base64(s.Data)
	case s.URL != "":
		b.Str("type", "url")
		b.Str("url", s.URL)
	case s.FileID != "":
		b.Str("type", "file")
		b.Str("file_id", s.FileID)
	default:
		b.Str("type", "text")
		b.Str("media_type", "text/plain")
		b.Str("data", s.Text)
	}
	b.Close('}')
}

func (e *requestEncoder) document(bl block, d *model.Document) {
	src, ok := e.documentSource(bl.path, d)
	if !ok {
		return
	}
	b := &e.b
	b.Open('{')
	b.Str("type", "document")
	if d.Content != nil {
		b.Key("source")
		b.Open('{')
		b.Str("type", "content")
		b.Key("content")
		e.inner(bl.path, d.Content)
		b.Close('}')
	} else {
		e.source(&src)
	}
	title := d.Title
	if title == "" {
		title = d.Name
	}
	b.StrIf("title", title)
	b.StrIf("context", d.Context)
	if d.Citations {
		b.Key("citations")
		b.Literal(`{"enabled":true}`)
	}
	writeCache(b, bl.cache)
	b.Close('}')
}

// documentSource turns textual bytes into text, since the dialect takes only PDF as bytes.
func (e *requestEncoder) documentSource(path string, d *model.Document) (model.Source, bool) {
	s := d.Source
	if d.Content != nil {
		return s, true
	}
	if s.Data != nil && (strings.HasPrefix(s.MIME, "text/") || s.MIME == "application/json") {
		return model.Source{Text: string(s.Data)}, true
	}
	if s.Data != nil && s.MIME != "" && s.MIME != "application/pdf" {
		e.lose(path, model.LossMajor, "a document of type "+s.MIME)
		return s, false
	}
	if s.Text == "" && s.Data == nil && s.URL == "" && s.FileID == "" && s.MIME == "text/plain" {
		return s, true
	}
	return s, e.sourceFits(path, &s)
}

// inner writes a list of blocks inside a block.
func (e *requestEncoder) inner(path string, parts []model.Part) {
	e.b.Open('[')
	for _, bl := range e.blocks(path, model.Message{Parts: parts}) {
		switch bl.part.(type) {
		case *model.Text, *model.Image, *model.Opaque:
			e.block(bl)
		default:
			e.lose(bl.path, model.LossMajor, "content that cannot stand inside a document")
		}
	}
	e.b.Close(']')
}

func (e *requestEncoder) searchResult(bl block, r *model.SearchResult) {
	b := &e.b
	b.Open('{')
	b.Str("type", "search_result")
	b.Str("source", r.Source)
	b.Str("title", r.Title)
	b.Key("content")
	e.inner(bl.path, r.Content)
	if r.Citations {
		b.Key("citations")
		b.Literal(`{"enabled":true}`)
	}
	writeCache(b, bl.cache)
	b.Close('}')
}
