package bedrock

import (
	"errors"
	"fmt"
	"strings"

	"github.com/craton-ai/craton/internal/model"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// codeSerialization is the exception AWS front ends answer malformed JSON with.
const codeSerialization = "SerializationException"

// parse unmarshals a client's or upstream's JSON into v. Its error is Invalid,
// names the offending member as "messages.0.role", and is safe to show.
func parse(body []byte, v any) *model.Error {
	if !shallow(body) {
		return model.Errorf(model.Invalid, "", "The JSON is nested more than %d levels deep.", MaxDepth)
	}
	err := json.Unmarshal(body, v)
	if err == nil {
		return nil
	}
	e := &model.Error{Kind: model.Invalid, Op: "wire/bedrock.parse", Code: codeSerialization, Err: err}
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

// isObject reports whether raw is one valid JSON object.
func isObject(raw []byte) bool {
	v := jsontext.Value(raw)
	return v.Kind() == '{' && shallow(raw) && v.IsValid()
}

// member is one name and value of a JSON object.
type member struct {
	name  string
	value jsontext.Value
}

// members lists an object's members in order; nil when raw is no object.
func members(raw []byte) []member {
	if !isObject(raw) {
		return nil
	}
	var out []member
	dec := jsontext.NewDecoder(strings.NewReader(string(raw)))
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
		out = append(out, member{key, value.Clone()})
	}
	return out
}

// object joins members to an object; nil when there are none.
func object(ms []member) jsontext.Value {
	if len(ms) == 0 {
		return nil
	}
	b := []byte{'{'}
	for i, m := range ms {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendQuote(b, m.name)
		b = append(b, ':')
		b = append(b, m.value...)
	}
	return append(b, '}')
}

// appendQuote appends s as a JSON string; invalid UTF-8 becomes U+FFFD.
func appendQuote(dst []byte, s string) []byte {
	dst, _ = jsontext.AppendQuote(dst, s) // the only error reports that replacement
	return dst
}

// own reports whether o is an object of the Converse dialect.
func own(o *model.Opaque) bool { return o != nil && o.Dialect == model.DialectConverse }

// opaque keeps raw JSON of the Converse dialect; nil for nothing or an empty object.
func opaque(raw []byte) *model.Opaque {
	if len(raw) == 0 || string(raw) == "{}" {
		return nil
	}
	return &model.Opaque{Dialect: model.DialectConverse, Raw: raw}
}
