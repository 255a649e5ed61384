package raw

import (
	"encoding/base64"
	"math"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/tidwall/gjson"
)

// Builder appends JSON to Bytes. It puts a comma before a key or value where
// the last byte shows that one is needed; opening and closing is the caller's.
// The zero value is ready, and Bytes may hold other text that ends in neither
// a letter, a digit, a quote nor a closing bracket.
type Builder struct{ Bytes []byte }

func (b *Builder) comma() {
	if len(b.Bytes) == 0 {
		return
	}
	switch c := b.Bytes[len(b.Bytes)-1]; {
	case c == '"' || c == '}' || c == ']' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z':
		b.Bytes = append(b.Bytes, ',')
	}
}

// Open begins an object or array: '{' or '['.
func (b *Builder) Open(bracket byte) {
	b.comma()
	b.Bytes = append(b.Bytes, bracket)
}

// Close ends it: '}' or ']'.
func (b *Builder) Close(bracket byte) { b.Bytes = append(b.Bytes, bracket) }

// Key begins a member.
func (b *Builder) Key(name string) {
	b.comma()
	b.Bytes = append(appendQuote(b.Bytes, name), ':')
}

// String appends a string value; broken UTF-8 is replaced.
func (b *Builder) String(s string) {
	b.comma()
	b.Bytes = appendQuote(b.Bytes, s)
}

// appendQuote appends s as a JSON string. Most strings are plain: nothing in
// them is escaped.
func appendQuote(dst []byte, s string) []byte {
	if !plain(s) {
		dst, _ = jsontext.AppendQuote(dst, s)
		return dst
	}
	dst = append(slices.Grow(dst, len(s)+2), '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

// plain reports whether s is of ASCII, without control characters, quotes and
// backslashes. It looks at eight bytes together: each of them is below 0x80, and
// less one of what is looked for would borrow from its highest bit.
func plain(s string) bool {
	const each, high = 0x0101010101010101, 0x80 * 0x0101010101010101
	for ; len(s) >= 8; s = s[8:] {
		n := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
		quote, slash := n^'"'*each, n^'\\'*each
		if (n|(n-' '*each)|(quote-each)|(slash-each))&high != 0 {
			return false
		}
	}
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x80 {
			return false
		}
	}
	return true
}

// Int appends an integer value.
func (b *Builder) Int(n int64) {
	b.comma()
	b.Bytes = strconv.AppendInt(b.Bytes, n, 10)
}

// Float appends a number; what JSON cannot write becomes 0.
func (b *Builder) Float(f float64) {
	b.comma()
	if math.IsNaN(f) || math.IsInf(f, 0) {
		f = 0
	}
	b.Bytes = strconv.AppendFloat(b.Bytes, f, 'g', -1, 64)
}

// Bool appends true or false.
func (b *Builder) Bool(v bool) {
	b.comma()
	b.Bytes = strconv.AppendBool(b.Bytes, v)
}

// Null appends null.
func (b *Builder) Null() {
	b.comma()
	b.Bytes = append(b.Bytes, "null"...)
}

// Raw appends a valid JSON value without its white space, and null for an
// empty or invalid one.
func (b *Builder) Raw(v []byte) {
	b.comma()
	at := len(b.Bytes)
	out, err := jsontext.AppendFormat(b.Bytes, v, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true), jsontext.PreserveRawStrings(true))
	if err != nil {
		b.Bytes = append(b.Bytes[:at], "null"...)
		return
	}
	b.Bytes = out
}

// RawString is Raw for a string.
func (b *Builder) RawString(v string) { b.Raw([]byte(v)) }

// Literal appends JSON text that the caller wrote itself, as it is, with a
// comma before it where one is needed.
func (b *Builder) Literal(s string) {
	b.comma()
	b.Bytes = append(b.Bytes, s...)
}

// Base64 appends bytes as a string of padded base64.
func (b *Builder) Base64(data []byte) {
	b.comma()
	b.Bytes = append(b.Bytes, '"')
	b.Bytes = base64.StdEncoding.AppendEncode(b.Bytes, data)
	b.Bytes = append(b.Bytes, '"')
}

// Str appends a member with a string value.
func (b *Builder) Str(name, s string) {
	b.Key(name)
	b.String(s)
}

// StrIf is Str unless s is empty.
func (b *Builder) StrIf(name, s string) {
	if s != "" {
		b.Str(name, s)
	}
}

// StrNull is Str, with null for an empty s.
func (b *Builder) StrNull(name, s string) {
	b.Key(name)
	if s == "" {
		b.Null()
		return
	}
	b.String(s)
}

// Num appends a member with an integer value.
func (b *Builder) Num(name string, n int64) {
	b.Key(name)
	b.Int(n)
}

// Flag appends a member with a boolean value.
func (b *Builder) Flag(name string, v bool) {
	b.Key(name)
	b.Bool(v)
}

// Strs appends a member with an array of strings.
func (b *Builder) Strs(name string, list []string) {
	b.Key(name)
	b.Open('[')
	for _, s := range list {
		b.String(s)
	}
	b.Close(']')
}

// Nil appends members that are null.
func (b *Builder) Nil(names ...string) {
	for _, name := range names {
		b.Key(name)
		b.Null()
	}
}

// Val appends a member with a raw JSON value; see Raw.
func (b *Builder) Val(name string, v []byte) {
	b.Key(name)
	b.Raw(v)
}

// Merge appends the members of a JSON object, except those that skip names.
// Anything but an object adds nothing.
func (b *Builder) Merge(object []byte, skip func(key string) bool) {
	if !jsontext.Value(object).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) {
		return
	}
	res := gjson.ParseBytes(object)
	if !res.IsObject() {
		return
	}
	res.ForEach(func(key, val gjson.Result) bool {
		if skip == nil || !skip(key.Str) {
			b.Key(key.Str)
			b.RawString(val.Raw)
		}
		return true
	})
}
