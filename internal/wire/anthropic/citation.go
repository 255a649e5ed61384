package anthropic

import (
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/raw"
)

// location describes how one kind of citation is written.
type location struct {
	kind, wire        string
	start, end        string
	index, title, src string
}

// locations are the dialect's citation kinds. Web locations carry an
// encrypted index that must return verbatim, so they keep their raw form.
var locations = []location{
	{kind: "char", wire: "char_location", start: "start_char_index", end: "end_char_index", index: "document_index", title: "document_title"},
	{kind: "page", wire: "page_location", start: "start_page_number", end: "end_page_number", index: "document_index", title: "document_title"},
	{kind: "chunk", wire: "content_block_location", start: "start_block_index", end: "end_block_index", index: "document_index", title: "document_title"},
	{kind: "search_result", wire: "search_result_location", start: "start_block_index", end: "end_block_index", index: "search_result_index", title: "title", src: "source"},
	{kind: "web", wire: "web_search_result_location", title: "title", src: "url"},
}

func decodeCitation(v raw.Value) (model.Citation, error) {
	var c model.Citation
	var wire string
	if !v.IsObject() {
		return c, v.WrongType("an object")
	}
	if err := need(v, "type", &wire); err != nil {
		return c, err
	}
	keep := true
	for _, l := range locations {
		if l.wire != wire {
			continue
		}
		c.Kind = l.kind
		c.Title, c.Source = v.Get(l.title).Text(), v.Get(l.src).Text()
		c.Start, c.End = int(v.Get(l.start).Num()), int(v.Get(l.end).Num())
		c.Document = int(v.Get(l.index).Num())
		c.FileID = v.Get("file_id").Text()
		keep = !v.Known("type", "cited_text", "file_id", l.start, l.end, l.index, l.title, l.src)
	}
	c.CitedText = v.Get("cited_text").Text()
	if keep {
		c.Raw = &model.Opaque{Dialect: dialect, Raw: v.Compact()}
	}
	return c, nil
}

// writeCitation appends a citation and reports whether the dialect could express it.
func writeCitation(b *raw.Builder, c *model.Citation) bool {
	if c.Raw != nil && c.Raw.Dialect == dialect {
		b.Raw(c.Raw.Raw)
		return true
	}
	for _, l := range locations {
		if l.kind != c.Kind || l.kind == "web" {
			continue
		}
		b.Open('{')
		b.Str("type", l.wire)
		b.Str("cited_text", c.CitedText)
		b.Num(l.index, int64(c.Document))
		b.StrNull(l.title, c.Title)
		if l.src != "" {
			b.Str(l.src, c.Source)
		}
		b.Num(l.start, int64(c.Start))
		b.Num(l.end, int64(c.End))
		b.StrIf("file_id", c.FileID)
		b.Close('}')
		return true
	}
	return false
}
