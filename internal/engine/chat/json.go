package chat

import (
	"bytes"
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/nikolalohinski/gonja/v2/exec"
)

// filterJSON is the templates' tojson: JSON spelled as models were trained to
// see it, with a space after commas and colons, nothing escaped for HTML, and
// keys in the caller's order.
func filterJSON(e *exec.Evaluator, in *exec.Value, params *exec.VarArgs) *exec.Value {
	if in.IsError() {
		return in
	}
	indent := 0
	if v, ok := params.KwArgs["indent"]; ok && v.IsInteger() {
		indent = v.Integer()
	} else if len(params.Args) > 0 && params.Args[0].IsInteger() {
		indent = params.Args[0].Integer()
	}
	var raw bytes.Buffer
	if err := writeJSON(&raw, in.Interface(), orderOf(e)); err != nil {
		return exec.AsValue(err)
	}
	value := jsontext.Value(raw.Bytes())
	options := []jsontext.Options{jsontext.SpaceAfterColon(true), jsontext.SpaceAfterComma(true), jsontext.AllowInvalidUTF8(true)}
	if indent > 0 {
		options = []jsontext.Options{jsontext.WithIndent(strings.Repeat(" ", indent))}
	}
	if err := value.Format(options...); err != nil {
		return exec.AsValue(err)
	}
	return exec.AsSafeValue(string(value))
}

func writeJSON(out *bytes.Buffer, value any, order map[uintptr]jsontext.Value) error {
	switch v := value.(type) {
	case *exec.Value:
		return writeJSON(out, v.Interface(), order)
	case *exec.Dict:
		keys, values := make([]any, len(v.Pairs)), make([]any, len(v.Pairs))
		for i, p := range v.Pairs {
			keys[i], values[i] = p.Key.String(), p.Value
		}
		return writeObject(out, keys, values, order)
	case nil, bool, string, int, int64, float64:
		return writeScalar(out, v)
	}
	switch r := reflect.ValueOf(value); r.Kind() {
	case reflect.Map:
		if raw, ok := order[r.Pointer()]; ok {
			out.Write(raw)
			return nil
		}
		var keys, values []any
		found := r.MapKeys()
		slices.SortFunc(found, func(a, b reflect.Value) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		for _, k := range found {
			keys, values = append(keys, fmt.Sprint(k)), append(values, r.MapIndex(k).Interface())
		}
		return writeObject(out, keys, values, order)
	case reflect.Slice, reflect.Array:
		out.WriteByte('[')
		for i := range r.Len() {
			if i > 0 {
				out.WriteByte(',')
			}
			if err := writeJSON(out, r.Index(i).Interface(), order); err != nil {
				return err
			}
		}
		out.WriteByte(']')
		return nil
	default:
		return writeScalar(out, value)
	}
}

func writeScalar(out *bytes.Buffer, value any) error {
	text, err := json.Marshal(value, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return fmt.Errorf("tojson of a %T: %w", value, err)
	}
	out.Write(text)
	return nil
}

func writeObject(out *bytes.Buffer, keys, values []any, order map[uintptr]jsontext.Value) error {
	out.WriteByte('{')
	for i := range keys {
		if i > 0 {
			out.WriteByte(',')
		}
		if err := writeScalar(out, keys[i]); err != nil {
			return err
		}
		out.WriteByte(':')
		if err := writeJSON(out, values[i], order); err != nil {
			return err
		}
	}
	out.WriteByte('}')
	return nil
}
