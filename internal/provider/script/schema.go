package script

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxSchemaDepth and maxSchemaSteps bound the value made for a schema that
// contains itself, in depth and in all; what is beyond becomes null.
const (
	maxSchemaDepth = 12
	maxSchemaSteps = 4000
	// maxHint is how much of a prompt, and maxString of a text, is used.
	maxHint   = 16 << 10
	maxString = 256
)

// member is one property, in the order the schema lists it.
type member struct {
	name   string
	schema schema
}

// schema is a decoded JSON Schema; true and false decode to nil and are taken as anything.
type schema map[string]jsontext.Value

// filler makes a value that obeys a JSON Schema out of the words and numbers
// of a prompt: the same schema and prompt give the same value. It understands
// what strict tools and structured outputs allow: type, properties, required,
// items, enum, const, $ref, $defs, anyOf, oneOf, allOf, bounds, formats, patterns.
type filler struct {
	prompt  string
	root    schema
	strings []string
	numbers []string
	nextStr int
	nextNum int
	steps   int
}

func newFiller(prompt string, about []string) *filler {
	prompt = prompt[:min(len(prompt), maxHint)]
	if about == nil {
		about = subjects(prompt)
	}
	return &filler{prompt: prompt, strings: about, numbers: number.FindAllString(prompt, -1)}
}

// fill returns the value as JSON with a blank after every colon and comma, so
// that it has several words, and thus several deltas.
func (f *filler) fill(raw []byte) (string, error) {
	s, err := parseSchema(raw)
	if err != nil {
		return "", fmt.Errorf("the schema is not a JSON object: %w", err)
	}
	f.root = s
	if len(s) == 0 || s["type"] == nil && s["properties"] != nil {
		s = withType(s, "object")
	}
	var b strings.Builder
	f.value(&b, s, "", 0)
	return b.String(), nil
}

func parseSchema(raw []byte) (schema, error) {
	if len(raw) == 0 || string(raw) == "true" || string(raw) == "false" {
		return nil, nil
	}
	var s schema
	err := json.Unmarshal(raw, &s, jsontext.AllowDuplicateNames(true))
	return s, err
}

func withType(s schema, typ string) schema {
	out := schema{"type": jsontext.Value(strconv.Quote(typ))}
	for k, v := range s {
		if k != "type" {
			out[k] = v
		}
	}
	return out
}

func (f *filler) value(b *strings.Builder, s schema, name string, depth int) {
	if f.steps++; f.steps > maxSchemaSteps || depth > 5*maxSchemaDepth {
		b.WriteString("null")
		return
	}
	s = f.resolve(s)
	if c := s["const"]; c != nil {
		b.Write(c)
		return
	}
	if e := f.enum(s); e != nil {
		b.Write(e)
		return
	}
	if alt := f.alternative(s, depth); alt != nil {
		f.value(b, alt, name, depth+1)
		return
	}
	switch s.typ() {
	case "object":
		f.object(b, s, depth)
	case "array":
		f.array(b, s, name, depth)
	case "integer", "number":
		f.number(b, s)
	case "boolean":
		b.WriteString("true")
	case "null":
		b.WriteString("null")
	default:
		b.WriteString(quote(f.text(s, name)))
	}
}

func quote(s string) string {
	q, _ := jsontext.AppendQuote(nil, s)
	return string(q)
}

// resolve follows $ref and merges allOf, both a bounded number of times.
func (f *filler) resolve(s schema) schema {
	for range maxSchemaDepth {
		if f.steps++; f.steps > maxSchemaSteps {
			return nil
		}
		if ref := s.str("$ref"); ref != "" {
			s = f.lookup(ref)
			continue
		}
		all := s.list("allOf")
		if len(all) == 0 {
			return s
		}
		merged := schema{}
		for k, v := range s {
			if k != "allOf" {
				merged[k] = v
			}
		}
		for _, part := range all {
			for k, v := range f.resolve(part) {
				merged[k] = v
			}
		}
		s = merged
	}
	return s
}

func (f *filler) lookup(ref string) schema {
	at := f.root
	path, ok := strings.CutPrefix(ref, "#/")
	if !ok {
		return at
	}
	for step := range strings.SplitSeq(path, "/") {
		step = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
		at, _ = parseSchema(at[step])
	}
	return at
}

// alternative picks a branch of anyOf or oneOf: the first, but beyond the
// depth bound one that ends the recursion.
func (f *filler) alternative(s schema, depth int) schema {
	branches := append(s.list("anyOf"), s.list("oneOf")...)
	if len(branches) == 0 {
		return nil
	}
	if depth > maxSchemaDepth/2 {
		for _, br := range branches {
			if t := f.resolve(br).typ(); t != "object" && t != "array" {
				return br
			}
		}
	}
	return branches[0]
}

// enum returns the value the prompt mentions, else the first; nil without an enum.
func (f *filler) enum(s schema) jsontext.Value {
	var values []jsontext.Value
	if json.Unmarshal(s["enum"], &values) != nil || len(values) == 0 {
		return nil
	}
	prompt := strings.ToLower(f.prompt)
	i := slices.IndexFunc(values, func(v jsontext.Value) bool {
		var text string
		return json.Unmarshal(v, &text) == nil && text != "" && strings.Contains(prompt, strings.ToLower(text))
	})
	return values[max(i, 0)]
}

func (f *filler) object(b *strings.Builder, s schema, depth int) {
	required := s.names("required")
	wanted := slices.DeleteFunc(s.members(), func(m member) bool {
		if slices.Contains(required, m.name) {
			return depth > 4*maxSchemaDepth // a schema that requires itself has no value; stop somewhere
		}
		return len(required) > 0 || depth > maxSchemaDepth
	})
	b.WriteByte('{')
	for i, m := range wanted {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(quote(m.name))
		b.WriteString(": ")
		f.value(b, m.schema, m.name, depth+1)
	}
	b.WriteByte('}')
}

func (f *filler) array(b *strings.Builder, s schema, name string, depth int) {
	n := max(int(s.num("minItems", 0)), 1)
	if depth > maxSchemaDepth {
		n = int(s.num("minItems", 0))
	}
	items, _ := parseSchema(s["items"])
	if t := f.resolve(items).typ(); t == "string" && s["maxItems"] == nil {
		n = max(n, min(len(f.strings)-f.nextStr, 10))
	}
	b.WriteByte('[')
	for i := range min(n, 1000) {
		if i > 0 {
			b.WriteString(", ")
		}
		f.value(b, items, name, depth+1)
	}
	b.WriteByte(']')
}

func (f *filler) number(b *strings.Builder, s schema) {
	v := s.num("minimum", math.Inf(-1))
	if x := s.num("exclusiveMinimum", math.Inf(-1)); x >= v {
		v = x + 1
	}
	low, high := v, s.num("maximum", math.Inf(1))
	if x := s.num("exclusiveMaximum", math.Inf(1)); x <= high {
		high = x - 1
	}
	v = 1
	if f.nextNum < len(f.numbers) {
		v, _ = strconv.ParseFloat(f.numbers[f.nextNum], 64)
		f.nextNum++
	}
	v = min(max(v, low), high)
	if step := s.num("multipleOf", 0); step > 0 {
		v = math.Ceil(v/step) * step
	}
	if s.typ() == "integer" {
		v = math.Trunc(v)
	}
	b.WriteString(strconv.FormatFloat(v, 'f', -1, 64))
}

// formats holds a valid value for each format a strict schema may ask for.
var formats = map[string]string{
	"date-time": "2026-01-02T03:04:05Z", "date": "2026-01-02", "time": "03:04:05Z", "duration": "PT1H",
	"email": "someone@example.com", "hostname": "example.com", "uri": "https://example.com/",
	"ipv4": "192.0.2.1", "ipv6": "2001:db8::1", "uuid": "00000000-0000-4000-8000-000000000000",
}

func (f *filler) text(s schema, name string) string {
	if v, ok := formats[s.str("format")]; ok {
		return v
	}
	v := f.named(name)
	if v == "" {
		v = f.strings[min(f.nextStr, len(f.strings)-1)]
		f.nextStr++
	}
	if p := s.str("pattern"); p != "" {
		if re, err := regexp.Compile(p); err == nil && !re.MatchString(v) {
			v = example(p)
		}
	}
	short, long := int(min(s.num("minLength", 0), 10*maxString)), int(min(s.num("maxLength", maxString), maxString))
	runes := []rune(v)
	if n := max(long, short); len(runes) > n && n >= 0 {
		runes = runes[:n]
	}
	v = string(runes) + strings.Repeat("x", max(short-len(runes), 0))
	f.steps += len(v) / 16
	return v
}

// named finds a value the prompt gives for a property: "city: Oslo", "city is Oslo", "city=Oslo".
func (f *filler) named(name string) string {
	if name == "" {
		return ""
	}
	re, err := regexp.Compile(`(?i)\b` + regexp.QuoteMeta(name) + `(?:\s*[:=]\s*|\s+is\s+)["']?([\p{L}\d@._-]*[\p{L}\d])`)
	if err != nil {
		return ""
	}
	if m := re.FindStringSubmatch(f.prompt); m != nil {
		return m[1]
	}
	return ""
}
