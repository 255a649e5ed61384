package agents

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/raw"
)

// Mount says by whose rules a request is read.
type Mount struct {
	rules rules
	// ignored is told the path of each member that is ignored; nil where nobody
	// wants to know.
	ignored func(path string)
}

type rules uint8

const (
	lenient rules = iota
	amazon
	strict
)

// The mounts. Nobody changes them.
var (
	// OpenAI ignores members that are not known here.
	OpenAI = Mount{}
	// Bedrock refuses them.
	Bedrock = Mount{rules: amazon}
	// Strict is OpenAI for a client that wants nothing ignored.
	Strict = Mount{rules: strict}
)

// Telling is the mount where whoever reads a request wants to know what of it is
// ignored: it is called with each member's path, dotted, while the request is read.
func (m Mount) Telling(ignored func(path string)) Mount {
	m.ignored = ignored
	return m
}

// Bedrock reports whether the rules are Amazon's.
func (m Mount) Bedrock() bool { return m.rules == amazon }

// Optional is a member that may be left out, null, or have a value. The zero
// value was left out.
type Optional[T any] struct {
	// Set says that the member was there, and Null that it was null.
	Set, Null bool
	// Value is the value, and T's zero where there is none.
	Value T
}

// Given reports whether there is a value.
func (o Optional[T]) Given() bool { return o.Set && !o.Null }

// Ptr is the value, nil where there is none.
func (o Optional[T]) Ptr() *T {
	if !o.Given() {
		return nil
	}
	return &o.Value
}

// style words decoding errors as OpenAI's API does. Paths are dotted in
// Subject, as everywhere in Craton, and bracketed in the text.
var style = raw.Style{
	Type: func(path, want, got string) string {
		if path == "" {
			return "The request body must be a JSON object."
		}
		return fmt.Sprintf("Invalid type for '%s': expected %s, but got %s instead.", raw.Bracketed(path), want, got)
	},
	Missing: func(path string) string {
		return fmt.Sprintf("Missing required parameter: '%s'.", raw.Bracketed(path))
	},
	Syntax: func(detail string) string {
		return "We could not parse the JSON body of your request: " + detail + "."
	},
}

// fields are the members of an object that are known, with who reads each.
type fields map[string]func(v raw.Value) error

// parse reads a body whose members are f.
func (m Mount) parse(body []byte, f fields) error {
	v, err := raw.Parse(body, &style)
	if err != nil {
		return err
	}
	return m.object(v, f)
}

// object reads an object whose members are f.
func (m Mount) object(v raw.Value, f fields) error {
	return v.Members(func(key string, member raw.Value) error {
		if read, ok := f[key]; ok {
			return read(member)
		}
		if m.rules != lenient {
			return member.Error("Unknown parameter: '%s'.", raw.Bracketed(member.Path()))
		}
		if m.ignored != nil {
			m.ignored(member.Path())
		}
		return nil
	})
}

// opt reads a member that may be null.
func opt[T any](dst *Optional[T], read func(v raw.Value, dst *T) error) func(v raw.Value) error {
	return func(v raw.Value) error {
		dst.Set, dst.Null = true, v.IsNull()
		if dst.Null {
			return nil
		}
		return read(v, &dst.Value)
	}
}

// value reads a member whose null means what leaving it out means.
func value[T any](dst *T, read func(v raw.Value, dst *T) error) func(v raw.Value) error {
	return func(v raw.Value) error {
		if v.IsNull() {
			return nil
		}
		return read(v, dst)
	}
}

// never reads a member that only says what its object is.
func never(raw.Value) error { return nil }

// invalid is an error about v's value.
func invalid(v raw.Value, format string, args ...any) *model.Error {
	return v.Error("Invalid '%s': %s", raw.Bracketed(v.Path()), fmt.Sprintf(format, args...))
}

// need refuses an object that lacks required members.
func need(v raw.Value, names ...string) error {
	if !v.IsObject() {
		return v.WrongType("an object")
	}
	for _, name := range names {
		if !v.Get(name).Given() {
			return v.Missing(name)
		}
	}
	return nil
}

// text reads a string, whatever is in it.
func text(v raw.Value, dst *string) error { return v.String(dst) }

// name reads a string that is not empty and has at most limit characters; 0 is
// no limit.
func name(limit int) func(v raw.Value, dst *string) error {
	return func(v raw.Value, dst *string) error {
		if err := v.String(dst); err != nil {
			return err
		}
		switch n := utf8.RuneCountInString(*dst); {
		case n == 0:
			return invalid(v, "it must not be empty.")
		case limit > 0 && n > limit:
			return invalid(v, "it has %d characters; the limit is %d.", n, limit)
		}
		return nil
	}
}

// maxID is the length of the longest id a request may name.
const maxID = 64

// oneOf reads a string that is one of the allowed ones.
func oneOf(allowed ...string) func(v raw.Value, dst *string) error {
	return func(v raw.Value, dst *string) error {
		if err := v.String(dst); err != nil {
			return err
		}
		if !slices.Contains(allowed, *dst) {
			return v.Error("Invalid value: '%s'. Supported values are: '%s'.", *dst, strings.Join(allowed, "', '"))
		}
		return nil
	}
}

// boolean reads a boolean.
func boolean(v raw.Value, dst *bool) error { return v.Bool(dst) }

// integer reads an integer within bounds.
func integer(min, max int64) func(v raw.Value, dst *int64) error {
	return func(v raw.Value, dst *int64) error {
		if !v.IsInt() {
			return v.WrongType("an integer")
		}
		if *dst = v.Num(); *dst < min || *dst > max {
			return invalid(v, "it must be between %d and %d.", min, max)
		}
		return nil
	}
}

// list reads an array, element by element.
func list[T any](read func(v raw.Value, dst *T) error) func(v raw.Value, dst *[]T) error {
	return func(v raw.Value, dst *[]T) error {
		*dst = []T{}
		return v.Items(func(_ int, member raw.Value) error {
			var one T
			if err := read(member, &one); err != nil {
				return err
			}
			*dst = append(*dst, one)
			return nil
		})
	}
}

// texts reads an array of strings.
func texts(v raw.Value, dst *[]string) error { return v.Strings(dst) }

// textMap reads an object of strings.
func textMap(v raw.Value, dst *map[string]string) error { return v.StringMap(dst) }

// object reads any object, as JSON text without white space.
func object(v raw.Value, dst *[]byte) error {
	if !v.IsObject() {
		return v.WrongType("an object")
	}
	*dst = v.Compact()
	return nil
}

// metadata reads the pairs a client hangs on a resource.
func metadata(v raw.Value, dst *map[string]string) error {
	if err := v.StringMap(dst); err != nil {
		return err
	}
	return CheckMetadata(*dst)
}
