package openai

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/raw"
)

// lenient reads what upstreams send: repeated names and broken UTF-8 are no
// reason to lose an answer.
var lenient = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// expected is the cause of a type error raised by a union type of this package.
type expected string

func (e expected) Error() string { return "expected " + string(e) }

// wrongType makes the error a union's decoder returns; json fills in where.
func wrongType(got jsontext.Kind, want string) error {
	return &json.SemanticError{JSONKind: got, Err: expected(want)}
}

// requestError turns an error of the JSON package about a value at path (""
// for the body) into the contract's own words.
func requestError(path string, err error) error {
	var semantic *json.SemanticError
	if errors.As(err, &semantic) {
		if path == "" && semantic.JSONPointer == "" {
			return notObject()
		}
		at := joinPath(path, pointerPath(semantic.JSONPointer))
		return invalid(at, "invalid_type", "Invalid type for '%s': expected %s, but got %s instead.",
			bracketed(at), wanted(semantic), kindName(semantic.JSONKind, semantic.JSONValue))
	}
	return notJSON(err)
}

func invalid(path, code, format string, args ...any) error {
	return &model.Error{Kind: model.Invalid, Subject: path, Code: code, Message: fmt.Sprintf(format, args...)}
}

func missing(path string) error {
	return invalid(path, "missing_required_parameter", "Missing required parameter: '%s'.", bracketed(path))
}

func belowMin(path string, limit, got int) error {
	return invalid(path, "integer_below_min_value", "Invalid '%s': integer below minimum value. Expected a value >= %d, but got %d instead.", path, limit, got)
}

func aboveMax(path string, limit, got int) error {
	return invalid(path, "integer_above_max_value", "Invalid '%s': integer above maximum value. Expected a value <= %d, but got %d instead.", path, limit, got)
}

// invalidValue names the values a parameter may take.
func invalidValue(path, got string, allowed ...string) error {
	quoted := make([]string, len(allowed))
	for i, a := range allowed {
		quoted[i] = "'" + a + "'"
	}
	list := quoted[len(quoted)-1]
	if len(quoted) > 1 {
		list = strings.Join(quoted[:len(quoted)-1], ", ") + ", and " + list
	}
	return invalid(path, "invalid_value", "Invalid value: '%s'. Supported values are: %s.", clip(got, 100), list)
}

// clip shortens text that goes into a message.
func clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}

// pointerPath turns /messages/0/content into messages.0.content.
func pointerPath(p jsontext.Pointer) string {
	var tokens []string
	for token := range p.Tokens() {
		tokens = append(tokens, token)
	}
	return strings.Join(tokens, ".")
}

func joinPath(a, b string) string {
	switch {
	case a == "":
		return b
	case b == "":
		return a
	}
	return a + "." + b
}

// bracketed writes a path as the contract shows it: messages[0].content.
func bracketed(path string) string { return raw.Bracketed(path) }

// wanted says which JSON type the failing Go type takes.
func wanted(e *json.SemanticError) string {
	var want expected
	if errors.As(e.Err, &want) {
		return string(want)
	}
	if e.GoType == nil {
		return "another type"
	}
	t := e.GoType
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "a boolean"
	case reflect.Int, reflect.Int64:
		return "an integer"
	case reflect.Float32, reflect.Float64:
		return "a decimal"
	case reflect.Slice, reflect.Array:
		return "an array"
	}
	return "an object"
}

func kindName(k jsontext.Kind, value jsontext.Value) string {
	switch k {
	case 'n':
		return "null"
	case 't', 'f':
		return "a boolean"
	case '"':
		return "a string"
	case '0':
		if strings.ContainsAny(string(value), ".eE") {
			return "a decimal"
		}
		return "an integer"
	case '{':
		return "an object"
	case '[':
		return "an array"
	}
	return "something else"
}
