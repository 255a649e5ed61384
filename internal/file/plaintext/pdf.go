package plaintext

import (
	"bytes"
	"errors"

	"github.com/ledongthuc/pdf"
)

// readPDF reads the pages of a PDF, ISO 32000-2, in order. A page that cannot
// be read is passed over.
func readPDF(data []byte, out *page) error {
	r, err := pdf.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	var broken error
	for i := range r.NumPage() {
		out.space(paragraph)
		if err := readPage(r.Page(i+1), out); err != nil {
			broken = err
		}
	}
	if broken == nil && out.text() == "" {
		return errors.New("its pages hold no text, as pictures of pages do not")
	}
	return broken
}

func readPage(p pdf.Page, out *page) (err error) {
	defer func() {
		if e := recover(); e != nil {
			if e == any(errFull) {
				panic(e)
			}
			err = errors.New("a page is damaged")
		}
	}()
	if contents := p.V.Key("Contents"); !contents.IsNull() {
		t := &typesetter{out: out, resources: p.Resources(), fonts: map[string]*font{}}
		t.state = state{scale: 1, tm: unit, line: unit, ctm: unit}
		pdf.Interpret(contents, t.do)
	}
	return nil
}

// font decodes the codes of a font and tells how far each one moves.
type font struct {
	encoding pdf.TextEncoding
	// wide fonts have codes of two bytes.
	wide   bool
	simple pdf.Font
	// widths are those of a wide font's codes, in thousandths; others have usual.
	widths map[int]float64
	usual  float64
	known  map[string]string
}

func newFont(v pdf.Value) *font {
	f := &font{simple: pdf.Font{V: v}, wide: v.Key("Subtype").Name() == "Type0", known: map[string]string{}}
	f.encoding = f.simple.Encoder()
	if f.wide {
		f.measure(v.Key("DescendantFonts").Index(0))
	}
	return f
}

// measure reads the widths of a composite font: "c [w1 w2 …]" and "c1 c2 w".
func (f *font) measure(v pdf.Value) {
	f.widths, f.usual = map[int]float64{}, 1000
	if dw := v.Key("DW"); !dw.IsNull() {
		f.usual = dw.Float64()
	}
	list := v.Key("W")
	for i := 0; i+1 < list.Len(); {
		first := int(list.Index(i).Int64())
		if run := list.Index(i + 1); run.Kind() == pdf.Array {
			for k := range run.Len() {
				f.widths[first+k] = run.Index(k).Float64()
			}
			i += 2
			continue
		}
		last := min(int(list.Index(i+1).Int64()), 1<<16)
		for code := first; code <= last; code++ {
			f.widths[code] = list.Index(i + 2).Float64()
		}
		i += 3
	}
}

// codes calls fn for each code of a string, with its text and its width in
// thousandths of the font's size.
func (f *font) codes(s string, fn func(code, text string, width float64)) {
	step := 1
	if f.wide {
		step = 2
	}
	for len(s) > 0 {
		code := s[:min(step, len(s))]
		s = s[len(code):]
		text, ok := f.known[code]
		if !ok {
			text = f.encoding.Decode(code)
			f.known[code] = text
		}
		fn(code, text, f.width(code))
	}
}

func (f *font) width(code string) float64 {
	if !f.wide {
		if w := f.simple.Width(int(code[0])); w > 0 {
			return w
		}
		return 500
	}
	n := 0
	for _, b := range []byte(code) {
		n = n<<8 | int(b)
	}
	if w, ok := f.widths[n]; ok {
		return w
	}
	return f.usual
}
