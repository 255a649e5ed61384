package object

import (
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/model"
)

func TestMembersKeepOrder(t *testing.T) {
	t.Parallel()
	const text = `{"b":[1,{"c":null}],"a":"x\"y","":false}`
	ms := Members([]byte(text))
	if len(ms) != 3 || ms[0].Name != "b" || string(Of(ms)) != text {
		t.Errorf("got %q, want %s", Of(ms), text)
	}
	for _, bad := range []string{``, `[]`, `"a"`, `{"a":`, `{"a":1} x`, strings.Repeat(`{"a":`, 200) + "1" + strings.Repeat("}", 200)} {
		if Members([]byte(bad)) != nil || Is([]byte(bad)) {
			t.Errorf("%.20s is taken for an object", bad)
		}
	}
	if Of(nil) != nil {
		t.Error("no members must make no object")
	}
}

func TestParseNamesTheMember(t *testing.T) {
	t.Parallel()
	var v struct {
		A []struct {
			B int `json:"b"`
		} `json:"a"`
	}
	err := Parse([]byte(`{"a":[{"b":1},{"b":"x"}]}`), &v)
	if err == nil || err.Subject != "a.1.b" || err.Kind != model.Invalid || err.Code != Malformed || !strings.Contains(err.Message, "a string") {
		t.Errorf("got %+v", err)
	}
	if err := Parse([]byte(`{"a":[],"a":[]}`), &v); err == nil {
		t.Error("a client's repeated name must be refused")
	}
	if err := ParseAnswer([]byte("{\"a\":[],\"a\":[],\"x\":\"\xff\"}"), &v); err != nil {
		t.Errorf("an upstream's repeated name or broken UTF-8 must be read: %v", err)
	}
}

func TestDepth(t *testing.T) {
	t.Parallel()
	nest := func(n int) []byte { return []byte(strings.Repeat("[", n) + strings.Repeat("]", n)) }
	var v any
	if err := Parse(nest(MaxDepth), &v); err != nil {
		t.Errorf("%d levels: %v", MaxDepth, err)
	}
	if err := Parse(nest(MaxDepth+1), &v); err == nil || !strings.Contains(err.Message, "128 levels") {
		t.Errorf("%d levels: %v", MaxDepth+1, err)
	}
	v = nil
	if err := Parse([]byte(`"`+strings.Repeat("[", 1000)+`\""`), &v); err != nil {
		t.Errorf("brackets in strings do not nest: %v", err)
	}
}
