package chat

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// ref follows a reference within the document. The rule is named before its body
// is compiled, so that schemas may refer to themselves.
func (c *compiler) ref(n node) (string, error) {
	if err := c.only(n, "$ref"); err != nil {
		return "", err
	}
	pointer, target, err := c.resolve(n)
	if err != nil {
		return "", err
	}
	if rule, ok := c.refs[pointer]; ok {
		return rule, nil
	}
	rule := c.grammar.fresh("ref")
	c.refs[pointer] = rule
	body, err := c.compile(target, pointer)
	if err != nil {
		return "", err
	}
	if body == rule {
		return "", n.fail("the reference leads to itself")
	}
	return c.grammar.set(rule, body), nil
}

// resolve answers where a node's $ref leads.
func (c *compiler) resolve(n node) (string, jsontext.Value, error) {
	var uri string
	if json.Unmarshal(n.raw["$ref"], &uri) != nil || !strings.HasPrefix(uri, "#") {
		return "", nil, n.fail("only references within the schema (#/…) are supported, not %s", n.raw["$ref"])
	}
	pointer, target := uri[1:], c.root
	for i, part := range strings.Split(pointer, "/") {
		if i == 0 {
			if part != "" {
				return "", nil, n.fail("named anchors are not supported: %s", uri)
			}
			continue
		}
		part = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		next := child(target, part)
		if next == nil {
			return "", nil, n.fail("the reference %s leads nowhere", uri)
		}
		target = next
	}
	return pointer, target, nil
}

func child(raw jsontext.Value, name string) jsontext.Value {
	switch raw.Kind() {
	case '{':
		keys, values, err := members(raw)
		if i := slices.Index(keys, name); err == nil && i >= 0 {
			return values[i]
		}
	case '[':
		var list []jsontext.Value
		i, err := strconv.Atoi(name)
		if err == nil && json.Unmarshal(raw, &list) == nil && i >= 0 && i < len(list) {
			return list[i]
		}
	}
	return nil
}

// branches is anyOf and oneOf. Keywords beside them hold for every branch.
func (c *compiler) branches(n node, key string) (string, error) {
	var list []jsontext.Value
	if json.Unmarshal(n.raw[key], &list) != nil || len(list) == 0 {
		return "", n.fail("%s is a list of schemas", key)
	}
	rest := n.without(key)
	var parts []string
	for i, raw := range list {
		path := n.at(key) + "/" + strconv.Itoa(i)
		merged, err := c.merge(rest, raw, path, false)
		if err != nil {
			return "", err
		}
		part, err := c.compile(merged, path)
		if err != nil {
			return "", err
		}
		parts = append(parts, part)
	}
	if string(n.raw["nullable"]) == "true" {
		parts = append(parts, c.grammar.shared("null"))
	}
	return alternatives(parts), nil
}

// allOf merges schemas that speak about different things.
func (c *compiler) allOf(n node) (string, error) {
	var list []jsontext.Value
	if json.Unmarshal(n.raw["allOf"], &list) != nil || len(list) == 0 {
		return "", n.fail("allOf is a list of schemas")
	}
	merged := n.without("allOf")
	for i, raw := range list {
		out, err := c.merge(merged, raw, n.at("allOf")+"/"+strconv.Itoa(i), len(list) > 1)
		if err != nil {
			return "", err
		}
		if merged, err = parseNode(out, n.path); err != nil {
			return "", err
		}
	}
	return c.node(merged)
}

func (n node) without(keys ...string) node {
	out := node{path: n.path, raw: map[string]jsontext.Value{}}
	for _, key := range n.keys {
		if key != "nullable" && !slices.Contains(keys, key) {
			out.keys = append(out.keys, key)
			out.raw[key] = n.raw[key]
		}
	}
	return out
}

// merge joins the keywords of a base with a schema's. Properties and required
// add up; any other keyword may stand on one side only, or be the same on both.
// With an empty base a reference stays one, unless more is to be merged.
func (c *compiler) merge(base node, raw jsontext.Value, path string, more bool) (jsontext.Value, error) {
	if len(base.keys) == 0 && !more {
		return raw, nil
	}
	if raw.Kind() == 't' {
		raw = jsontext.Value(`{}`)
	}
	if raw.Kind() != '{' {
		return nil, base.fail("a branch that is no object cannot be combined with its siblings")
	}
	n, err := parseNode(raw, path)
	if err != nil {
		return nil, err
	}
	for n.has("$ref") {
		pointer, target, err := c.resolve(n)
		if err != nil {
			return nil, err
		}
		if len(n.keys) > 1 || pointer == base.path {
			return nil, n.fail("the reference cannot be combined with its siblings")
		}
		if n, err = parseNode(target, pointer); err != nil {
			return nil, err
		}
		c.depth++
		defer func() { c.depth-- }()
		if c.depth > maxDepth {
			return nil, n.fail("the references do not end")
		}
	}
	out := base.without()
	for _, key := range n.keys {
		value, err := mergeKeyword(out, n, key)
		if err != nil {
			return nil, err
		}
		if !out.has(key) {
			out.keys = append(out.keys, key)
		}
		out.raw[key] = value
	}
	return out.encode(), nil
}

func mergeKeyword(base, n node, key string) (jsontext.Value, error) {
	old, value := base.raw[key], n.raw[key]
	if old == nil || bytes.Equal(old, value) {
		return value, nil
	}
	switch key {
	case "required":
		var a, b []string
		if json.Unmarshal(old, &a) != nil || json.Unmarshal(value, &b) != nil {
			return nil, n.fail("required is a list of names")
		}
		slices.Sort(b)
		for _, name := range b {
			if !slices.Contains(a, name) {
				a = append(a, name)
			}
		}
		return json.Marshal(a)
	case "properties":
		left := node{raw: map[string]jsontext.Value{}}
		for _, part := range []jsontext.Value{old, value} {
			keys, values, err := members(part)
			if err != nil {
				return nil, n.fail("properties is an object")
			}
			for i, name := range keys {
				if left.has(name) && !bytes.Equal(left.raw[name], values[i]) {
					return nil, n.fail("the property %q is described twice", name)
				}
				if !left.has(name) {
					left.keys = append(left.keys, name)
				}
				left.raw[name] = values[i]
			}
		}
		return left.encode(), nil
	default:
		return nil, n.fail("the keyword %q stands on both sides of a combination", key)
	}
}

func (n node) encode() jsontext.Value {
	out := []byte{'{'}
	for i, key := range n.keys {
		if i > 0 {
			out = append(out, ',')
		}
		out, _ = jsontext.AppendQuote(out, key)
		out = append(append(out, ':'), n.raw[key]...)
	}
	return append(out, '}')
}

// enumeration is const and enum, cut down to the named types.
func (c *compiler) enumeration(n node) (string, error) {
	if err := c.only(n, "const", "enum"); err != nil {
		return "", err
	}
	var values []jsontext.Value
	if n.has("enum") {
		if json.Unmarshal(n.raw["enum"], &values) != nil || len(values) == 0 {
			return "", n.fail("enum is a list of values")
		}
	}
	if n.has("const") {
		if n.has("enum") {
			return "", n.fail("const and enum together are not supported")
		}
		values = []jsontext.Value{n.raw["const"]}
	}
	types, err := n.types()
	if err != nil {
		return "", err
	}
	var parts []string
	for _, v := range values {
		if len(types) > 0 && !slices.ContainsFunc(types, func(t string) bool { return isType(v, t) }) {
			continue
		}
		v = v.Clone()
		if err := v.Compact(); err != nil {
			return "", n.fail("%v", err)
		}
		parts = append(parts, literal(string(v)))
	}
	if len(parts) == 0 {
		return "", n.fail("no value of enum has the type")
	}
	return alternatives(parts), nil
}

func isType(v jsontext.Value, name string) bool {
	switch v.Kind() {
	case '{':
		return name == "object"
	case '[':
		return name == "array"
	case '"':
		return name == "string"
	case '0':
		return name == "number" || name == "integer" && !bytes.ContainsAny(v, ".eE")
	case 'n':
		return name == "null"
	default:
		return name == "boolean"
	}
}
