package chat

import (
	"regexp/syntax"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
)

// formats are the string formats OpenAI's structured outputs know, as rules for
// what stands between the quotes. Dates allow day 28 at most in February, and
// so on, so that every text is a real one.
var formats = map[string]string{
	"date":      `[0-9]{4} "-" ("02-" ("0" [1-9] | "1" [0-9] | "2" [0-8]) | ("0" [469] | "11") "-" ("0" [1-9] | [12] [0-9] | "30") | ("0" [13578] | "1" [02]) "-" ("0" [1-9] | [12] [0-9] | "3" [01]))`,
	"time":      `([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9] ":" [0-5] [0-9] ("." [0-9]{1,6})? ("Z" | [+-] ([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9])`,
	"uuid":      `[0-9a-f]{8} "-" [0-9a-f]{4} "-" [1-5] [0-9a-f]{3} "-" [89ab] [0-9a-f]{3} "-" [0-9a-f]{12}`,
	"duration":  `"P" [0-9]{1,4} [YMWD] | "PT" [0-9]{1,4} [HMS]`,
	"hostname":  `[a-z0-9] ([a-z0-9-]{0,30} [a-z0-9])? ("." [a-z0-9] ([a-z0-9-]{0,30} [a-z0-9])?){0,4}`,
	"email":     `[a-zA-Z0-9_+-]{1,15} ("." [a-zA-Z0-9_+-]{1,15}){0,3} "@" [a-z0-9] ([a-z0-9-]{0,30} [a-z0-9])? ("." [a-z0-9] ([a-z0-9-]{0,30} [a-z0-9])?){1,4}`,
	"ipv4":      `("25" [0-5] | "2" [0-4] [0-9] | "1" [0-9] [0-9] | [1-9]? [0-9]) ("." ("25" [0-5] | "2" [0-4] [0-9] | "1" [0-9] [0-9] | [1-9]? [0-9])){3}`,
	"ipv6":      `[0-9a-f]{1,4} (":" [0-9a-f]{1,4}){7}`,
	"uri":       `("http" "s"? | "ftp") "://" [a-z0-9] ([a-z0-9-]{0,30} [a-z0-9])? ("." [a-z0-9] ([a-z0-9-]{0,30} [a-z0-9])?){0,4} ("/" [a-zA-Z0-9._~-]{0,60}){0,8}`,
	"date-time": ``, // date, "T", time
}

// text is a string schema.
func (c *compiler) text(n node) (string, error) {
	low, high, err := n.bounds("minLength", "maxLength")
	if err != nil {
		return "", err
	}
	bounded := n.has("minLength") || n.has("maxLength")
	switch {
	case n.has("pattern") && (bounded || n.has("format")), n.has("format") && bounded:
		return "", n.fail("pattern, format and lengths cannot be combined")
	case n.has("pattern"):
		return c.pattern(n)
	case n.has("format"):
		return c.format(n)
	case !bounded:
		return c.grammar.shared("string"), nil
	}
	body, err := c.grammar.repeat(c.grammar.shared("char"), low, high)
	if err != nil {
		return "", n.fail("%v", err)
	}
	return c.grammar.rule("text", `"\"" `+body+` "\""`), nil
}

func (c *compiler) format(n node) (string, error) {
	var name string
	if json.Unmarshal(n.raw["format"], &name) != nil {
		return "", n.fail("format is a name")
	}
	body, ok := formats[name]
	if !ok {
		return "", n.fail("the format %q is not supported; leave it out or use a pattern", name)
	}
	if name == "date-time" {
		body = c.grammar.set("format-date", formats["date"]) + ` "T" ` + c.grammar.set("format-time", formats["time"])
	}
	inner := c.grammar.set("format-"+name, body)
	return c.grammar.rule("text", `"\"" `+inner+` "\""`), nil
}

// pattern makes a rule of a regular expression, as JSON Schema means it: it may
// match anywhere unless it is anchored.
func (c *compiler) pattern(n node) (string, error) {
	var source string
	if json.Unmarshal(n.raw["pattern"], &source) != nil {
		return "", n.fail("pattern is a regular expression")
	}
	tree, err := syntax.Parse(source, syntax.Perl&^syntax.OneLine|syntax.OneLine)
	if err != nil {
		return "", n.fail("the pattern %q is not supported: %v", source, err)
	}
	branches := []*syntax.Regexp{tree}
	if tree.Op == syntax.OpAlternate {
		branches = tree.Sub
	}
	var parts []string
	for _, b := range branches {
		part, err := c.anchored(b)
		if err != nil {
			return "", n.fail("the pattern %q is not supported: %v", source, err)
		}
		parts = append(parts, part)
	}
	return c.grammar.rule("text", `"\"" `+alternatives(parts)+` "\""`), nil
}

func (c *compiler) anchored(tree *syntax.Regexp) (string, error) {
	sub := []*syntax.Regexp{tree}
	if tree.Op == syntax.OpConcat {
		sub = tree.Sub
	}
	before, after := c.grammar.shared("char")+"*", c.grammar.shared("char")+"*"
	if len(sub) > 0 && sub[0].Op == syntax.OpBeginText {
		before, sub = "", sub[1:]
	}
	if len(sub) > 0 && sub[len(sub)-1].Op == syntax.OpEndText {
		after, sub = "", sub[:len(sub)-1]
	}
	parts := []string{before}
	for _, s := range sub {
		part, err := c.regexp(s)
		if err != nil {
			return "", err
		}
		parts = append(parts, part)
	}
	body := strings.TrimSpace(strings.Join(append(parts, after), " "))
	if body == "" {
		body = `""`
	}
	return body, nil
}

type patternError string

func (e patternError) Error() string { return string(e) }

func (c *compiler) regexp(tree *syntax.Regexp) (string, error) {
	switch tree.Op {
	case syntax.OpEmptyMatch:
		return `""`, nil
	case syntax.OpLiteral:
		return c.letters(tree), nil
	case syntax.OpCharClass:
		return c.class(tree.Rune)
	case syntax.OpAnyChar:
		return c.grammar.shared("char"), nil
	case syntax.OpAnyCharNotNL:
		return c.grammar.shared("dot"), nil
	case syntax.OpCapture:
		return c.regexp(tree.Sub[0])
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		return c.repetition(tree)
	case syntax.OpConcat, syntax.OpAlternate:
		parts := make([]string, len(tree.Sub))
		for i, s := range tree.Sub {
			part, err := c.regexp(s)
			if err != nil {
				return "", err
			}
			parts[i] = part
		}
		if tree.Op == syntax.OpAlternate {
			return alternatives(parts), nil
		}
		return "(" + strings.Join(parts, " ") + ")", nil
	case syntax.OpBeginText, syntax.OpEndText, syntax.OpBeginLine, syntax.OpEndLine:
		return "", patternError("anchors may stand only at its ends")
	default:
		return "", patternError("it uses " + tree.Op.String())
	}
}

func (c *compiler) repetition(tree *syntax.Regexp) (string, error) {
	item, err := c.regexp(tree.Sub[0])
	if err != nil {
		return "", err
	}
	low, high := 0, -1
	switch tree.Op {
	case syntax.OpPlus:
		low = 1
	case syntax.OpQuest:
		high = 1
	case syntax.OpRepeat:
		low, high = tree.Min, tree.Max
	}
	if high == 0 {
		return `""`, nil
	}
	out, err := c.grammar.repeat(c.grammar.rule("part", item), low, high)
	return "(" + out + ")", err
}

func (c *compiler) letters(tree *syntax.Regexp) string {
	if tree.Flags&syntax.FoldCase == 0 {
		return jsonInner(string(tree.Rune))
	}
	var parts []string
	for _, r := range tree.Rune {
		lower, upper := strings.ToLower(string(r)), strings.ToUpper(string(r))
		if lower == upper {
			parts = append(parts, jsonInner(lower))
		} else {
			parts = append(parts, "("+jsonInner(lower)+" | "+jsonInner(upper)+")")
		}
	}
	return strings.Join(parts, " ")
}

// jsonInner is text as it stands inside a JSON string, as a GBNF literal.
func jsonInner(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil || len(quoted) < 2 {
		return `""`
	}
	return literal(string(quoted[1 : len(quoted)-1]))
}

// class is a character class: what JSON writes as it is, and by escapes what it
// does not.
func (c *compiler) class(ranges []rune) (string, error) {
	var plain strings.Builder
	var parts []string
	for i := 0; i < len(ranges); i += 2 {
		low, high := ranges[i], ranges[i+1]
		for _, special := range []rune{'\t', '\n', '\f', '\r', '"', '\\'} {
			if low <= special && special <= high {
				parts = append(parts, jsonInner(string(special)))
			}
		}
		// What remains of the range, without quote, backslash, controls and
		// the surrogates, which are no characters.
		for _, gap := range [][2]rune{{0x20, 0x21}, {0x23, 0x5b}, {0x5d, 0x7e}, {0x80, 0xd7ff}, {0xe000, 0x10ffff}} {
			from, to := max(low, gap[0]), min(high, gap[1])
			if from > to {
				continue
			}
			plain.WriteString(classPoint(from))
			if to > from {
				plain.WriteString("-" + classPoint(to))
			}
		}
	}
	if plain.Len() > 0 {
		parts = append([]string{"[" + plain.String() + "]"}, parts...)
	}
	if len(parts) == 0 {
		return "", patternError("a character class matches nothing that JSON can hold")
	}
	return alternatives(parts), nil
}

func classPoint(r rune) string {
	if r < 0x80 {
		return classRune(r)
	}
	const width = 8
	hex := strings.ToUpper(strconv.FormatInt(int64(r), 16))
	return `\U` + strings.Repeat("0", width-len(hex)) + hex
}
