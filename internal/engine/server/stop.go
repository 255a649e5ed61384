package server

import "strings"

// stopper ends an answer at the first of several sequences, which is not part
// of it. Text that may be the beginning of one is held back.
type stopper struct {
	stops []string
	held  string
}

// add takes text and answers what is certain to lie before any stop sequence.
func (s *stopper) add(text string) (out string, stopped bool) {
	if len(s.stops) == 0 {
		return text, false
	}
	s.held += text
	first := -1
	for _, stop := range s.stops {
		if i := strings.Index(s.held, stop); i >= 0 && (first < 0 || i < first) {
			first = i
		}
	}
	if first >= 0 {
		out, s.held = s.held[:first], ""
		return out, true
	}
	keep := 0
	for _, stop := range s.stops {
		for n := min(len(stop)-1, len(s.held)); n > keep; n-- {
			if strings.HasSuffix(s.held, stop[:n]) {
				keep = n
				break
			}
		}
	}
	out, s.held = s.held[:len(s.held)-keep], s.held[len(s.held)-keep:]
	return out, false
}

// flush answers what was held back when no more text comes.
func (s *stopper) flush() string {
	out := s.held
	s.held = ""
	return out
}
