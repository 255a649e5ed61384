package chat

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// grammar collects the rules of a GBNF text. Rules are added once by name.
type grammar struct {
	names  []string
	bodies map[string]string
	counts map[string]int
}

func newGrammar() *grammar {
	return &grammar{bodies: map[string]string{}, counts: map[string]int{}}
}

// String is the GBNF source, root first.
func (g *grammar) String() string {
	var b strings.Builder
	for _, name := range g.names {
		b.WriteString(name + " ::= " + g.bodies[name] + "\n")
	}
	return b.String()
}

func (g *grammar) set(name, body string) string {
	if _, ok := g.bodies[name]; !ok {
		g.names = append(g.names, name)
	}
	g.bodies[name] = body
	return name
}

// fresh reserves a rule name that is not used yet.
func (g *grammar) fresh(stem string) string {
	g.counts[stem]++
	name := stem + "-" + strconv.Itoa(g.counts[stem])
	return g.set(name, "")
}

// rule adds a body under a fresh name.
func (g *grammar) rule(stem, body string) string { return g.set(g.fresh(stem), body) }

// The shared rules of JSON. Numbers and white space are bounded, since a model
// that may go on forever sometimes does.
var sharedRules = map[string]string{
	"ws":       `(" " | "\n" [ \t]{0,20})?`,
	"char":     `[^"\\\x00-\x1F\x7F] | "\\" (["\\bfnrt/] | "u" unit)`,
	"dot":      `[^"\\\x00-\x1F\x7F\u2028\u2029] | "\\" ["\\bft/]`,
	"unit":     `[0-9a-ce-fA-CE-F] hex hex hex | [dD] [0-7] hex hex`,
	"hex":      `[0-9a-fA-F]`,
	"string":   `"\"" char* "\""`,
	"integer":  `"-"? ("0" | [1-9] [0-9]{0,15})`,
	"number":   `integer ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,2})?`,
	"boolean":  `"true" | "false"`,
	"null":     `"null"`,
	"value":    `object | array | string | number | boolean | null`,
	"object":   `"{" ws (member ("," ws member)*)? "}"`,
	"member":   `string ":" ws value ws`,
	"array":    `"[" ws (value ws ("," ws value ws)*)? "]"`,
	"thinking": `([^<] | "<" [^/] | "</" [^t])* "</think>" [ \t\n]{0,8}`,
}

var sharedUses = map[string][]string{
	"char": {"unit"}, "unit": {"hex"}, "string": {"char"}, "number": {"integer"},
	"value":  {"object", "array", "string", "number", "boolean", "null"},
	"object": {"ws", "member"}, "member": {"string", "ws", "value"}, "array": {"ws", "value"},
}

// shared adds one of the shared rules, with those it uses.
func (g *grammar) shared(name string) string {
	if _, ok := g.bodies[name]; ok {
		return name
	}
	g.set(name, sharedRules[name])
	for _, used := range sharedUses[name] {
		g.shared(used)
	}
	return name
}

// literal quotes text for GBNF.
func literal(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&b, `\x%02X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// jsonLiteral is a JSON string as a GBNF literal.
func jsonLiteral(text string) string {
	encoded, err := json.Marshal(text, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		encoded = []byte(`""`)
	}
	return literal(string(encoded))
}

func alternatives(parts []string) string {
	if len(parts) == 1 {
		return parts[0]
	}
	return "(" + strings.Join(parts, " | ") + ")"
}

// block is the largest repetition written out at once; the library expands
// repetitions into rules, and refuses large ones.
const block = 100

// maxRepeat bounds repetitions altogether.
const maxRepeat = 20000

// repeat is between low and high times item, a rule name or class; high is
// negative for no bound.
func (g *grammar) repeat(item string, low, high int) (string, error) {
	if low > maxRepeat || high > maxRepeat {
		return "", fmt.Errorf("a repetition of more than %d is not supported", maxRepeat)
	}
	var parts []string
	if low >= block {
		hundred := g.rule("hundred", item+"{"+strconv.Itoa(block)+"}")
		parts = append(parts, hundred+"{"+strconv.Itoa(low/block)+"}")
	}
	if rest := low % block; rest > 0 {
		parts = append(parts, item+"{"+strconv.Itoa(rest)+"}")
	}
	switch {
	case high < 0:
		parts = append(parts, item+"*")
	case high > low:
		parts = append(parts, g.upTo(item, high-low))
	}
	return strings.Join(parts, " "), nil
}

// upTo is zero to n times item: whole blocks and a partial one, nested so that
// little of it is ambiguous.
func (g *grammar) upTo(item string, n int) string {
	if n <= block {
		return item + "{0," + strconv.Itoa(n) + "}"
	}
	hundred := g.rule("hundred", item+"{"+strconv.Itoa(block)+"}")
	partial := g.rule("partial", item+"{0,"+strconv.Itoa(block-1)+"}")
	rest := g.rule("upto", item+"{0,"+strconv.Itoa(n%block)+"}")
	for range n / block {
		rest = g.rule("upto", partial+" | "+hundred+" "+rest)
	}
	return rest
}
