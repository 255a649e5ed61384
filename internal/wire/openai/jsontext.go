package openai

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// builder appends JSON. It knows from the last byte whether a comma is due, so
// that it needs no state: a value never ends in '{', '[' or ':'.
type builder struct{ b []byte }

func (w *builder) comma() {
	if n := len(w.b); n > 0 {
		switch w.b[n-1] {
		case '{', '[', ':':
		default:
			w.b = append(w.b, ',')
		}
	}
}

// open starts an object or array, as a value of its own.
func (w *builder) open(c byte) {
	w.comma()
	w.b = append(w.b, c)
}

func (w *builder) close(c byte) { w.b = append(w.b, c) }

// key starts a member; name needs no escaping.
func (w *builder) key(name string) {
	w.comma()
	w.b = append(w.b, '"')
	w.b = append(w.b, name...)
	w.b = append(w.b, '"', ':')
}

func (w *builder) str(s string) {
	w.comma()
	w.b = appendString(w.b, s)
}

// raw appends a JSON value as it is; nothing stands for null.
func (w *builder) raw(v []byte) {
	w.comma()
	if len(v) == 0 {
		w.b = append(w.b, "null"...)
		return
	}
	w.b = append(w.b, v...)
}

func (w *builder) int(n int64) {
	w.comma()
	w.b = strconv.AppendInt(w.b, n, 10)
}

func (w *builder) float(f float64) {
	w.comma()
	w.b = jsontext.AppendFloat(w.b, f, 64)
}

func (w *builder) bool(v bool) {
	w.comma()
	w.b = strconv.AppendBool(w.b, v)
}

// member appends a string member.
func (w *builder) member(name, value string) {
	w.key(name)
	w.str(value)
}

// optional appends a string member unless value is empty.
func (w *builder) optional(name, value string) {
	if value != "" {
		w.member(name, value)
	}
}

// object appends the members of a whole JSON object into the open one, but
// those that skip names.
func (w *builder) object(raw []byte, skip func(name string) bool) {
	eachMember(raw, func(name string, key, value []byte) bool {
		if skip == nil || !skip(name) {
			w.comma()
			w.b = append(append(append(w.b, key...), ':'), value...)
		}
		return true
	})
}

// appendString appends s as a JSON string. Bytes that are not UTF-8 become
// U+FFFD, which is the only error AppendQuote knows.
func appendString(dst []byte, s string) []byte {
	dst, _ = jsontext.AppendQuote(dst, s)
	return dst
}

// unquote returns the text of a JSON string and whether raw is one.
func unquote(raw jsontext.Value) (string, bool) {
	if raw.Kind() != '"' {
		return "", false
	}
	text, err := jsontext.AppendUnquote(nil, raw)
	return string(text), err == nil
}

// compact returns raw without insignificant space, so that it holds no line
// end; nil when it is not JSON.
func compact(raw []byte) []byte {
	v := jsontext.Value(raw).Clone()
	if v.Compact(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) != nil {
		return nil
	}
	return v
}

// quotedKey starts a member whose name may need escapes.
func (w *builder) quotedKey(name string) {
	w.str(name)
	w.b = append(w.b, ':')
}
