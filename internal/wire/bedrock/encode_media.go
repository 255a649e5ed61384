package bedrock

import (
	"fmt"
	"strings"

	"github.com/craton-ai/craton/internal/model"
)

// medium writes an image, audio, video or document block; false with a Loss
// when Converse cannot carry it.
func (e *requestEncoder) medium(p model.Part, path string) (blockShape, bool) {
	switch p := p.(type) {
	case *model.Image:
		if p.Detail != "" && p.Detail != "auto" {
			e.lose(path+".detail", model.LossMinor, "Converse has no detail setting of images.")
		}
		m, ok := e.source(&p.Source, "image", path)
		return blockShape{Image: m}, ok
	case *model.Video:
		m, ok := e.source(&p.Source, "video", path)
		return blockShape{Video: m}, ok
	case *model.Audio:
		if len(p.Source.Data) == 0 && p.Source.URL == "" && p.Transcript != "" {
			e.lose(path, model.LossMinor, "Earlier speech is sent as its transcript.")
			return e.text(p.Transcript, nil, placeMessage)
		}
		m, ok := e.source(&p.Source, "audio", path)
		return blockShape{Audio: m}, ok
	case *model.Document:
		return e.document(p, path)
	}
	return blockShape{}, false
}

// source writes a medium's format and bytes or S3 address.
func (e *requestEncoder) source(src *model.Source, kind, path string) (*mediaShape, bool) {
	m := &mediaShape{Format: formatOf(kind, src.MIME), Source: &sourceShape{}}
	if m.Format == "" {
		m.Format = sniff(src.Data)
	}
	if m.Format == "" && kind != "document" {
		e.lose(path, model.LossMajor, "Converse does not know the %s format %q.", kind, src.MIME)
		return nil, false
	}
	switch {
	case src.Data != nil:
		m.Source.Bytes = src.Data
	case strings.HasPrefix(src.URL, "s3://"):
		m.Source.S3 = &s3Shape{URI: src.URL, BucketOwner: src.BucketOwner}
	case src.URL != "":
		e.lose(path, model.LossMajor, "Converse takes no URLs for content other than s3: addresses.")
		return nil, false
	case src.FileID != "":
		e.lose(path, model.LossMajor, "Converse knows no uploaded files; send the content itself.")
		return nil, false
	case kind != "document":
		e.lose(path, model.LossMajor, "The %s has no content.", kind)
		return nil, false
	default:
		m.Source.Text = &src.Text
	}
	return m, true
}

func (e *requestEncoder) document(d *model.Document, path string) (blockShape, bool) {
	s := &documentShape{Name: e.documentName(d, path), Context: d.Context}
	if d.Title != "" && d.Name != "" && d.Title != d.Name {
		e.lose(path+".title", model.LossMinor, "Converse shows a document's name and no title.")
	}
	if d.Citations {
		s.Citations = &enabledShape{Enabled: true}
	}
	if d.Content != nil {
		s.Format = formatOf("document", d.Source.MIME)
		s.Source = &sourceShape{Content: e.textItems(d.Content, path)}
		return blockShape{Document: s}, true
	}
	m, ok := e.source(&d.Source, "document", path)
	if !ok {
		return blockShape{}, false
	}
	s.Source, s.Format = m.Source, m.Format
	if s.Format == "" && d.Source.MIME != "" {
		e.lose(path, model.LossMajor, "Converse does not know the document format %q.", d.Source.MIME)
		return blockShape{}, false
	}
	return blockShape{Document: s}, true
}

func (e *requestEncoder) searchResult(r *model.SearchResult, path string) *searchResultShape {
	s := &searchResultShape{Source: r.Source, Title: r.Title, Content: e.textItems(r.Content, path)}
	if r.Citations {
		s.Citations = &enabledShape{Enabled: true}
	}
	return s
}

// textItems writes content that may only be text.
func (e *requestEncoder) textItems(parts []model.Part, path string) []textItemShape {
	items := make([]textItemShape, 0, len(parts))
	for i, p := range parts {
		t, ok := p.(*model.Text)
		if !ok {
			e.lose(fmt.Sprintf("%s.content.%d", path, i), model.LossMajor, "Converse admits no %s here.", partName(p))
			continue
		}
		items = append(items, textItemShape{t.Text})
	}
	return items
}

// maxDocumentName is the length of a document's name Converse admits.
const maxDocumentName = 200

// documentName makes a name Converse admits, unique within the request. Names
// mean nothing to the model, so a changed one is a minor loss.
func (e *requestEncoder) documentName(d *model.Document, path string) string {
	given := d.Name
	if given == "" {
		given = d.Title
	}
	name := given
	if !validDocumentName(name) {
		name = cleanName(name)
	}
	if name == "" {
		name = "document"
	}
	e.names[name]++
	if n := e.names[name]; n > 1 && e.join {
		name = fmt.Sprintf("%s (%d)", name[:min(len(name), maxDocumentName-12)], n)
	}
	if name != given && given != "" {
		e.lose(path+".name", model.LossMinor, "The document is sent as %q: Converse restricts names.", name)
	}
	return name
}

// validDocumentName reports whether Converse admits a name: letters, digits,
// hyphens, underscores, round and square brackets, and single spaces.
func validDocumentName(name string) bool {
	if name == "" || len(name) > maxDocumentName || strings.Contains(name, "  ") {
		return false
	}
	for _, r := range name {
		if !documentRune(r) {
			return false
		}
	}
	return true
}

func documentRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(" -_()[]", r)
}

func cleanName(name string) string {
	var b strings.Builder
	for _, r := range name {
		switch {
		case r == ' ' && strings.HasSuffix(b.String(), " "):
		case documentRune(r):
			b.WriteRune(r)
		case !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	clean := strings.TrimSpace(b.String())
	return clean[:min(len(clean), maxDocumentName)]
}
