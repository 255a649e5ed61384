package plaintext

import (
	"math"

	"github.com/ledongthuc/pdf"
)

// matrix is [a b c d e f] of ISO 32000-2, 8.3.3.
type matrix [6]float64

var unit = matrix{1, 0, 0, 1, 0, 0}

// times is m followed by n.
func (m matrix) times(n matrix) matrix {
	return matrix{
		m[0]*n[0] + m[1]*n[2], m[0]*n[1] + m[1]*n[3],
		m[2]*n[0] + m[3]*n[2], m[2]*n[1] + m[3]*n[3],
		m[4]*n[0] + m[5]*n[2] + n[4], m[4]*n[1] + m[5]*n[3] + n[5],
	}
}

// state is what a content stream sets, as far as text moves by it.
type state struct {
	font *font
	// size, leading, and the spacing of characters and words, in text space.
	size, leading, char, word float64
	// scale is the horizontal one, 1 for 100 %.
	scale         float64
	tm, line, ctm matrix
}

// maxNesting bounds how deep forms are within each other.
const maxNesting = 8

// typesetter follows the operators of a content stream, and makes words and
// lines of where its glyphs stand: many programs write no blanks.
type typesetter struct {
	out       *page
	resources pdf.Value
	fonts     map[string]*font
	state
	saved []state
	depth int
	// x and y are where the glyph before ended, once there was one.
	x, y  float64
	began bool
}

// do follows one operator. Those that do not move text are passed over.
func (t *typesetter) do(stack *pdf.Stack, op string) {
	args := make([]pdf.Value, stack.Len())
	for i := len(args) - 1; i >= 0; i-- {
		args[i] = stack.Pop()
	}
	n := func(i int) float64 {
		if i < len(args) {
			return args[i].Float64()
		}
		return 0
	}
	switch op {
	case "q":
		t.saved = append(t.saved, t.state)
	case "Q":
		if last := len(t.saved) - 1; last >= 0 {
			t.state, t.saved = t.saved[last], t.saved[:last]
		}
	case "cm":
		t.ctm = matrix{n(0), n(1), n(2), n(3), n(4), n(5)}.times(t.ctm)
	case "Do":
		t.form(args)
	default:
		t.text(op, args, n)
	}
}

// text follows the operators of ISO 32000-2, 9.3 and 9.4.
func (t *typesetter) text(op string, args []pdf.Value, n func(int) float64) {
	switch op {
	case "BT":
		t.tm, t.line = unit, unit
	case "Tf":
		t.choose(args)
	case "Tc":
		t.char = n(0)
	case "Tw":
		t.word = n(0)
	case "Tz":
		t.scale = n(0) / 100
	case "TL":
		t.leading = n(0)
	case "Td":
		t.move(n(0), n(1))
	case "TD":
		t.leading = -n(1)
		t.move(n(0), n(1))
	case "T*":
		t.move(0, -t.leading)
	case "Tm":
		t.tm = matrix{n(0), n(1), n(2), n(3), n(4), n(5)}
		t.line = t.tm
	case `"`:
		t.word, t.char = n(0), n(1)
		fallthrough
	case "'":
		t.move(0, -t.leading)
		fallthrough
	case "Tj":
		if len(args) > 0 {
			t.show(args[len(args)-1].RawString())
		}
	case "TJ":
		t.adjusted(args)
	}
}

func (t *typesetter) move(x, y float64) {
	t.line = matrix{1, 0, 0, 1, x, y}.times(t.line)
	t.tm = t.line
}

func (t *typesetter) choose(args []pdf.Value) {
	if len(args) != 2 {
		return
	}
	t.size = args[1].Float64()
	name := args[0].Name()
	if t.font = t.fonts[name]; t.font == nil {
		t.font = newFont(t.resources.Key("Font").Key(name))
		t.fonts[name] = t.font
	}
}

// adjusted shows strings with moves between them.
func (t *typesetter) adjusted(args []pdf.Value) {
	if len(args) == 0 {
		return
	}
	for i := range args[0].Len() {
		if v := args[0].Index(i); v.Kind() == pdf.String {
			t.show(v.RawString())
		} else {
			t.advance(-v.Float64() / 1000 * t.size * t.scale)
		}
	}
}

func (t *typesetter) advance(x float64) { t.tm = matrix{1, 0, 0, 1, x, 0}.times(t.tm) }

// show writes glyphs, and what is to stand between them and those before.
func (t *typesetter) show(s string) {
	if t.font == nil {
		return
	}
	t.font.codes(s, func(code, text string, width float64) {
		at := t.tm.times(t.ctm)
		t.part(at)
		t.out.write(text)
		move := width/1000*t.size + t.char
		if code == " " {
			move += t.word
		}
		t.advance(move * t.scale)
		end := t.tm.times(t.ctm)
		t.x, t.y, t.began = end[4], end[5], true
	})
}

// The gaps that part words and lines, in ems. A line that is two of its sizes
// below the last one begins a paragraph.
const (
	wordGap      = 0.17
	lineGap      = 0.5
	paragraphGap = 2
)

// part leaves a gap before a glyph that does not stand where the last one ended.
func (t *typesetter) part(at matrix) {
	em := math.Hypot(at[2], at[3]) * math.Abs(t.size)
	if !t.began || em == 0 {
		return
	}
	across, down := at[4]-t.x, math.Abs(at[5]-t.y)
	switch {
	case down > paragraphGap*em:
		t.out.space(paragraph)
	case down > lineGap*em:
		t.out.space(line)
	case across > wordGap*em, across < -em:
		t.out.space(blank)
	}
}

// form follows the content of a form, which is drawn as if it stood here.
func (t *typesetter) form(args []pdf.Value) {
	if len(args) != 1 || t.depth >= maxNesting {
		return
	}
	v := t.resources.Key("XObject").Key(args[0].Name())
	if v.Kind() != pdf.Stream || v.Key("Subtype").Name() != "Form" {
		return
	}
	inner := *t
	inner.depth++
	inner.saved = nil
	if r := v.Key("Resources"); !r.IsNull() {
		inner.resources, inner.fonts = r, map[string]*font{}
	}
	if m := v.Key("Matrix"); m.Len() == 6 {
		var own matrix
		for i := range own {
			own[i] = m.Index(i).Float64()
		}
		inner.ctm = own.times(t.ctm)
	}
	pdf.Interpret(v, inner.do)
	t.x, t.y, t.began = inner.x, inner.y, inner.began
}
