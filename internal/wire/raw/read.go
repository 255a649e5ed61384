package raw

import (
	"encoding/base64"
	"strings"

	"github.com/craton-ai/craton/internal/model"
	"github.com/tidwall/gjson"
)

// String stores a string in dst. Null leaves dst alone; anything else is a type error.
func (v Value) String(dst *string) error {
	switch {
	case v.IsNull():
		return nil
	case !v.IsString():
		return v.WrongType("a string")
	}
	*dst = v.res.Str
	return nil
}

// Strings stores an array of strings in dst.
func (v Value) Strings(dst *[]string) error {
	if v.IsNull() {
		return nil
	}
	out := []string{}
	err := v.Items(func(_ int, m Value) error {
		if !m.IsString() {
			return m.WrongType("a string")
		}
		out = append(out, m.res.Str)
		return nil
	})
	*dst = out
	return err
}

// StringMap stores an object of strings in dst.
func (v Value) StringMap(dst *map[string]string) error {
	if v.IsNull() {
		return nil
	}
	out := map[string]string{}
	err := v.Members(func(key string, m Value) error {
		if !m.IsString() {
			return m.WrongType("a string")
		}
		out[key] = m.res.Str
		return nil
	})
	*dst = out
	return err
}

// Bool stores a boolean in dst.
func (v Value) Bool(dst *bool) error {
	switch {
	case v.IsNull():
		return nil
	case !v.IsBool():
		return v.WrongType("a boolean")
	}
	*dst = v.res.Bool()
	return nil
}

// BoolPtr stores a boolean in a new variable.
func (v Value) BoolPtr(dst **bool) error {
	if v.IsNull() {
		return nil
	}
	b := new(bool)
	*dst = b
	return v.Bool(b)
}

// Int stores an integer in dst.
func (v Value) Int(dst *int) error {
	switch {
	case v.IsNull():
		return nil
	case !v.IsInt():
		return v.WrongType("an integer")
	}
	*dst = int(v.res.Num)
	return nil
}

// IntPtr stores an integer in a new variable.
func (v Value) IntPtr(dst **int) error {
	if v.IsNull() {
		return nil
	}
	n := new(int)
	*dst = n
	return v.Int(n)
}

// FloatPtr stores a number within min and max in a new variable.
func (v Value) FloatPtr(dst **float64, min, max float64) error {
	switch {
	case v.IsNull():
		return nil
	case !v.IsNumber():
		return v.WrongType("a number")
	}
	n := v.res.Num
	if n < min || n > max {
		return v.Error("%s must be between %v and %v.", v.Path(), min, max)
	}
	*dst = &n
	return nil
}

// IsNumber reports whether v is a number.
func (v Value) IsNumber() bool { return v.Exists() && v.res.Type == gjson.Number }

// Base64 decodes a string of base64, padded or not.
func (v Value) Base64(dst *[]byte) error {
	if !v.IsString() {
		return v.WrongType("a string")
	}
	enc := base64.StdEncoding
	if len(v.res.Str)%4 != 0 && !strings.ContainsAny(v.res.Str, "=\r\n") {
		enc = base64.RawStdEncoding
	}
	data, err := enc.DecodeString(v.res.Str)
	if err != nil {
		return v.Error("%s is not valid base64.", v.Path()).WithHint("Encode the bytes with standard, padded base64.")
	}
	*dst = data
	return nil
}

// Extra collects members a codec does not know, in order, as one JSON object.
// The zero value is ready.
type Extra struct{ b Builder }

// Add keeps a member.
func (x *Extra) Add(key string, v Value) {
	if len(x.b.Bytes) == 0 {
		x.b.Open('{')
	}
	x.b.Key(key)
	x.b.RawString(v.res.Raw)
}

// Opaque returns what was kept, nil when nothing was.
func (x *Extra) Opaque(d model.Dialect) *model.Opaque {
	if len(x.b.Bytes) == 0 {
		return nil
	}
	x.b.Close('}')
	return &model.Opaque{Dialect: d, Raw: x.b.Bytes}
}

// Compact returns v's text without white space.
func (v Value) Compact() []byte {
	var b Builder
	b.RawString(v.res.Raw)
	return b.Bytes
}

// Known reports whether an object has no members but the named ones; members
// that are null do not count.
func (v Value) Known(names ...string) bool {
	known := true
	v.res.ForEach(func(key, val gjson.Result) bool {
		known = val.Type == gjson.Null
		for _, name := range names {
			known = known || name == key.Str
		}
		return known
	})
	return known
}

// OptString is String, and does nothing for an absent value.
func (v Value) OptString(dst *string) error {
	if !v.Exists() {
		return nil
	}
	return v.String(dst)
}

// AddRaw keeps a member whose value is given as JSON text.
func (x *Extra) AddRaw(key string, value []byte) {
	if len(x.b.Bytes) == 0 {
		x.b.Open('{')
	}
	x.b.Val(key, value)
}
