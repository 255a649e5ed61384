package builtin

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// words splits a text into what is compared: letters and digits in lower case.
// Chinese, Japanese and Thai, which leave no space between words, are compared
// by character. A word is valid until the next is asked for.
func words(s string) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		word := make([]byte, 0, 64)
		for i := 0; i < len(s); {
			c, n := s[i], 1
			switch {
			case c < utf8.RuneSelf && plain[c] != 0:
				word = append(word, plain[c])
				i++
				continue
			case c >= utf8.RuneSelf:
				var r rune
				r, n = utf8.DecodeRuneInString(s[i:])
				if alone(r) {
					if len(word) > 0 && !yield(word) || !yield(append(word[:0], s[i:i+n]...)) {
						return
					}
					word = word[:0]
					i += n
					continue
				}
				if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) {
					word = utf8.AppendRune(word, unicode.ToLower(r))
					i += n
					continue
				}
			}
			if len(word) > 0 && !yield(word) {
				return
			}
			word = word[:0]
			i += n
		}
		if len(word) > 0 {
			yield(word)
		}
	}
}

// plain maps the letters and digits of ASCII to lower case, others to 0.
var plain = func() (table [utf8.RuneSelf]byte) {
	for c := range table {
		if r := rune(c); unicode.IsLetter(r) || unicode.IsDigit(r) {
			table[c] = byte(unicode.ToLower(r))
		}
	}
	return table
}()

// alone reports whether a character is a word of its own.
func alone(r rune) bool {
	return r >= 0x0e00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai)
}

// passages cuts a text at line ends into pieces that overlap by their last line.
func passages(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for len(text) > 0 {
			end, next := cut(text)
			if p := strings.TrimSpace(text[:end]); p != "" && !yield(p) {
				return
			}
			text = text[next:]
		}
	}
}

// cut returns where the first passage of a text ends and where the next begins.
func cut(text string) (end, next int) {
	if len(text) <= passageRunes {
		return len(text), len(text)
	}
	runes, last, line := 0, 0, 0 // where the last whole line begins and ends
	for i, r := range text {
		if runes++; runes > passageRunes {
			if line > 0 && last > line/2 { // a long line is not repeated
				return line, last
			}
			if line > 0 {
				return line, line
			}
			if space := strings.LastIndexAny(text[:i], " \t"); space > 0 {
				return space, space + 1
			}
			return i, i
		}
		if r == '\n' {
			last, line = line, i+1
		}
	}
	return len(text), len(text)
}
