package responses

import (
	"strings"

	"github.com/craton-ai/craton/internal/model"
)

func (w *itemWriter) file(d *model.Document, path string) {
	s := d.Source
	switch {
	case strings.HasPrefix(s.URL, "s3:"):
		w.lose(path, model.LossMajor, "a document that only S3 holds")
		return
	case d.Content != nil || s.Text != "":
		w.inline(d, path)
		return
	case s.URL == "" && s.Data == nil && s.FileID == "":
		w.lose(path, model.LossMajor, "a document without content")
		return
	}
	if d.Context != "" || d.Citations {
		w.lose(path, model.LossMinor, "the document's context or its wish for citations")
	}
	b := &w.b
	b.Open('{')
	b.Str("type", "input_file")
	b.StrIf("filename", first(d.Name, d.Title))
	switch {
	case s.Data != nil:
		b.Str("file_data", dataURL(&s, "application/pdf"))
	case s.URL != "":
		b.Str("file_url", s.URL)
	default:
		b.Str("file_id", s.FileID)
	}
	b.Close('}')
}

// inline writes a document given as text as text, headed by its title.
func (w *itemWriter) inline(d *model.Document, path string) {
	if d.Citations {
		w.lose(path, model.LossMinor, "the document's wish for citations")
	}
	var b strings.Builder
	for _, s := range []string{first(d.Title, d.Name), d.Context, d.Source.Text} {
		if s != "" {
			b.WriteString(s + "\n")
		}
	}
	w.flat(&b, d.Content, path)
	writeTextPart(&w.b, "input_text", strings.TrimSuffix(b.String(), "\n"))
}

// flat adds the text of parts; anything else is lost.
func (w *itemWriter) flat(b *strings.Builder, parts []model.Part, path string) {
	for i, p := range parts {
		switch p := p.(type) {
		case *model.Text:
			b.WriteString(p.Text + "\n")
		case *model.CachePoint:
		default:
			w.lose(at(path+".content", i), model.LossMajor, "content of a document that is not text")
		}
	}
}

func (w *itemWriter) searchResult(r *model.SearchResult, path string) {
	if r.Citations {
		w.lose(path, model.LossMinor, "the search result's wish for citations")
	}
	var b strings.Builder
	b.WriteString(r.Title + "\n" + r.Source + "\n")
	w.flat(&b, r.Content, path)
	writeTextPart(&w.b, "input_text", strings.TrimSuffix(b.String(), "\n"))
}

func (w *itemWriter) audio(a *model.Audio, path string) {
	if a.Source.Data == nil {
		w.lose(path, model.LossMajor, "audio that is not given as bytes")
		return
	}
	format := strings.TrimPrefix(a.Source.MIME, "audio/")
	switch format {
	case "mpeg":
		format = "mp3"
	case "x-wav", "wave":
		format = "wav"
	}
	b := &w.b
	b.Open('{')
	b.Str("type", "input_audio")
	b.Key("input_audio")
	b.Open('{')
	b.Key("data")
	b.Base64(a.Source.Data)
	b.Str("format", format)
	b.Close('}')
	b.Close('}')
}
