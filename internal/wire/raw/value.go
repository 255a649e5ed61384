package raw

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/craton-ai/craton/internal/model"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/tidwall/gjson"
)

// MaxDepth is how deep a document may nest objects and arrays.
const MaxDepth = 128

// Style is a dialect's wording of errors and paths. Functions left nil use
// plain wording and dotted paths.
type Style struct {
	// Member and Index extend a path.
	Member func(path, name string) string
	Index  func(path string, i int) string
	// Type words a value of the wrong type; want is "a string" and the like, got too.
	Type func(path, want, got string) string
	// Missing words a required member that is absent.
	Missing func(path string) string
	// Syntax words a body that is not JSON.
	Syntax func(detail string) string
	// TypeCode, MissingCode and SyntaxCode are the error codes; may be empty.
	TypeCode, MissingCode, SyntaxCode string
}

// Value is a JSON value at its path. The zero Value is absent.
type Value struct {
	res   gjson.Result
	where *place
}

type place struct {
	up    *place
	name  string
	index int
	style *Style
}

// Parse checks that body is one JSON value of bounded depth, without repeated
// member names and of valid UTF-8, and returns it. The error is Invalid.
func Parse(body []byte, style *Style) (Value, error) {
	return parse(body, style, false)
}

// ParseLenient is Parse for upstreams' answers, where repeated names and
// broken UTF-8 are let pass.
func ParseLenient(body []byte, style *Style) (Value, error) {
	return parse(body, style, true)
}

func parse(body []byte, style *Style, lenient bool) (Value, error) {
	if style == nil {
		style = &Style{}
	}
	root := &place{style: style, index: -1}
	if d := depth(body); d > MaxDepth {
		return Value{}, root.errorf(style.SyntaxCode, fmt.Sprintf("The body nests deeper than %d levels.", MaxDepth))
	}
	ok := jsontext.Value(body).IsValid(jsontext.AllowDuplicateNames(lenient), jsontext.AllowInvalidUTF8(lenient))
	if !ok {
		text := "The request body is not valid JSON."
		if style.Syntax != nil {
			text = style.Syntax(syntax(body, lenient))
		}
		return Value{}, root.errorf(style.SyntaxCode, text)
	}
	return Value{res: gjson.ParseBytes(body), where: root}, nil
}

// syntax says in short what is wrong with body.
func syntax(body []byte, lenient bool) string {
	if len(body) == 0 {
		return "the body is empty"
	}
	v := jsontext.Value(append([]byte(nil), body...))
	err := v.Compact(jsontext.AllowDuplicateNames(lenient), jsontext.AllowInvalidUTF8(lenient))
	if err == nil {
		return "more than one value"
	}
	return strings.TrimPrefix(err.Error(), "jsontext: ")
}

// depth returns the deepest nesting of brackets outside strings.
func depth(body []byte) (deepest int) {
	level := 0
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '"':
			i = closing(body, i+1)
		case '{', '[':
			level++
			deepest = max(deepest, level)
		case '}', ']':
			level--
		}
	}
	return deepest
}

// closing is the index of the quote that ends a string which begins at from,
// or the end of the body.
func closing(body []byte, from int) int {
	for at := from; ; {
		next := bytes.IndexByte(body[at:], '"')
		if next < 0 {
			return len(body)
		}
		at += next
		slashes := 0
		for at-slashes > from && body[at-slashes-1] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return at
		}
		at++
	}
}

func (p *place) path() string {
	if p.up == nil {
		return ""
	}
	up := p.up.path()
	switch {
	case p.index >= 0 && p.style.Index != nil:
		return p.style.Index(up, p.index)
	case p.index >= 0:
		return join(up, strconv.Itoa(p.index))
	case p.style.Member != nil:
		return p.style.Member(up, p.name)
	}
	return join(up, p.name)
}

func join(up, name string) string {
	if up == "" {
		return name
	}
	return up + "." + name
}

func (p *place) errorf(code, text string) *model.Error {
	return &model.Error{Kind: model.Invalid, Subject: p.path(), Message: text, Code: code}
}

// Path returns where the value stands, such as "messages.0.content".
func (v Value) Path() string {
	if v.where == nil {
		return ""
	}
	return v.where.path()
}

// Error returns an Invalid error about v.
func (v Value) Error(format string, args ...any) *model.Error {
	return &model.Error{Kind: model.Invalid, Subject: v.Path(), Message: fmt.Sprintf(format, args...)}
}

// WrongType returns the dialect's error for a value of the wrong type.
func (v Value) WrongType(want string) *model.Error {
	got, path := v.kind(), v.Path()
	if v.where != nil && v.where.style.Type != nil {
		return v.where.errorf(v.where.style.TypeCode, v.where.style.Type(path, want, got))
	}
	return v.Error("%s must be %s, not %s.", path, want, got)
}

// Missing returns the dialect's error for an absent member of the object v.
func (v Value) Missing(name string) *model.Error {
	p := &place{up: v.where, name: name, index: -1, style: v.where.style}
	text := p.path() + " is required."
	if p.style.Missing != nil {
		text = p.style.Missing(p.path())
	}
	return p.errorf(p.style.MissingCode, text)
}

func (v Value) kind() string {
	switch {
	case !v.Exists():
		return "nothing"
	case v.IsNull():
		return "null"
	case v.IsString():
		return "a string"
	case v.IsObject():
		return "an object"
	case v.IsArray():
		return "an array"
	case v.IsBool():
		return "a boolean"
	case v.IsInt():
		return "an integer"
	}
	return "a number"
}

// Exists reports whether the value is there at all; null exists.
func (v Value) Exists() bool { return v.where != nil }

// IsNull reports whether v is null.
func (v Value) IsNull() bool { return v.Exists() && v.res.Type == gjson.Null }

// Given reports whether v is there and not null.
func (v Value) Given() bool { return v.Exists() && v.res.Type != gjson.Null }

// IsString reports whether v is a string.
func (v Value) IsString() bool { return v.Exists() && v.res.Type == gjson.String }

// IsBool reports whether v is true or false.
func (v Value) IsBool() bool {
	return v.Exists() && (v.res.Type == gjson.True || v.res.Type == gjson.False)
}

// IsObject reports whether v is an object.
func (v Value) IsObject() bool { return v.Exists() && v.res.IsObject() }

// IsArray reports whether v is an array.
func (v Value) IsArray() bool { return v.Exists() && v.res.IsArray() }

// IsInt reports whether v is a number without fraction within 53 bits.
func (v Value) IsInt() bool {
	return v.Exists() && v.res.Type == gjson.Number && v.res.Num == math.Trunc(v.res.Num) && math.Abs(v.res.Num) <= 1<<53
}

// Raw is a copy of v's text.
func (v Value) Raw() []byte { return []byte(v.res.Raw) }

// Text is a string's content, and empty for anything else.
func (v Value) Text() string {
	if v.res.Type != gjson.String {
		return ""
	}
	return v.res.Str
}

// Num is a number's value as an integer, and 0 for anything else.
func (v Value) Num() int64 {
	if !v.IsInt() {
		return 0
	}
	return int64(v.res.Num)
}

// Get returns a member of an object by its exact name, absent when there is none.
func (v Value) Get(name string) Value {
	var found Value
	if !v.IsObject() {
		return found
	}
	v.res.ForEach(func(key, val gjson.Result) bool {
		if key.Str != name {
			return true
		}
		found = Value{res: val, where: &place{up: v.where, name: name, index: -1, style: v.where.style}}
		return false
	})
	return found
}

// Members calls f for each member of an object in order and stops at its
// first error. Anything but an object is a type error.
func (v Value) Members(f func(key string, m Value) error) (err error) {
	if !v.IsObject() {
		return v.WrongType("an object")
	}
	v.res.ForEach(func(key, val gjson.Result) bool {
		m := Value{res: val, where: &place{up: v.where, name: key.Str, index: -1, style: v.where.style}}
		err = f(key.Str, m)
		return err == nil
	})
	return err
}

// Items calls f for each element of an array in order and stops at its first
// error. Anything but an array is a type error.
func (v Value) Items(f func(i int, m Value) error) (err error) {
	if !v.IsArray() {
		return v.WrongType("an array")
	}
	i := 0
	v.res.ForEach(func(_, val gjson.Result) bool {
		err = f(i, Value{res: val, where: &place{up: v.where, index: i, style: v.where.style}})
		i++
		return err == nil
	})
	return err
}

// Bracketed writes a path as OpenAI's contracts do: "tools.0.name" becomes
// "tools[0].name".
func Bracketed(path string) string {
	var b strings.Builder
	for i, seg := range strings.Split(path, ".") {
		switch {
		case i > 0 && seg != "" && strings.Trim(seg, "0123456789") == "":
			b.WriteString("[" + seg + "]")
			continue
		case i > 0:
			b.WriteByte('.')
		}
		b.WriteString(seg)
	}
	return b.String()
}
