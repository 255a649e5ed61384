// Package object reads and writes the JSON of the bedrock-runtime contract. It is
// for the codecs of Converse and of the native InvokeModel bodies.
//
// Reading a client's JSON is strict (types, UTF-8, repeated names, depth) and
// its errors name the offending member in Bedrock's way; reading an upstream's
// is lenient where an answer would be lost otherwise. Objects whose members are
// not all known pass through as lists of Members, in their order.
//
//	var req struct {
//		Prompt string         `json:"prompt"`
//		Extra  jsontext.Value `json:",embed"`
//	}
//	if err := object.Parse(raw, &req); err != nil {
//		return err
//	}
package object

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/craton-ai/craton/internal/model"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// MaxDepth is how deeply JSON in a request or answer may nest. Deeper input is
// refused as Invalid; real schemas and tool arguments stay far below it.
const MaxDepth = 128

// Malformed is the exception AWS front ends answer malformed JSON with.
const Malformed = "SerializationException"

// lenient is how upstreams' answers are read, and what models wrote is passed on.
var lenient = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// Parse unmarshals a client's JSON into v. Its error is Invalid, names the
// offending member as "messages.0.role", and is safe to show.
func Parse(raw []byte, v any) *model.Error { return parse(raw, v, json.JoinOptions()) }

// ParseAnswer unmarshals an upstream's JSON into v, accepting repeated names
// and broken UTF-8. Its error is as Parse's.
func ParseAnswer(raw []byte, v any) *model.Error { return parse(raw, v, lenient) }

func parse(raw []byte, v any, opts json.Options) *model.Error {
	if !shallow(raw) {
		return model.Errorf(model.Invalid, "", "The JSON is nested more than %d levels deep.", MaxDepth)
	}
	err := json.Unmarshal(raw, v, opts)
	if err == nil {
		return nil
	}
	e := &model.Error{Kind: model.Invalid, Op: "wire/bedrock/object.Parse", Code: Malformed, Err: err}
	var wrong *json.SemanticError
	var broken *jsontext.SyntacticError
	switch {
	case errors.As(err, &wrong):
		e.Subject = dotted(wrong.JSONPointer)
		e.Message = fmt.Sprintf("The value at %s has the wrong type or form (%s).", orBody(e.Subject), kindName(wrong.JSONKind))
	case errors.As(err, &broken):
		e.Subject = dotted(broken.JSONPointer)
		e.Message = fmt.Sprintf("The request body is not valid JSON at byte %d.", broken.ByteOffset)
	default:
		e.Message = "The request body is not valid JSON."
	}
	return e
}

func orBody(path string) string {
	if path == "" {
		return "the top of the body"
	}
	return path
}

// dotted turns a JSON pointer into Bedrock's way of naming members.
func dotted(p jsontext.Pointer) string {
	var parts []string
	for t := range p.Tokens() {
		parts = append(parts, t)
	}
	return strings.Join(parts, ".")
}

func kindName(k jsontext.Kind) string {
	switch k {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "unreadable"
}

// shallow reports whether JSON nests at most MaxDepth levels. It only counts
// brackets outside strings: whether the text is JSON is the parser's question.
func shallow(b []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > MaxDepth {
				return false
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return true
}

// Is reports whether raw is one valid JSON object.
func Is(raw []byte) bool {
	v := jsontext.Value(raw)
	return v.Kind() == '{' && shallow(raw) && v.IsValid(lenient)
}

// Member is one name and value of a JSON object.
type Member struct {
	Name  string
	Value jsontext.Value
}

// Members lists an object's members in order; nil when raw is no object.
func Members(raw []byte) []Member {
	if !Is(raw) {
		return nil
	}
	var out []Member
	dec := jsontext.NewDecoder(bytes.NewReader(raw), lenient)
	if _, err := dec.ReadToken(); err != nil {
		return nil
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil
		}
		key := name.String()
		value, err := dec.ReadValue()
		if err != nil {
			return nil
		}
		out = append(out, Member{key, value.Clone()})
	}
	return out
}

// Of joins members to an object; nil when there are none.
func Of(ms []Member) jsontext.Value {
	if len(ms) == 0 {
		return nil
	}
	b := []byte{'{'}
	for i, m := range ms {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendQuote(b, m.Name)
		b = append(b, ':')
		b = append(b, m.Value...)
	}
	return append(b, '}')
}

// AppendQuote appends s as a JSON string; invalid UTF-8 becomes U+FFFD.
func AppendQuote(dst []byte, s string) []byte {
	dst, _ = jsontext.AppendQuote(dst, s) // the only error reports that replacement
	return dst
}

// Marshal renders v; it fails only when raw JSON inside v is invalid.
func Marshal(v any) (jsontext.Value, *model.Error) {
	b, err := json.Marshal(v, lenient)
	if err != nil {
		e := model.Wrap(model.Invalid, "wire/bedrock/object.Marshal", err)
		e.Message = "A JSON value inside the request or answer is malformed."
		return nil, e
	}
	return b, nil
}
