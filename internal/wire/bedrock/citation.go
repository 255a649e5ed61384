package bedrock

import (
	"net/url"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/bedrock/object"
	"github.com/go-json-experiment/json/jsontext"
)

type citationShape struct {
	Title    string          `json:"title,omitzero"`
	Source   string          `json:"source,omitzero"`
	Content  []textItemShape `json:"sourceContent,omitzero"`
	Location *locationShape  `json:"location,omitzero"`
}

type locationShape struct {
	Web    *webShape  `json:"web,omitzero"`
	Char   *spanShape `json:"documentChar,omitzero"`
	Page   *spanShape `json:"documentPage,omitzero"`
	Chunk  *spanShape `json:"documentChunk,omitzero"`
	Search *spanShape `json:"searchResultLocation,omitzero"`
}

type webShape struct {
	URL    string `json:"url,omitzero"`
	Domain string `json:"domain,omitzero"`
}

type spanShape struct {
	Document *int `json:"documentIndex,omitzero"`
	Search   *int `json:"searchResultIndex,omitzero"`
	Start    *int `json:"start,omitzero"`
	End      *int `json:"end,omitzero"`
}

// citationOf reads a citation. Where the hub's fields would lose something (a
// second quoted passage, a web citation with its own source) Raw keeps it.
func citationOf(raw jsontext.Value) (model.Citation, *model.Error) {
	var s citationShape
	if err := object.ParseAnswer(raw, &s); err != nil {
		return model.Citation{}, err
	}
	c := model.Citation{Title: s.Title, Source: s.Source}
	for _, it := range s.Content {
		c.CitedText += it.Text
	}
	lossy := len(s.Content) > 1
	if l := s.Location; l != nil {
		for _, k := range []struct {
			kind string
			span *spanShape
		}{{"char", l.Char}, {"page", l.Page}, {"chunk", l.Chunk}, {"search_result", l.Search}} {
			if k.span != nil {
				c.Kind = k.kind
				c.Document = value(k.span.Document) + value(k.span.Search)
				c.Start, c.End = value(k.span.Start), value(k.span.End)
			}
		}
		if l.Web != nil {
			c.Kind, c.Source = "web", l.Web.URL
			lossy = lossy || s.Source != "" || l.Web.Domain != domain(l.Web.URL)
		}
	}
	if lossy {
		c.Raw = opaque(raw.Clone())
	}
	return c, nil
}

// citationJSON writes a citation, verbatim where it came from Converse.
func citationJSON(c *model.Citation) (jsontext.Value, *model.Error) {
	if own(c.Raw) {
		return c.Raw.Raw, nil
	}
	s := citationShape{Title: c.Title, Source: c.Source}
	if c.CitedText != "" {
		s.Content = []textItemShape{{c.CitedText}}
	}
	span := &spanShape{Document: &c.Document, Start: &c.Start, End: &c.End}
	switch c.Kind {
	case "char":
		s.Location = &locationShape{Char: span}
	case "page":
		s.Location = &locationShape{Page: span}
	case "chunk":
		s.Location = &locationShape{Chunk: span}
	case "search_result":
		span.Document, span.Search = nil, span.Document
		s.Location = &locationShape{Search: span}
	case "web":
		s.Source = ""
		s.Location = &locationShape{Web: &webShape{URL: c.Source, Domain: domain(c.Source)}}
	}
	return object.Marshal(s)
}

func domain(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

func value(p *int) int {
	if p == nil {
		return 0
	}
	return *p
}
