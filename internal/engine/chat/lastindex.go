package chat

import (
	"regexp"
	"strings"

	"github.com/nikolalohinski/gonja/v2/builtins"
	"github.com/nikolalohinski/gonja/v2/exec"
)

// methodCall is what may follow an operand; a filter's result has no methods.
var methodCall = regexp.MustCompile(`^\.\w+\(`)

// rewriteLast replaces x[-1] by (x|last), or by x.craton_last() where a method
// of it is called, inside the tags of a template. The template engine (gonja
// 2.9.1) answers nothing for the index -1 of a list of one element, which
// templates use to look at the last message or the last part of a text.
func rewriteLast(source string) string {
	const index = "[-1]"
	for from := 0; ; {
		at := strings.Index(source[from:], index)
		if at < 0 {
			return source
		}
		at += from
		start := operandStart(source, at)
		if start == at || !inTag(source, at) {
			from = at + len(index)
			continue
		}
		operand, rest := source[start:at], source[at+len(index):]
		if methodCall.MatchString(rest) {
			source = source[:at] + ".craton_last()" + rest
		} else {
			source = source[:start] + "(" + operand + "|last)" + rest
		}
		from = at
	}
}

// inTag tells whether a position lies inside an expression or statement.
func inTag(source string, at int) bool {
	before := source[:at]
	open := max(strings.LastIndex(before, "{{"), strings.LastIndex(before, "{%"))
	closed := max(strings.LastIndex(before, "}}"), strings.LastIndex(before, "%}"))
	return open > closed
}

// operandStart is where the operand that ends at end begins: names, attributes,
// calls and subscripts, read backwards.
func operandStart(source string, end int) int {
	i := end
	for i > 0 {
		c := source[i-1]
		switch {
		case c == ')' || c == ']':
			open := openingBracket(source, i-1)
			if open < 0 {
				return i
			}
			i = open
		case c == '_' || c == '.' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
			i--
		default:
			return i
		}
	}
	return i
}

// openingBracket is the position of the bracket that the one at closing closes,
// skipping strings; -1 if there is none.
func openingBracket(source string, closing int) int {
	depth := 0
	for i := closing; i >= 0; i-- {
		switch c := source[i]; c {
		case '\'', '"':
			for i--; i >= 0 && source[i] != c; i-- {
			}
		case ')', ']':
			depth++
		case '(', '[':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// methods are the engine's, with craton_last for lists.
func methods() exec.Methods {
	lists := map[string]exec.Method[[]any]{
		"craton_last": func(self []any, _ *exec.Value, _ *exec.VarArgs) (any, error) {
			if len(self) == 0 {
				return nil, nil
			}
			return self[len(self)-1], nil
		},
	}
	for _, name := range []string{"append", "reverse", "copy"} {
		if m, ok := builtins.Methods.List.Get(name); ok {
			lists[name] = m
		}
	}
	out := builtins.Methods
	out.List = exec.NewMethodSet(lists)
	return out
}
