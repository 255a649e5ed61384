package llama

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestTextStream(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		pieces []string
		parts  []string
		flush  string
	}{
		{"ascii", []string{"ab", "c"}, []string{"ab", "c"}, ""},
		{"split rune", []string{"a\xe2", "\x82", "\xacb"}, []string{"a", "", "€b"}, ""},
		{"never valid", []string{"\xff", "x"}, []string{"\uFFFD", "x"}, ""},
		{"cut off", []string{"ok\xf0\x9f"}, []string{"ok"}, "\uFFFD\uFFFD"},
		{"empty", []string{"", ""}, []string{"", ""}, ""},
	}
	for _, c := range cases {
		var s TextStream
		for i, p := range c.pieces {
			if got := s.Add([]byte(p)); got != c.parts[i] {
				t.Errorf("%s: piece %d gave %q, want %q", c.name, i, got, c.parts[i])
			}
		}
		if got := s.Flush(); got != c.flush {
			t.Errorf("%s: flush gave %q, want %q", c.name, got, c.flush)
		}
	}
}

func FuzzTextStream(f *testing.F) {
	f.Add("héllo 🙂", 3)
	f.Add("\xff\xe2\x82", 1)
	f.Fuzz(func(t *testing.T, text string, cut int) {
		if cut < 0 || cut > len(text) {
			return
		}
		var s TextStream
		got := s.Add([]byte(text[:cut])) + s.Add([]byte(text[cut:])) + s.Flush()
		if !utf8.ValidString(got) {
			t.Fatalf("%q cut at %d gave invalid %q", text, cut, got)
		}
		if utf8.ValidString(text) && got != text || !utf8.ValidString(text) && !strings.Contains(got, "\uFFFD") {
			t.Fatalf("%q cut at %d gave %q", text, cut, got)
		}
	})
}
