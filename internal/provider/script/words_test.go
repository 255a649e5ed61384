package script

import (
	"strings"
	"testing"
)

// TestWords compares the count of ASCII with the general one.
func TestWords(t *testing.T) {
	t.Parallel()
	for c := range 256 {
		for _, text := range []string{string(rune(c)), "a" + string(rune(c)) + "b", string(rune(c)) + " x\t\n" + string(rune(c)), "a\x1cb\x1f \vc\r\fd",
			strings.Repeat("w", 40) + string(rune(c)) + strings.Repeat("v", 33) + " z", "1234567" + string(rune(c)) + "9abcdef " + string(rune(c)) + "i",
			"seven77" + string(rune(c)) + "eight888" + string(rune(c)) + string(rune(c)) + "ninenine9 0123456789abcdefg"} {
			if got, want := words(text), runeWords(text); got != want {
				t.Errorf("words(%q) is %d, want %d", text, got, want)
			}
		}
	}
	if words("") != 0 || words("  ") != 0 {
		t.Error("nothing has words")
	}
}
