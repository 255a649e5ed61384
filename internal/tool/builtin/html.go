package builtin

import (
	"io"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// plainText reads a page as a person would: no markup, no scripts, one line
// for each block, links with where they lead.
func plainText(r io.Reader) (title, text string, err error) {
	w := &page{}
	z := html.NewTokenizer(r)
	z.SetMaxBuf(1 << 20)
	for {
		switch z.Next() {
		case html.ErrorToken:
			if z.Err() != io.EOF {
				return "", "", z.Err()
			}
			return tidy(w.title.String()), w.String(), nil
		case html.TextToken:
			w.text(string(z.Text()))
		case html.StartTagToken, html.SelfClosingTagToken:
			w.start(z.Token())
		case html.EndTagToken:
			w.end(z.Token().DataAtom)
		}
	}
}

// page collects text.
type page struct {
	out   strings.Builder
	title strings.Builder
	// hidden is the element whose content is not shown; 0 for none.
	hidden  atom.Atom
	inTitle bool
	pre     int
	links   []string
	space   bool
	lines   int // line ends at the end of out
}

// silent elements hold nothing to read.
var silent = map[atom.Atom]bool{atom.Script: true, atom.Style: true, atom.Noscript: true, atom.Template: true, atom.Svg: true,
	atom.Iframe: true, atom.Object: true, atom.Select: true, atom.Textarea: true}

// blocks begin and end on a line of their own; true adds an empty one.
var blocks = map[atom.Atom]bool{atom.P: true, atom.Div: false, atom.Section: false, atom.Article: false, atom.Header: false,
	atom.Footer: false, atom.Ul: false, atom.Ol: false, atom.Li: false, atom.Tr: false, atom.Table: true, atom.Blockquote: true,
	atom.Pre: true, atom.H1: true, atom.H2: true, atom.H3: true, atom.H4: true, atom.H5: true, atom.H6: true, atom.Dt: false,
	atom.Dd: false, atom.Main: false, atom.Nav: false, atom.Form: false, atom.Hr: true, atom.Figure: false}

func (w *page) start(t html.Token) {
	if w.hidden != 0 {
		return
	}
	if silent[t.DataAtom] && t.Type == html.StartTagToken {
		w.hidden = t.DataAtom
		return
	}
	w.block(t.DataAtom)
	switch t.DataAtom {
	case atom.Title:
		w.inTitle = true
	case atom.Br:
		w.breakLine(1)
	case atom.Li:
		w.out.WriteString("- ")
	case atom.Td, atom.Th:
		w.space = true
	case atom.Pre:
		w.pre++
	case atom.A:
		w.links = append(w.links, attribute(t, "href"))
	case atom.Img:
		w.text(attribute(t, "alt"))
	}
}

func (w *page) end(a atom.Atom) {
	if w.hidden != 0 {
		if a == w.hidden {
			w.hidden = 0
		}
		return
	}
	switch a {
	case atom.Title:
		w.inTitle = false
	case atom.Pre:
		w.pre = max(0, w.pre-1)
	case atom.A:
		if n := len(w.links); n > 0 {
			if to := w.links[n-1]; strings.HasPrefix(to, "http") {
				w.text(" (" + to + ")")
			}
			w.links = w.links[:n-1]
		}
	}
	w.block(a)
}

func (w *page) block(a atom.Atom) {
	if wide, ok := blocks[a]; ok {
		w.breakLine(1)
		if wide {
			w.breakLine(2)
		}
	}
}

// breakLine makes out end with n line ends.
func (w *page) breakLine(n int) {
	w.space = false
	for w.out.Len() > 0 && w.lines < n {
		w.out.WriteByte('\n')
		w.lines++
	}
}

func (w *page) text(s string) {
	switch {
	case w.hidden != 0:
		return
	case w.inTitle:
		w.title.WriteString(s)
		return
	case w.pre > 0 && s != "":
		w.out.WriteString(s)
		w.lines = len(s) - len(strings.TrimRight(s, "\n"))
		return
	}
	for i, word := range strings.Fields(s) {
		if w.lines == 0 && w.out.Len() > 0 && (i > 0 || w.space || strings.TrimLeft(s, " \t\r\n") != s) {
			w.out.WriteByte(' ')
		}
		w.out.WriteString(word)
		w.lines, w.space = 0, false
	}
	w.space = w.space || strings.TrimRight(s, " \t\r\n") != s
}

func (w *page) String() string { return strings.TrimSpace(w.out.String()) }

func tidy(s string) string { return strings.Join(strings.Fields(s), " ") }

func attribute(t html.Token, name string) string {
	for _, a := range t.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}
