package raw_test

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/raw"
	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"
)

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", raw.MaxDepth+1) + strings.Repeat("]", raw.MaxDepth+1)
	for name, body := range map[string]string{
		"nothing": "", "cut": `{"a":`, "two": `{} {}`, "repeated": `{"a":1,"\u0061":2}`, "broken text": "\"\xff\"", "deep": deep,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := raw.Parse([]byte(body), nil); model.AsError(err) == nil || model.AsError(err).Kind != model.Invalid {
				t.Errorf("%.40q gives %v", body, err)
			}
			_, err := raw.ParseLenient([]byte(body), nil)
			if forgiven := name == "repeated" || name == "broken text"; forgiven != (err == nil) {
				t.Errorf("leniently, %.40q gives %v", body, err)
			}
		})
	}
	if _, err := raw.Parse([]byte(deep[1:len(deep)-1]), nil); err != nil {
		t.Errorf("%d levels are refused: %v", raw.MaxDepth, err)
	}
	if _, err := raw.Parse([]byte(`["`+strings.Repeat("[", 500)+`\"["]`), nil); err != nil {
		t.Errorf("brackets in a string count as depth: %v", err)
	}
}

func TestErrorsNameThePath(t *testing.T) {
	t.Parallel()
	v, err := raw.Parse([]byte(`{"a":[{"b":1},{"b":"x"}],"n":null,"f":1.5,"big":1e400}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	err = v.Get("a").Items(func(i int, m raw.Value) error {
		var s string
		if err := m.Get("b").String(&s); err != nil {
			paths = append(paths, model.AsError(err).Subject)
		}
		return nil
	})
	if err != nil || len(paths) != 1 || paths[0] != "a.0.b" {
		t.Errorf("wrong strings at %v, %v", paths, err)
	}
	if e := v.Get("a").Missing("c"); e.Subject != "a.c" {
		t.Errorf("missing at %s", e.Subject)
	}
	var n int
	var p *float64
	for name, err := range map[string]error{
		"f as integer": v.Get("f").Int(&n), "a as object": v.Get("a").Members(nil), "absent as array": v.Get("zz").Items(nil),
		"big as float": v.Get("big").FloatPtr(&p, -1, 1), "a as string map": v.Get("a").StringMap(new(map[string]string)),
	} {
		if model.AsError(err) == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	if err := v.Get("n").Int(&n); err != nil || v.Get("n").Given() || !v.Get("n").Exists() || v.Get("zz").Exists() {
		t.Errorf("null is not let pass: %v", err)
	}
}

// TestBuilderWritesJSON builds random documents: they are valid, hold no line
// break, and read back as what was written.
func TestBuilderWritesJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var b raw.Builder
		b.Bytes = append(b.Bytes, "data: "...)
		build(t, &b, 3)
		out, ok := bytes.CutPrefix(b.Bytes, []byte("data: "))
		if !ok || !jsontext.Value(out).IsValid(jsontext.AllowDuplicateNames(true)) || bytes.ContainsAny(out, "\r\n") {
			t.Fatalf("built %q", b.Bytes)
		}
	})
}

func build(t *rapid.T, b *raw.Builder, depth int) {
	kind := rapid.IntRange(0, 8).Draw(t, "kind")
	if depth == 0 {
		kind %= 6
	}
	switch kind {
	case 0:
		b.String(rapid.String().Draw(t, "s") + "\xff\n")
	case 1:
		b.Int(rapid.Int64().Draw(t, "n"))
	case 2:
		b.Float(rapid.SampledFrom([]float64{0, -1.5, 1e300, math.NaN(), math.Inf(1), 1e-9}).Draw(t, "f"))
	case 3:
		b.Bool(rapid.Bool().Draw(t, "b"))
	case 4:
		b.RawString(rapid.SampledFrom([]string{"{\n \"a\" : [ 1 ,\r\n 2 ] }", "", "nonsense", "null"}).Draw(t, "raw"))
	case 5:
		b.Base64(rapid.SliceOf(rapid.Byte()).Draw(t, "data"))
	case 6:
		b.Open('[')
		for range rapid.IntRange(0, 3).Draw(t, "len") {
			build(t, b, depth-1)
		}
		b.Close(']')
	default:
		b.Open('{')
		for range rapid.IntRange(0, 3).Draw(t, "len") {
			b.Key(rapid.String().Draw(t, "key"))
			build(t, b, depth-1)
		}
		b.StrIf("x", rapid.SampledFrom([]string{"", "y"}).Draw(t, "x"))
		b.Merge([]byte(`{"k":1,"skip":2}`), func(key string) bool { return key == "skip" })
		b.Close('}')
	}
}

func TestExtraKeepsMembers(t *testing.T) {
	t.Parallel()
	v, err := raw.Parse([]byte(`{"a": {"b" : 1}, "c":[]}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	var x raw.Extra
	if x.Opaque(model.DialectAnthropic) != nil {
		t.Error("nothing was kept, but something comes out")
	}
	_ = v.Members(func(key string, m raw.Value) error {
		x.Add(key, m)
		return nil
	})
	if got := x.Opaque(model.DialectAnthropic); string(got.Raw) != `{"a":{"b":1},"c":[]}` || got.Dialect != model.DialectAnthropic {
		t.Errorf("kept %s", got.Raw)
	}
}

// TestStrings: strings are written as the JSON library does, whatever is in them
// and wherever.
func TestStrings(t *testing.T) {
	t.Parallel()
	for c := range 0x180 {
		for at := range 20 {
			s := strings.Repeat("x", at) + string(rune(c)) + strings.Repeat("y", (c+at)%12)
			if c >= 0x100 {
				s = strings.Repeat("x", at) + string([]byte{byte(c)}) + "y" // broken UTF-8 too
			}
			var b raw.Builder
			b.String(s)
			want, _ := jsontext.AppendQuote(nil, s)
			if string(b.Bytes) != string(want) {
				t.Fatalf("%q is written as %s, want %s", s, b.Bytes, want)
			}
		}
	}
}
