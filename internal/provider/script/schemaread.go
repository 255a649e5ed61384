package script

import (
	"regexp/syntax"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// typ returns the schema's type: the first that is not null of several, else
// what its members imply.
func (s schema) typ() string {
	if t := s.str("type"); t != "" {
		return t
	}
	for _, t := range s.names("type") {
		if t != "null" {
			return t
		}
	}
	switch {
	case s["properties"] != nil:
		return "object"
	case s["items"] != nil:
		return "array"
	case s["minimum"] != nil || s["maximum"] != nil || s["multipleOf"] != nil:
		return "number"
	}
	return "string"
}

func (s schema) str(key string) string {
	var v string
	if json.Unmarshal(s[key], &v) != nil {
		return ""
	}
	return v
}

func (s schema) num(key string, otherwise float64) float64 {
	v := otherwise
	if s[key] == nil || json.Unmarshal(s[key], &v) != nil {
		return otherwise
	}
	return v
}

func (s schema) names(key string) []string {
	var v []string
	if json.Unmarshal(s[key], &v) != nil {
		return nil
	}
	return v
}

func (s schema) list(key string) []schema {
	var raws []jsontext.Value
	if json.Unmarshal(s[key], &raws) != nil {
		return nil
	}
	out := make([]schema, 0, len(raws))
	for _, r := range raws {
		sub, _ := parseSchema(r)
		out = append(out, sub)
	}
	return out
}

// members lists the properties in the order they are written.
func (s schema) members() []member {
	d := jsontext.NewDecoder(strings.NewReader(string(s["properties"])), jsontext.AllowDuplicateNames(true))
	if t, err := d.ReadToken(); err != nil || t.Kind() != '{' {
		return nil
	}
	var out []member
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			return out
		}
		key := name.String()
		raw, err := d.ReadValue()
		if err != nil {
			return out
		}
		sub, _ := parseSchema(raw.Clone())
		out = append(out, member{key, sub})
	}
	return out
}

// example returns a short text that the pattern matches.
func example(pattern string) string {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return ""
	}
	var b strings.Builder
	appendExample(&b, re)
	return b.String()
}

func appendExample(b *strings.Builder, re *syntax.Regexp) {
	switch re.Op {
	case syntax.OpLiteral:
		b.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		b.WriteRune(friendly(re.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte('x')
	case syntax.OpCapture, syntax.OpPlus:
		appendExample(b, re.Sub[0])
	case syntax.OpRepeat:
		for range re.Min {
			appendExample(b, re.Sub[0])
		}
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			appendExample(b, sub)
		}
	case syntax.OpAlternate:
		appendExample(b, re.Sub[0])
	}
}

// friendly picks a rune of the ranges, a letter or digit where there is one.
func friendly(ranges []rune) rune {
	for _, want := range "a1A-_" {
		for i := 0; i+1 < len(ranges); i += 2 {
			if ranges[i] <= want && want <= ranges[i+1] {
				return want
			}
		}
	}
	if len(ranges) == 0 {
		return 'x'
	}
	return ranges[0]
}
