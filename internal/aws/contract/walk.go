package contract

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxDepth is how deeply JSON may nest, in requests and answers alike;
// deeper input is a SerializationException.
const MaxDepth = 256

// findings receives what a walk over a document finds.
type findings interface {
	// violation reports a broken constraint. It is never called for values of
	// the wrong type.
	violation(v Violation)
	// mistyped reports JSON of a kind that shape cannot hold. An error ends
	// the walk; otherwise the value is skipped.
	mistyped(path string, s *Shape, kind jsontext.Kind) error
	// unknown reports a member that the model does not have.
	unknown(path string) error
	// badUnion reports a union with set members other than one.
	badUnion(path string, s *Shape, set int)
	// malformed reports a scalar of the right kind that is not a value of the
	// shape: a fraction for an integer, text that is no base64.
	malformed(path string, s *Shape, text string) error
	// lax reports whether integers may be written as 5.0.
	lax() bool
}

// walker compares one JSON document with a shape in one pass.
type walker struct {
	d    *jsontext.Decoder
	f    findings
	path []byte
	// secret counts the sensitive shapes around the current value.
	secret int
}

// errDepth ends a walk that goes too deep.
var errDepth = fmt.Errorf("JSON nests deeper than %d levels", MaxDepth)

// walk reads the whole document body as a value of s.
func walk(body []byte, s *Shape, f findings) error {
	w := &walker{d: jsontext.NewDecoder(bytes.NewBuffer(body)), f: f}
	if k := w.d.PeekKind(); k != '{' && k != 0 {
		return f.mistyped("", s, k)
	}
	if err := w.value(s); err != nil {
		return err
	}
	if _, err := w.d.ReadToken(); err != io.EOF {
		if err == nil {
			err = errors.New("text after the document")
		}
		return err
	}
	return nil
}

// value reads the next value, which is not null, as one of s.
func (w *walker) value(s *Shape) error {
	kind := w.d.PeekKind()
	if kind == 0 { // malformed; the error comes with the token
		_, err := w.d.ReadToken()
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	if s.Document {
		return w.skip()
	}
	if s.Sensitive {
		w.secret++
		defer func() { w.secret-- }()
	}
	if !s.holds(kind) {
		if err := w.f.mistyped(string(w.path), s, kind); err != nil {
			return err
		}
		return w.skip()
	}
	switch s.Kind {
	case Structure:
		return w.structure(s)
	case List:
		return w.list(s)
	case Map:
		return w.mapping(s)
	}
	return w.scalar(s)
}

// holds reports whether JSON of this kind can be a value of s.
func (s *Shape) holds(kind jsontext.Kind) bool {
	switch s.Kind {
	case Structure, Map:
		return kind == '{'
	case List:
		return kind == '['
	case Boolean:
		return kind == 't' || kind == 'f'
	case Integer, Long:
		return kind == '0'
	case Float, Double:
		return kind == '0' || kind == '"' // "NaN" and "Infinity" are strings
	case Timestamp:
		if s.Format == "iso8601" || s.Format == "rfc822" {
			return kind == '"'
		}
		return kind == '0'
	}
	return kind == '"'
}

// skip passes over any value, minding the depth.
func (w *walker) skip() error {
	base := w.d.StackDepth()
	for {
		tok, err := w.d.ReadToken()
		if err != nil {
			return err
		}
		if tok.Kind() != '}' && tok.Kind() != ']' && w.d.StackDepth() > MaxDepth {
			return errDepth
		}
		if w.d.StackDepth() == base {
			return nil
		}
	}
}

// null consumes a null if that is next.
func (w *walker) null() (bool, error) {
	if w.d.PeekKind() != 'n' {
		return false, nil
	}
	_, err := w.d.ReadToken()
	return true, err
}

// open consumes the brace or bracket and checks the depth.
func (w *walker) open() error {
	if _, err := w.d.ReadToken(); err != nil {
		return err
	}
	if w.d.StackDepth() > MaxDepth {
		return errDepth
	}
	return nil
}

func (w *walker) structure(s *Shape) error {
	if err := w.open(); err != nil {
		return err
	}
	var seen map[string]bool
	set := 0
	mark := len(w.path)
	for w.d.PeekKind() != '}' {
		tok, err := w.d.ReadToken()
		if err != nil {
			return err
		}
		name := tok.String()
		isNull, err := w.null()
		if err != nil {
			return err
		}
		if isNull {
			continue // null is absent
		}
		w.push(name)
		m, ok := s.body[name]
		if ok {
			if seen == nil {
				seen = make(map[string]bool, 4)
			}
			seen[name] = true
			set++
			err = w.value(m.Shape)
		} else if err = w.f.unknown(string(w.path)); err == nil {
			err = w.skip()
		}
		if err != nil {
			return err
		}
		w.path = w.path[:mark]
	}
	if _, err := w.d.ReadToken(); err != nil {
		return err
	}
	if s.Union && set != 1 {
		w.f.badUnion(string(w.path), s, set)
	}
	w.missing(s, seen)
	return nil
}

// missing reports required body members that were not seen.
func (w *walker) missing(s *Shape, seen map[string]bool) {
	mark := len(w.path)
	for _, m := range s.Members {
		if m.Required && m.Location == Body && !seen[m.Wire] {
			w.push(m.Wire)
			w.f.violation(Violation{Path: string(w.path), Null: true, Phrase: notNull})
			w.path = w.path[:mark]
		}
	}
}

func (w *walker) push(name string) {
	if len(w.path) > 0 {
		w.path = append(w.path, '.')
	}
	w.path = append(w.path, name...)
}

func (w *walker) list(s *Shape) error {
	if err := w.open(); err != nil {
		return err
	}
	mark, n := len(w.path), 0
	reported := false
	for w.d.PeekKind() != ']' {
		n++
		w.push(strconv.Itoa(n))
		w.push("member")
		bad, err := w.entry(s.Element)
		if err != nil {
			return err
		}
		w.path = w.path[:mark]
		if bad && !reported {
			reported = true
			w.f.violation(Violation{Path: string(w.path), Phrase: "Member must satisfy constraint: " + s.Element.allPhrases()})
		}
	}
	if _, err := w.d.ReadToken(); err != nil {
		return err
	}
	w.bounds(s, n)
	return nil
}

// entry reads an entry of a list or map. Structures, lists and maps report
// their own violations; for a scalar or null, bad says that the whole list or
// map is to be reported.
func (w *walker) entry(s *Shape) (bad bool, err error) {
	if isNull, err := w.null(); isNull || err != nil {
		return isNull && !s.Document, err
	}
	if s.Kind <= Map || s.Document || !s.holds(w.d.PeekKind()) {
		return false, w.value(s)
	}
	text, err := w.text(s)
	return len(s.broken(text)) > 0, err
}

func (w *walker) mapping(s *Shape) error {
	if err := w.open(); err != nil {
		return err
	}
	mark, n := len(w.path), 0
	badKey, badValue := false, false
	for w.d.PeekKind() != '}' {
		tok, err := w.d.ReadToken()
		if err != nil {
			return err
		}
		n++
		key := tok.String()
		badKey = badKey || len(s.Key.broken(key)) > 0
		w.push(key)
		w.push("member")
		bad, err := w.entry(s.Value)
		if err != nil {
			return err
		}
		badValue = badValue || bad
		w.path = w.path[:mark]
	}
	if _, err := w.d.ReadToken(); err != nil {
		return err
	}
	if badKey {
		w.f.violation(Violation{Path: string(w.path), Phrase: "Map keys must satisfy constraint: " + s.Key.allPhrases()})
	}
	if badValue {
		w.f.violation(Violation{Path: string(w.path), Phrase: "Map value must satisfy constraint: " + s.Value.allPhrases()})
	}
	w.bounds(s, n)
	return nil
}

// bounds checks the number of entries of a list or map.
func (w *walker) bounds(s *Shape, n int) {
	for _, phrase := range s.length(nil, n) {
		w.f.violation(Violation{Path: string(w.path), Phrase: phrase})
	}
}

func (w *walker) scalar(s *Shape) error {
	text, err := w.text(s)
	if err != nil {
		return err
	}
	for _, phrase := range s.broken(text) {
		w.f.violation(Violation{Path: string(w.path), Value: text, HasValue: w.secret == 0 && s.Kind != Blob, Phrase: phrase})
	}
	return nil
}

// text reads a scalar and checks that it is one of s.
func (w *walker) text(s *Shape) (string, error) {
	tok, err := w.d.ReadToken()
	if err != nil {
		return "", err
	}
	text := tok.String()
	good := true
	switch s.Kind {
	case Integer, Long:
		good = s.isInteger(text, w.f.lax())
	case Float, Double:
		good = tok.Kind() == '0' || text == "NaN" || text == "Infinity" || text == "-Infinity"
	case Blob:
		_, good = decodedLen(text)
	case Timestamp:
		good = isTime(text, s.Format)
	}
	if !good {
		err = w.f.malformed(string(w.path), s, text)
	}
	return text, err
}
