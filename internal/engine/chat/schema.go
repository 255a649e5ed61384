package chat

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// CompileOptions says how strictly a schema is taken.
type CompileOptions struct {
	// Lenient lets a part of a schema that cannot be expressed allow any value
	// of its type, instead of refusing the schema.
	Lenient bool
}

// SchemaError says which part of a JSON Schema cannot be made a grammar.
type SchemaError struct {
	Path    string // JSON pointer into the schema
	Problem string
}

func (e *SchemaError) Error() string {
	path := e.Path
	if path == "" {
		path = "its root"
	}
	return "the JSON Schema cannot be enforced: at " + path + ": " + e.Problem
}

// Compile makes a GBNF grammar, with the rule "root", of a JSON Schema (2020-12
// and the older drafts' definitions). Every text of the grammar is JSON that
// satisfies the schema; the converse does not hold: white space is limited,
// declared properties come in the schema's order, and undeclared ones are left
// out unless additionalProperties asks for them. Branches of oneOf are taken to
// exclude each other. An error is a *SchemaError.
func Compile(schema jsontext.Value, options CompileOptions) (string, error) {
	g := newGrammar()
	g.set("root", "")
	body, err := newCompiler(g, schema, options).compile(schema, "")
	if err != nil {
		return "", err
	}
	g.set("root", body)
	return g.String(), nil
}

// compiler turns one schema document into rules.
type compiler struct {
	grammar *grammar
	root    jsontext.Value
	options CompileOptions
	refs    map[string]string // JSON pointer -> rule
	depth   int
}

func newCompiler(g *grammar, root jsontext.Value, o CompileOptions) *compiler {
	return &compiler{grammar: g, root: root, options: o, refs: map[string]string{}}
}

// node is a schema object with its keywords in order.
type node struct {
	path string
	keys []string
	raw  map[string]jsontext.Value
}

func (n node) has(key string) bool { _, ok := n.raw[key]; return ok }

func (n node) fail(format string, args ...any) error {
	return &SchemaError{Path: n.path, Problem: fmt.Sprintf(format, args...)}
}

func (n node) at(key string) string { return n.path + "/" + key }

// annotations say something about a value without limiting it.
var annotations = []string{"title", "description", "default", "examples", "example", "$schema", "$id", "$comment", "$anchor",
	"$defs", "definitions", "deprecated", "readOnly", "writeOnly", "contentEncoding", "contentMediaType", "discriminator",
	"externalDocs", "xml", "strict"}

// maxDepth bounds the nesting of a schema.
const maxDepth = 64

// compile answers the expression of a schema.
func (c *compiler) compile(raw jsontext.Value, path string) (string, error) {
	c.depth++
	defer func() { c.depth-- }()
	if c.depth > maxDepth {
		return "", &SchemaError{Path: path, Problem: fmt.Sprintf("it is nested more than %d deep", maxDepth)}
	}
	if len(raw) == 0 {
		return c.grammar.shared("value"), nil
	}
	switch raw.Kind() {
	case 't':
		return c.grammar.shared("value"), nil
	case 'f':
		return "", &SchemaError{Path: path, Problem: "false allows no value"}
	case '{':
	default:
		return "", &SchemaError{Path: path, Problem: "a schema is an object or a boolean"}
	}
	n, err := parseNode(raw, path)
	if err != nil {
		return "", err
	}
	out, err := c.node(n)
	if err != nil && c.options.Lenient {
		return c.loosely(n), nil
	}
	return out, err
}

// loosely is any value of the type a node names.
func (c *compiler) loosely(n node) string {
	types, err := n.types()
	if err != nil || len(types) == 0 {
		return c.grammar.shared("value")
	}
	parts := make([]string, len(types))
	for i, t := range types {
		parts[i] = c.grammar.shared(t)
	}
	return alternatives(parts)
}

func parseNode(raw jsontext.Value, path string) (node, error) {
	n := node{path: path, raw: map[string]jsontext.Value{}}
	keys, values, err := members(raw)
	if err != nil {
		return n, n.fail("%v", err)
	}
	for i, key := range keys {
		if slices.Contains(annotations, key) || strings.HasPrefix(key, "x-") {
			continue
		}
		n.keys = append(n.keys, key)
		n.raw[key] = values[i]
	}
	return n, nil
}

// members reads an object's members in order.
func members(raw jsontext.Value) (keys []string, values []jsontext.Value, err error) {
	decoder := jsontext.NewDecoder(strings.NewReader(string(raw)))
	if _, err := decoder.ReadToken(); err != nil {
		return nil, nil, err
	}
	for decoder.PeekKind() == '"' {
		token, err := decoder.ReadToken()
		if err != nil {
			return nil, nil, err
		}
		key := token.String()
		value, err := decoder.ReadValue()
		if err != nil {
			return nil, nil, err
		}
		keys, values = append(keys, key), append(values, value.Clone())
	}
	if _, err := decoder.ReadToken(); err != nil {
		return nil, nil, err
	}
	return keys, values, nil
}

// node dispatches on what a schema object says.
func (c *compiler) node(n node) (string, error) {
	switch {
	case n.has("$ref"):
		return c.ref(n)
	case n.has("allOf"):
		return c.allOf(n)
	case n.has("anyOf"):
		return c.branches(n, "anyOf")
	case n.has("oneOf"):
		return c.branches(n, "oneOf")
	case n.has("const"), n.has("enum"):
		return c.enumeration(n)
	}
	types, err := n.types()
	if err != nil {
		return "", err
	}
	if len(types) == 0 {
		if types = n.implied(); types == nil {
			return c.grammar.shared("value"), c.only(n)
		}
	}
	var parts []string
	for _, t := range types {
		part, err := c.typed(n, t, len(types) > 1)
		if err != nil {
			return "", err
		}
		parts = append(parts, part)
	}
	return alternatives(parts), nil
}

// keywordsOf lists the keywords that limit values of a type.
var keywordsOf = map[string][]string{
	"object":  {"properties", "required", "additionalProperties", "minProperties", "maxProperties"},
	"array":   {"items", "prefixItems", "minItems", "maxItems", "additionalItems"},
	"string":  {"minLength", "maxLength", "pattern", "format"},
	"integer": {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "format"},
	"number":  {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "format"},
	"boolean": nil, "null": nil,
}

// only refuses keywords beside those given and those every schema may have.
func (c *compiler) only(n node, keywords ...string) error {
	for _, key := range n.keys {
		if key != "type" && key != "nullable" && !slices.Contains(keywords, key) {
			return n.fail("the keyword %q is not supported here", key)
		}
	}
	return nil
}

// types lists the types a schema names, with OpenAPI's nullable.
func (n node) types() ([]string, error) {
	var types []string
	if raw, ok := n.raw["type"]; ok {
		var err error
		if raw.Kind() == '"' {
			types = []string{""}
			err = json.Unmarshal(raw, &types[0])
		} else {
			err = json.Unmarshal(raw, &types)
		}
		if err != nil || len(types) == 0 {
			return nil, n.fail("type is a name or a list of names")
		}
	}
	for _, t := range types {
		if _, ok := keywordsOf[t]; !ok {
			return nil, n.fail("the type %q is not known", t)
		}
	}
	if string(n.raw["nullable"]) == "true" && len(types) > 0 && !slices.Contains(types, "null") {
		types = append(types, "null")
	}
	if slices.Contains(types, "number") {
		types = slices.DeleteFunc(types, func(t string) bool { return t == "integer" })
	}
	return types, nil
}

// implied is the type that a schema without one is plainly about.
func (n node) implied() []string {
	for _, t := range []string{"object", "array", "string", "number"} {
		for _, key := range keywordsOf[t] {
			if n.has(key) {
				return []string{t}
			}
		}
	}
	return nil
}

// typed is the part of a schema for one of its types. With several types,
// keywords of the others are not its business.
func (c *compiler) typed(n node, kind string, several bool) (string, error) {
	allowed := keywordsOf[kind]
	if several {
		for _, others := range keywordsOf {
			allowed = append(allowed[:len(allowed):len(allowed)], others...)
		}
	}
	if err := c.only(n, allowed...); err != nil {
		return "", err
	}
	switch kind {
	case "object":
		return c.object(n)
	case "array":
		return c.array(n)
	case "string":
		return c.text(n)
	case "integer", "number":
		return c.number(n, kind == "integer")
	default:
		return c.grammar.shared(kind), nil
	}
}
