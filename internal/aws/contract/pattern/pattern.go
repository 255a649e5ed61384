// Package pattern matches values against the regular expressions of AWS
// service models, for the contract tables and their generator.
//
// The models are written for java.util.regex; a few use what RE2 does not
// have (lookahead, \u escapes, counts above 1,000). The package guarantees
// that [Compile] either translates an expression exactly, by rule or by the
// tested table of equivalents, or fails, and that matching takes time linear
// in the value. As in AWS's own checks, the whole value must match.
//
//	p, err := pattern.Compile("[a-zA-Z0-9_-]+")
//	p.Match("get_weather") // true
package pattern

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Pattern is a compiled expression. It is immutable and safe for concurrent
// use.
type Pattern struct {
	text     string
	re       []*regexp.Regexp // alternatives, one of which must match
	min, max int              // bounds in characters of the first group, if max > 0
}

// equivalent rewrites an expression that RE2 cannot hold. Where bounds are
// set, they hold for the number of characters in its only capturing group.
type equivalent struct {
	expr     string
	min, max int
}

// equivalents returns the rewritten form of an expression. In each bounded one
// the group is the tail, and what precedes it can end in one place only, so
// the group's length is what the original counted.
func equivalents(text string) (equivalent, bool) {
	switch text {
	case `^(?!\s*$).+`: // not blank
		return equivalent{expr: `.*\S.*`}, true
	case `(?![\-_+.])[a-z0-9][a-z0-9\-_\.]*`: // the lookahead excludes what the class already does
		return equivalent{expr: `[a-z0-9][a-z0-9\-_.]*`}, true
	case `(?!memoryStrategyId$|actorId$|sessionId$)[a-z][a-z0-9]*`: // so does this: each has a capital
		return equivalent{expr: `[a-z][a-z0-9]*`}, true
	case `^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.{1,1024}$`,
		`s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.{1,1024}`,
		`s3://[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]/.{1,1024}`:
		return equivalent{`s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/(.+)`, 1, 1024}, true
	case `arn:[a-z0-9-\.]{1,63}:[a-z0-9-\.]{0,63}:[a-z0-9-\.]{0,63}:[a-z0-9-\.]{0,63}:[^/].{0,1023}`:
		return equivalent{`arn:[a-z0-9-.]{1,63}:[a-z0-9-.]{0,63}:[a-z0-9-.]{0,63}:[a-z0-9-.]{0,63}:[^/](.*)`, 0, 1023}, true
	case `[a-zA-Z][a-zA-Z0-9_:/.\-]{0,2047}`:
		return equivalent{`[a-zA-Z]([a-zA-Z0-9_:/.\-]*)`, 0, 2047}, true
	case `s3://.{1,2043}`:
		return equivalent{`s3://(.+)`, 1, 2043}, true
	case `arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]{9,16}:[0-9]{12}:model-package/[\S]{1,2048}`:
		return equivalent{`arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]{9,16}:[0-9]{12}:model-package/(\S+)`, 1, 2048}, true
	}
	return equivalent{}, false
}

// Compile prepares the expression of a model.
func Compile(text string) (*Pattern, error) {
	p := &Pattern{text: text}
	expr := escapes(text)
	if e, ok := equivalents(text); ok {
		expr, p.min, p.max = e.expr, e.min, e.max
	}
	for _, alternative := range alternatives(expr) {
		re, err := regexp.Compile(`\A(?:` + alternative + `)\z`)
		if err != nil {
			return nil, fmt.Errorf("pattern %q is not RE2; add a tested equivalent: %w", text, err)
		}
		p.re = append(p.re, re)
	}
	return p, nil
}

// alternatives splits an expression at its outermost "|", shortest first. The
// pattern of model ids has seven; tried one by one, the simple one that nearly
// every id matches takes a tenth of the time that the whole takes.
func alternatives(expr string) []string {
	if strings.HasPrefix(expr, "(?") {
		return []string{expr} // flags at the front hold for all alternatives
	}
	var out []string
	depth, class, start := 0, false, 0
	for i := 0; i < len(expr); i++ {
		switch c := expr[i]; {
		case c == '\\':
			i++
		case class:
			class = c != ']'
		case c == '[':
			class = true
			if i+1 < len(expr) && (expr[i+1] == ']' || strings.HasPrefix(expr[i+1:], "^]")) {
				return []string{expr} // "]" as a member of the class: not in any model
			}
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == '|' && depth == 0:
			out, start = append(out, expr[start:i]), i+1
		}
	}
	out = append(out, expr[start:])
	slices.SortStableFunc(out, func(a, b string) int { return len(a) - len(b) })
	return out
}

// escapes turns Java's \uXXXX into RE2's \x{XXXX}.
func escapes(text string) string {
	if !strings.Contains(text, `\u`) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] != '\\' || i+1 == len(text):
			b.WriteByte(text[i])
		case text[i+1] == 'u' && i+6 <= len(text):
			b.WriteString(`\x{` + text[i+2:i+6] + `}`)
			i += 5
		default:
			b.WriteString(text[i : i+2])
			i++
		}
	}
	return b.String()
}

// Match reports whether the whole of s matches.
func (p *Pattern) Match(s string) bool {
	if p.max == 0 {
		return slices.ContainsFunc(p.re, func(re *regexp.Regexp) bool { return re.MatchString(s) })
	}
	m := p.re[0].FindStringSubmatchIndex(s) // bounded equivalents have no alternatives
	if m == nil {
		return false
	}
	n := utf8.RuneCountInString(s[m[2]:m[3]])
	return n >= p.min && n <= p.max
}

// String returns the expression as AWS prints it in messages: the model's text
// without the anchors around it.
func (p *Pattern) String() string {
	s := p.text
	if strings.HasPrefix(s, "^") && strings.HasSuffix(s, "$") && !strings.Contains(s[1:len(s)-1], "|") {
		return s[1 : len(s)-1]
	}
	return s
}
