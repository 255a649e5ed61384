package llama

import "unicode/utf8"

// TextStream joins pieces of tokens into text, holding back the bytes of an
// unfinished UTF-8 sequence. The zero value is ready.
type TextStream struct {
	held []byte
}

// Add takes the next piece and answers the text that is complete so far. Bytes
// that can never become valid are answered as U+FFFD.
func (s *TextStream) Add(piece []byte) string {
	data := append(s.held, piece...)
	cut := completeLength(data)
	text := toValid(data[:cut])
	s.held = append(s.held[:0], data[cut:]...)
	return text
}

// Flush answers what was held back, as U+FFFD where it is not valid.
func (s *TextStream) Flush() string {
	text := toValid(s.held)
	s.held = s.held[:0]
	return text
}

// completeLength is the length of data without an unfinished final rune.
func completeLength(data []byte) int {
	for back := 1; back <= utf8.UTFMax-1 && back <= len(data); back++ {
		tail := data[len(data)-back:]
		if utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				return len(data) - back
			}
			break
		}
	}
	return len(data)
}

func toValid(data []byte) string {
	if utf8.Valid(data) {
		return string(data)
	}
	out := make([]rune, 0, len(data))
	for len(data) > 0 {
		r, n := utf8.DecodeRune(data)
		out = append(out, r)
		data = data[n:]
	}
	return string(out)
}
