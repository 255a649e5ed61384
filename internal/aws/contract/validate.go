package contract

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Input is a request as the edge has received it.
type Input struct {
	Labels []PathLabel
	Query  url.Values
	Header http.Header
	// Body is the whole body; for an operation whose payload is a blob, that
	// blob. An empty body counts as {}.
	Body []byte
}

// Validate compares an input with the operation's model. Violations are in
// the order labels, query and headers, then the body's own order; none means
// that the input satisfies the model. They become one ValidationException (see
// [Service.ValidationError]).
//
// The error is a *Error, a SerializationException, where the input is not of
// the model's types at all; AWS checks that first and alone. Unknown members
// are ignored, and null is the same as absent. An event-stream input's events
// are checked one by one with ValidateEvent.
func (op *Operation) Validate(in Input) ([]Violation, error) {
	if op.Input == nil {
		return nil, nil
	}
	v := &validation{}
	for _, m := range op.Input.Members {
		if err := v.outside(m, &in); err != nil {
			return nil, err
		}
	}
	if err := v.body(op.Input, in.Body); err != nil {
		return nil, err
	}
	return v.found, nil
}

// ValidateEvent compares an event of the operation's input stream with its
// model, as Validate does a body.
func (op *Operation) ValidateEvent(name string, payload []byte) ([]Violation, error) {
	if s := op.InputStream(); s != nil {
		if m, ok := s.Member(name); ok {
			v := &validation{}
			err := v.document(m.Shape, payload)
			return v.found, err
		}
	}
	return nil, serialization(fmt.Sprintf("The input stream has no event %.64q.", name))
}

// validation collects violations and ends at the first mistyped value.
type validation struct{ found []Violation }

func (v *validation) violation(x Violation) {
	if len(v.found) == maxFound {
		return
	}
	if len(x.Value) > maxShown {
		n := maxShown
		for n > 0 && !utf8.RuneStart(x.Value[n]) {
			n--
		}
		x.Value = x.Value[:n] + "..."
	}
	v.found = append(v.found, x)
}

func (v *validation) unknown(string) error { return nil }
func (v *validation) lax() bool            { return true }

func (v *validation) badUnion(path string, s *Shape, set int) {
	v.violation(Violation{Path: path, Phrase: fmt.Sprintf("Member must have exactly one of its members set, not %d", set)})
}

func (v *validation) mistyped(path string, s *Shape, kind jsontext.Kind) error {
	at := ""
	if path != "" {
		at = " at '" + path + "'"
	}
	switch kind {
	case '{':
		return serialization("Start of structure or map found where not expected" + at + ".")
	case '[':
		return serialization("Start of list found where not expected" + at + ".")
	}
	from := "STRING_VALUE"
	switch kind {
	case '0':
		from = "NUMBER_VALUE"
	case 't':
		from = "TRUE_VALUE"
	case 'f':
		from = "FALSE_VALUE"
	case 'n':
		from = "NULL_VALUE"
	}
	return serialization(from + " can not be converted to " + s.Kind.article() + at + ".")
}

func (v *validation) malformed(path string, s *Shape, _ string) error {
	return serialization("The value at '" + path + "' can not be converted to " + s.Kind.article() + ".")
}

// article names a kind in a message.
func (k Kind) article() string {
	names := [...]string{Structure: "a Structure", List: "a List", Map: "a Map", String: "a String", Integer: "an Integer",
		Long: "a Long", Float: "a Float", Double: "a Double", Boolean: "a Boolean", Blob: "a Blob", Timestamp: "a Timestamp"}
	return names[k]
}

// outside checks a member that travels outside the body.
func (v *validation) outside(m *Member, in *Input) error {
	var values []string
	switch m.Location {
	case Label:
		for _, l := range in.Labels {
			if l.Name == m.Wire {
				values = append(values, l.Value)
			}
		}
	case Query:
		values = in.Query[m.Wire]
	case Header:
		values = in.Header.Values(m.Wire)
	default:
		return nil // the body; or a prefix of headers, which holds plain strings
	}
	if len(values) == 0 {
		if m.Required {
			v.violation(Violation{Path: m.Name, Null: true, Phrase: notNull})
		}
		return nil
	}
	if m.Shape.Kind == List {
		return v.outsideList(m, values)
	}
	text := values[0]
	if m.Location == Header {
		text = strings.Join(values, ",")
	}
	if !m.wellFormed(m.Shape, text) {
		return v.malformed(m.Name, m.Shape, text)
	}
	for _, phrase := range m.Shape.broken(text) {
		v.violation(Violation{Path: m.Name, Value: text, HasValue: !m.Shape.Sensitive, Phrase: phrase})
	}
	return nil
}

func (v *validation) outsideList(m *Member, values []string) error {
	bad := false
	for _, text := range values {
		if !m.wellFormed(m.Shape.Element, text) {
			return v.malformed(m.Name, m.Shape.Element, text)
		}
		bad = bad || len(m.Shape.Element.broken(text)) > 0
	}
	if bad {
		v.violation(Violation{Path: m.Name, Phrase: "Member must satisfy constraint: " + m.Shape.Element.allPhrases()})
	}
	for _, phrase := range m.Shape.length(nil, len(values)) {
		v.violation(Violation{Path: m.Name, Phrase: phrase})
	}
	return nil
}

// body checks the HTTP body of an input.
func (v *validation) body(s *Shape, body []byte) error {
	p := s.payload()
	switch {
	case p == nil && len(s.body) == 0:
		return nil // what comes is ignored
	case p == nil:
		return v.document(s, body)
	case p.Shape.EventStream:
		return nil
	case p.Shape.Kind == Blob || p.Shape.Kind == String:
		if len(body) == 0 && p.Required {
			v.violation(Violation{Path: p.Name, Null: true, Phrase: notNull})
		}
		for _, phrase := range p.Shape.length(nil, len(body)) {
			v.violation(Violation{Path: p.Name, Phrase: phrase})
		}
		return nil
	}
	if len(body) == 0 {
		if p.Required {
			v.violation(Violation{Path: p.Name, Null: true, Phrase: notNull})
		}
		return nil
	}
	return v.document(p.Shape, body)
}

// document checks a JSON text as a value of s.
func (v *validation) document(s *Shape, body []byte) error {
	if len(body) == 0 {
		body = []byte("{}")
	}
	err := walk(body, s, v)
	var own *Error
	if err == nil || errors.As(err, &own) {
		return err
	}
	if errors.Is(err, errDepth) {
		return serialization("The request body is not accepted: " + err.Error() + ".")
	}
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		return serialization(fmt.Sprintf("The request body is not valid JSON at byte %d.", syntax.ByteOffset))
	}
	return serialization("The request body is not a complete JSON document.")
}
