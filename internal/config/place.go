package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// source knows where the fields of a document stand.
type source struct {
	file   string
	places []place // in the document's order
	lines  map[string]int
	// elsewhere are fields whose value is not the document's: a flag's.
	elsewhere []string
}

// place is where a field stands: at its key, or where a list's entry begins.
type place struct {
	field      string
	typ        reflect.Type // what is due there; nil where nothing is
	key, value *token.Token
	text       string // of a plain value
}

// read finds the fields of a document. One that does not parse has none.
func read(file string, raw []byte) (*source, error) {
	s := &source{file: file, lines: map[string]int{}}
	parsed, err := parser.ParseBytes(raw, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return s, nil // the decoder says what is wrong
	}
	var first ast.Node
	for _, doc := range parsed.Docs {
		switch {
		case doc.Body == nil || doc.Body.Type() == ast.CommentType || doc.Body.Type() == ast.DirectiveType: // no document
		case first == nil:
			first = doc.Body
			s.walk(place{typ: reflect.TypeFor[Config](), key: first.GetToken()}, first)
		default:
			return s, fmt.Errorf("%s:%d: there is one document in a file, and this is another", file, doc.Body.GetToken().Position.Line)
		}
	}
	return s, nil
}

// walk notes a field and those below it.
func (s *source) walk(at place, node ast.Node) {
	at.value = node.GetToken()
	switch n := node.(type) {
	case *ast.AnchorNode:
		s.walk(at, n.Value)
		return
	case *ast.TagNode:
		s.walk(at, n.Value)
		return
	case *ast.MappingNode:
		s.note(at)
		for _, value := range n.Values {
			s.walk(at.below(value.Key), value.Value)
		}
		return
	case *ast.MappingValueNode:
		s.note(at)
		s.walk(at.below(n.Key), n.Value)
		return
	case *ast.SequenceNode:
		s.note(at)
		for i, value := range n.Values {
			s.walk(place{field: fmt.Sprintf("%s[%d]", at.field, i), typ: element(at.typ), key: value.GetToken()}, value)
		}
		return
	case *ast.NullNode:
		at.typ = nil // it leaves the field out
	case ast.ScalarNode:
		at.text = fmt.Sprint(n.GetValue())
	}
	s.note(at)
}

func (s *source) note(at place) {
	s.places = append(s.places, at)
	if _, there := s.lines[at.field]; !there {
		s.lines[at.field] = at.key.Position.Line
	}
}

// below is the place of a member, whose value is to be filled in.
func (p place) below(key ast.MapKeyNode) place {
	name := key.GetToken().Value
	return place{field: strings.TrimPrefix(p.field+"."+name, "."), typ: member(p.typ, name), key: key.GetToken()}
}

// member is the type of a member; nil where there is none.
func member(typ reflect.Type, name string) reflect.Type {
	switch {
	case typ == nil:
	case typ.Kind() == reflect.Map:
		return typ.Elem()
	case typ.Kind() == reflect.Pointer:
		return member(typ.Elem(), name)
	case typ.Kind() == reflect.Struct:
		for i := range typ.NumField() {
			if typ.Field(i).Tag.Get("yaml") == name {
				return typ.Field(i).Type
			}
		}
	}
	return nil
}

// element is the type of a list's entries; nil where there is no list.
func element(typ reflect.Type) reflect.Type {
	if typ == nil || typ.Kind() != reflect.Slice {
		return nil
	}
	return typ.Elem()
}

// at is where a field, or the nearest that holds it, stands in the document,
// then the field.
func (s *source) at(field string) string {
	if s == nil || s.file == "" {
		return field
	}
	if slices.Contains(s.elsewhere, field) {
		return field
	}
	for near := field; near != ""; near = near[:max(0, strings.LastIndexAny(near, ".["))] {
		if line, there := s.lines[near]; there {
			return fmt.Sprintf("%s:%d: %s", s.file, line, field)
		}
	}
	return s.file + ": " + field
}

// explain says where a document does not decode, and why.
func (s *source) explain(err error) error {
	if e := yaml.Error(nil); errors.As(err, &e) && e.GetToken() != nil {
		where := fmt.Sprintf("%s:%d", s.file, e.GetToken().Position.Line)
		if field := s.holds(e.GetToken().Position); field != "" {
			where += ": " + field
		}
		return fmt.Errorf("%s: %s", where, message(e))
	}
	// Times are read by others, who do not know where they stand.
	for _, p := range s.places {
		if timed(p.typ) && !parses(p.text) {
			return fmt.Errorf("%s: %q is not a time such as 30s or 5m", s.at(p.field), p.text)
		}
	}
	return fmt.Errorf("%s: %w", s.file, err)
}

// holds is the field whose key or value stands somewhere.
func (s *source) holds(at *token.Position) string {
	for _, p := range slices.Backward(s.places) { // the innermost
		for _, t := range []*token.Token{p.key, p.value} {
			if t.Position.Line == at.Line && t.Position.Column == at.Column {
				return p.field
			}
		}
	}
	return ""
}

func timed(typ reflect.Type) bool {
	if typ != nil && typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	return typ == reflect.TypeFor[Duration]() || typ == reflect.TypeFor[time.Duration]()
}

func parses(text string) bool {
	_, err := time.ParseDuration(text)
	return err == nil
}

// message is what is wrong, without the names of types.
func message(err yaml.Error) string {
	if e := (*yaml.TypeError)(nil); errors.As(err, &e) {
		return called(e.DstType) + " is due here, not " + called(e.SrcType)
	}
	if e := (*yaml.OverflowError)(nil); errors.As(err, &e) {
		return e.SrcNum + " is no number that fits"
	}
	return err.GetMessage()
}

// called is what documents call a type.
func called(typ reflect.Type) string {
	if typ == nil {
		return "nothing"
	}
	switch typ.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "text"
	case reflect.Slice:
		return "a list"
	case reflect.Map, reflect.Struct:
		return "a block of fields"
	case reflect.Pointer:
		return called(typ.Elem())
	}
	return "a number"
}

// Differs lists the fields, such as "guards.retries", whose values are others in
// another configuration. Lists and maps are compared whole.
func (c *Config) Differs(other *Config) []string {
	return differ(reflect.ValueOf(*c), reflect.ValueOf(*other), "")
}

// differ lists the fields that two documents have with different values.
func differ(a, b reflect.Value, at string) (fields []string) {
	for i := range a.NumField() {
		tag := a.Type().Field(i).Tag.Get("yaml")
		switch {
		case tag == "":
		case a.Field(i).Kind() == reflect.Struct:
			fields = append(fields, differ(a.Field(i), b.Field(i), at+tag+".")...)
		case !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()):
			fields = append(fields, at+tag)
		}
	}
	return fields
}
