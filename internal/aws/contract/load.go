package contract

import (
	"embed"
	"fmt"
	"slices"
	"strings"

	"github.com/craton-ai/craton/internal/aws/contract/table"
)

//go:embed tables/*.json
var tables embed.FS

// Services returns the names of the services whose contracts are built in,
// sorted.
func Services() []string {
	entries, err := tables.ReadDir("tables")
	if err != nil {
		panic("contract: the embedded tables are gone: " + err.Error())
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".json"))
	}
	return names
}

// Load reads the contract of the service with endpoint prefix name. It takes
// milliseconds; load once and keep the result.
func Load(name string) (*Service, error) {
	b, err := tables.ReadFile("tables/" + name + ".json")
	if err != nil {
		return nil, fmt.Errorf("contract: no table for the service %q; built in are %s", name, strings.Join(Services(), ", "))
	}
	return Parse(b)
}

// Parse reads a table made by the generator.
func Parse(b []byte) (*Service, error) {
	t, err := table.Read(b)
	if err != nil {
		return nil, err
	}
	l := &linker{s: &Service{Name: t.Name, ID: t.ID, APIVersion: t.APIVersion, SigningName: t.SigningName,
		Bearer: t.Bearer, Source: t.Source, operations: map[string]*Operation{}, shapes: map[string]*Shape{}}}
	all := make([]Shape, len(t.Shapes))
	for i := range t.Shapes {
		all[i].Name = t.Shapes[i].Name
		l.s.shapes[all[i].Name] = &all[i]
	}
	for i := range t.Shapes {
		l.shape(&all[i], &t.Shapes[i])
	}
	for i := range t.Operations {
		l.operation(&t.Operations[i])
	}
	if l.err != nil {
		return nil, fmt.Errorf("contract: table of %s: %w", t.Name, l.err)
	}
	return l.s, nil
}

// linker replaces names by pointers; the first failure is kept.
type linker struct {
	s   *Service
	err error
}

func (l *linker) find(name string) *Shape {
	if name == "" {
		return nil
	}
	s, ok := l.s.shapes[name]
	if !ok && l.err == nil {
		l.err = fmt.Errorf("no shape %q", name)
	}
	return s
}

func (l *linker) operation(o *table.Operation) {
	op := &Operation{Service: l.s, Name: o.Name, Method: o.Method, URI: o.URI, Status: o.Status,
		Input: l.find(o.Input), Output: l.find(o.Output), Idempotent: o.Idempotent, ReadOnly: o.ReadOnly}
	if op.Status == 0 {
		op.Status = 200
	}
	for _, e := range o.Errors {
		op.Errors = append(op.Errors, l.find(e))
	}
	l.s.Operations = append(l.s.Operations, op)
	l.s.operations[op.Name] = op
}

func (l *linker) shape(s *Shape, t *table.Shape) {
	has := func(flag rune) bool { return strings.ContainsRune(t.Flags, flag) }
	*s = Shape{Name: t.Name, Kind: l.kind(t.Type), Element: l.find(t.Element), Key: l.find(t.Key), Value: l.find(t.Value),
		Min: t.Min, Max: t.Max, Enum: t.Enum, Format: t.Timestamp, Payload: t.Payload, Status: t.Status,
		Union: has(table.FlagUnion), Sensitive: has(table.FlagSensitive), Document: has(table.FlagDocument),
		EventStream: has(table.FlagEventStream), Event: has(table.FlagEvent), Streaming: has(table.FlagStreaming),
		Exception: has(table.FlagException), Retryable: has(table.FlagRetryable)}
	if t.Pattern != "" {
		s.text, s.pattern = t.Pattern, compileOnce(t.Pattern)
	}
	if s.Kind != Structure {
		return
	}
	s.Members = make([]*Member, len(t.Members))
	s.body = make(map[string]*Member, len(t.Members))
	members := make([]Member, len(t.Members))
	for i := range t.Members {
		m := &t.Members[i]
		members[i] = Member{Name: m.Name, Wire: m.Wire, Shape: l.find(m.Shape), Location: l.location(m.Location),
			Required: m.Required, Token: m.Token, JSONValue: m.JSONValue}
		if members[i].Wire == "" {
			members[i].Wire = m.Name
		}
		s.Members[i] = &members[i]
		if members[i].Location == Body {
			s.body[members[i].Wire] = &members[i]
		}
	}
}

func (l *linker) kind(name string) Kind {
	names := []string{"structure", "list", "map", "string", "integer", "long", "float", "double", "boolean", "blob", "timestamp"}
	i := slices.Index(names, name)
	if i < 0 && l.err == nil {
		l.err = fmt.Errorf("unknown type %q", name)
	}
	return Kind(i + 1)
}

func (l *linker) location(name string) Location {
	names := []string{"", "uri", "querystring", "header", "headers", "statusCode"}
	i := slices.Index(names, name)
	if i < 0 {
		l.err = fmt.Errorf("unknown location %q", name)
		return Body
	}
	return Location(i)
}
