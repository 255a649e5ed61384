package raw

import (
	"testing"

	"pgregory.net/rapid"
)

// slowDepth reads byte by byte.
func slowDepth(body string) (deepest int) {
	level, quoted := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			level++
			deepest = max(deepest, level)
		case c == '}' || c == ']':
			level--
		}
	}
	return deepest
}

// TestDepthSkipsStrings: whatever stands in quotes, brackets there do not count.
func TestDepthSkipsStrings(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		body := rapid.StringOf(rapid.SampledFrom([]rune(`{}["]\\a`))).Draw(t, "body")
		if got, want := depth([]byte(body)), slowDepth(body); got != want {
			t.Fatalf("%q nests %d deep, want %d", body, got, want)
		}
	})
}
