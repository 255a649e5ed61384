package chat

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// gbnf is a parsed grammar, written from the format's description so that the
// compiler is checked against something that is not itself. It draws random
// texts of the grammar.
type gbnf struct {
	rules map[string]*gnode
	rng   *rand.Rand
	depth int
}

// gnode is one of: alternatives, sequence, literal, class, reference, repetition.
type gnode struct {
	alternatives []*gnode
	sequence     []*gnode
	text         *string
	class        [][2]rune
	negated      bool
	name         string
	item         *gnode
	low, high    int
}

type gbnfParser struct {
	in  string
	pos int
}

func parseGBNF(source string) (g *gbnf, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	g = &gbnf{rules: map[string]*gnode{}}
	p := &gbnfParser{in: source}
	for p.space(true); p.pos < len(p.in); p.space(true) {
		name := p.name()
		p.space(false)
		p.expect("::=")
		g.rules[name] = p.alternatives()
	}
	for name, rule := range g.rules {
		if missing := rule.undefined(g.rules); missing != "" {
			return nil, fmt.Errorf("rule %s uses %s, which is not defined", name, missing)
		}
	}
	return g, nil
}

func (n *gnode) undefined(rules map[string]*gnode) string {
	if n == nil {
		return ""
	}
	if n.name != "" && rules[n.name] == nil {
		return n.name
	}
	for _, list := range [][]*gnode{n.alternatives, n.sequence, {n.item}} {
		for _, c := range list {
			if m := c.undefined(rules); m != "" {
				return m
			}
		}
	}
	return ""
}

func (p *gbnfParser) fail(what string) { panic(fmt.Sprintf("%s at %q", what, p.in[p.pos:])) }

func (p *gbnfParser) expect(text string) {
	if !strings.HasPrefix(p.in[p.pos:], text) {
		p.fail("expected " + text)
	}
	p.pos += len(text)
}

func (p *gbnfParser) space(newlines bool) {
	for p.pos < len(p.in) && (p.in[p.pos] == ' ' || newlines && p.in[p.pos] == '\n') {
		p.pos++
	}
}

func (p *gbnfParser) peek() byte {
	if p.pos == len(p.in) {
		return 0
	}
	return p.in[p.pos]
}

func (p *gbnfParser) name() string {
	from := p.pos
	for c := p.peek(); c == '-' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'; c = p.peek() {
		p.pos++
	}
	if from == p.pos {
		p.fail("expected a name")
	}
	return p.in[from:p.pos]
}

func (p *gbnfParser) alternatives() *gnode {
	n := &gnode{alternatives: []*gnode{p.sequence()}}
	for p.space(false); p.peek() == '|'; p.space(false) {
		p.pos++
		n.alternatives = append(n.alternatives, p.sequence())
	}
	return n
}

func (p *gbnfParser) sequence() *gnode {
	n := &gnode{sequence: []*gnode{}}
	for {
		p.space(false)
		var item *gnode
		switch c := p.peek(); {
		case c == '"':
			item = p.literal()
		case c == '[':
			item = p.class()
		case c == '(':
			p.pos++
			item = p.alternatives()
			p.space(false)
			p.expect(")")
		case c == 0 || c == '\n' || c == '|' || c == ')':
			return n
		default:
			item = &gnode{name: p.name()}
		}
		n.sequence = append(n.sequence, p.repetition(item))
	}
}

func (p *gbnfParser) repetition(item *gnode) *gnode {
	switch p.peek() {
	case '*':
		p.pos++
		return &gnode{item: item, high: -1}
	case '+':
		p.pos++
		return &gnode{item: item, low: 1, high: -1}
	case '?':
		p.pos++
		return &gnode{item: item, high: 1}
	case '{':
		end := strings.IndexByte(p.in[p.pos:], '}')
		low, high, comma := strings.Cut(p.in[p.pos+1:p.pos+end], ",")
		p.pos += end + 1
		n := &gnode{item: item}
		n.low, _ = strconv.Atoi(low)
		switch {
		case !comma:
			n.high = n.low
		case high == "":
			n.high = -1
		default:
			n.high, _ = strconv.Atoi(high)
		}
		return n
	}
	return item
}

// char reads one character of a literal or class, escapes resolved.
func (p *gbnfParser) char() rune {
	r, size := utf8.DecodeRuneInString(p.in[p.pos:])
	p.pos += size
	if r != '\\' {
		return r
	}
	c := p.in[p.pos]
	p.pos++
	switch c {
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case '\\', '"', '[', ']':
		return rune(c)
	case 'x', 'u', 'U':
		width := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
		v, err := strconv.ParseInt(p.in[p.pos:p.pos+width], 16, 64)
		if err != nil {
			p.fail("bad escape")
		}
		p.pos += width
		return rune(v)
	}
	p.fail("unknown escape")
	return 0
}

func (p *gbnfParser) literal() *gnode {
	p.expect(`"`)
	var out strings.Builder
	for p.peek() != '"' {
		out.WriteRune(p.char())
	}
	p.pos++
	text := out.String()
	return &gnode{text: &text}
}

func (p *gbnfParser) class() *gnode {
	p.expect("[")
	n := &gnode{}
	if p.peek() == '^' {
		p.pos++
		n.negated = true
	}
	for p.peek() != ']' {
		low := p.char()
		high := low
		if p.peek() == '-' && p.in[p.pos+1] != ']' {
			p.pos++
			high = p.char()
		}
		n.class = append(n.class, [2]rune{low, high})
	}
	p.pos++
	return n
}

// draw writes a random text of a node. Deep down it takes the shortest way.
func (g *gbnf) draw(out *strings.Builder, n *gnode) {
	switch {
	case n.name != "":
		g.depth++
		g.draw(out, g.rules[n.name])
		g.depth--
	case n.text != nil:
		out.WriteString(*n.text)
	case n.class != nil:
		out.WriteRune(g.pick(n))
	case n.item != nil:
		low, high := n.low, n.high
		if high < 0 {
			high = low + 3
		}
		if g.depth > 25 {
			high = low
		}
		for range low + g.rng.IntN(high-low+1) {
			g.draw(out, n.item)
		}
	case n.alternatives != nil:
		i := g.rng.IntN(len(n.alternatives))
		if g.depth > 25 {
			i = len(n.alternatives) - 1 // recursive alternatives come first
		}
		g.draw(out, n.alternatives[i])
	default:
		for _, c := range n.sequence {
			g.draw(out, c)
		}
	}
}

func (g *gbnf) pick(n *gnode) rune {
	if !n.negated {
		r := n.class[g.rng.IntN(len(n.class))]
		// Ends of a range are where mistakes are.
		switch g.rng.IntN(3) {
		case 0:
			return r[0]
		case 1:
			return r[1]
		default:
			return r[0] + rune(g.rng.IntN(int(r[1]-r[0])+1))
		}
	}
	candidates := []rune("abcxyzABC019 _-/é日🙂\u0080")
	for {
		r := candidates[g.rng.IntN(len(candidates))]
		inside := false
		for _, c := range n.class {
			inside = inside || c[0] <= r && r <= c[1]
		}
		if !inside {
			return r
		}
	}
}

// samples draws n texts of a grammar, always the same.
func samples(t *testing.T, source string, n int) []string {
	t.Helper()
	g, err := parseGBNF(source)
	if err != nil {
		t.Fatalf("the grammar does not parse: %v\n%s", err, source)
	}
	g.rng = rand.New(rand.NewPCG(1, 2))
	out := make([]string, n)
	for i := range out {
		var b strings.Builder
		g.draw(&b, g.rules["root"])
		out[i] = b.String()
	}
	return out
}
