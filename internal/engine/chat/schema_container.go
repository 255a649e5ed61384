package chat

import (
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// object writes properties in the schema's order. For each position there are
// two rules: what may come first from here on, and what may follow something.
func (c *compiler) object(n node) (string, error) {
	var names []string
	var schemas []jsontext.Value
	if raw, ok := n.raw["properties"]; ok {
		var err error
		if names, schemas, err = members(raw); err != nil {
			return "", n.fail("properties is an object")
		}
	}
	var required []string
	if raw, ok := n.raw["required"]; ok && json.Unmarshal(raw, &required) != nil {
		return "", n.fail("required is a list of names")
	}
	for _, name := range required {
		if !slices.Contains(names, name) {
			names, schemas = append(names, name), append(schemas, jsontext.Value("true"))
		}
	}
	extra, err := c.extra(n, names)
	if err != nil {
		return "", err
	}
	if len(names) == 0 {
		return c.freeObject(n, extra)
	}
	if n.has("minProperties") || n.has("maxProperties") {
		return "", n.fail("minProperties and maxProperties are supported only without properties")
	}
	g := c.grammar
	ws := g.shared("ws")
	first, after := "", ""
	if extra != "" {
		after = g.rule("more", `("," `+ws+" "+extra+")*")
		first = g.rule("first", "("+extra+" "+after+")?")
	}
	for i := len(names) - 1; i >= 0; i-- {
		value, err := c.compile(schemas[i], n.at("properties")+"/"+escapePointer(names[i]))
		if err != nil {
			return "", err
		}
		pair := g.rule("pair", jsonLiteral(names[i])+` ":" `+ws+" "+value+" "+ws)
		must := slices.Contains(required, names[i])
		nextFirst, nextAfter := pair+" "+after, `"," `+ws+" "+pair+" "+after
		if !must {
			nextFirst = "(" + nextFirst + " | " + first + ")"
			nextAfter = "(" + `"," ` + ws + " " + pair + ")? " + after
			if first == "" {
				nextFirst = "(" + pair + " " + after + ")?"
			}
		}
		first, after = g.rule("first", nextFirst), g.rule("after", nextAfter)
	}
	return g.rule("object", `"{" `+ws+" "+first+` "}"`), nil
}

// extra answers the rule for members that are not declared; empty for none.
func (c *compiler) extra(n node, names []string) (string, error) {
	raw, ok := n.raw["additionalProperties"]
	if ok && raw.Kind() == 'f' || !ok && len(names) > 0 {
		return "", nil
	}
	g := c.grammar
	value, err := c.compile(raw, n.at("additionalProperties"))
	if err != nil {
		return "", err
	}
	key := g.shared("string")
	if len(names) > 0 {
		key = c.otherKey(names)
	}
	return g.rule("pair", key+` ":" `+g.shared("ws")+" "+value+" "+g.shared("ws")), nil
}

// freeObject is a map: any keys, values of one kind.
func (c *compiler) freeObject(n node, pair string) (string, error) {
	low, high, err := n.bounds("minProperties", "maxProperties")
	if err != nil {
		return "", err
	}
	if low > 1 {
		// Keys drawn freely may repeat, and then count once.
		return "", n.fail("minProperties above 1 is not supported without declared properties")
	}
	g := c.grammar
	if pair == "" {
		if low > 0 {
			return "", n.fail("an object without properties cannot have minProperties")
		}
		return g.rule("object", `"{" `+g.shared("ws")+` "}"`), nil
	}
	list, err := c.separated(pair, low, high)
	if err != nil {
		return "", n.fail("%v", err)
	}
	return g.rule("object", `"{" `+g.shared("ws")+" "+list+` "}"`), nil
}

// separated is a list of low to high items with commas between them.
func (c *compiler) separated(item string, low, high int) (string, error) {
	if high == 0 {
		return `""`, nil
	}
	next := c.grammar.rule("next", `"," `+c.grammar.shared("ws")+" "+item)
	rest := high
	if high > 0 {
		rest--
	}
	tail, err := c.grammar.repeat(next, max(low-1, 0), rest)
	if err != nil {
		return "", err
	}
	if low == 0 {
		return "(" + item + " " + tail + ")?", nil
	}
	return item + " " + tail, nil
}

// bounds reads a pair of non-negative integer keywords; high is -1 for none.
func (n node) bounds(lowKey, highKey string) (low, high int, err error) {
	high = -1
	for _, b := range []struct {
		key  string
		into *int
	}{{lowKey, &low}, {highKey, &high}} {
		if raw, ok := n.raw[b.key]; ok {
			var f float64
			if json.Unmarshal(raw, &f) != nil || f < 0 || f != float64(int(f)) {
				return 0, 0, n.fail("%s is a non-negative integer", b.key)
			}
			*b.into = int(f)
		}
	}
	if high >= 0 && low > high {
		return 0, 0, n.fail("%s exceeds %s", lowKey, highKey)
	}
	return low, high, nil
}

// array is prefixItems, then items.
func (c *compiler) array(n node) (string, error) {
	low, high, err := n.bounds("minItems", "maxItems")
	if err != nil {
		return "", err
	}
	var prefix []jsontext.Value
	items := n.raw["items"]
	prefixKey, restKey := "prefixItems", "items"
	if items.Kind() == '[' { // the drafts before 2020-12
		prefixKey, restKey = "items", "additionalItems"
		items = n.raw["additionalItems"]
	}
	if raw, ok := n.raw[prefixKey]; ok && json.Unmarshal(raw, &prefix) != nil {
		return "", n.fail("%s is a list of schemas", prefixKey)
	}
	parts := make([]string, len(prefix))
	for i, raw := range prefix {
		part, err := c.compile(raw, n.at(prefixKey)+"/"+strconv.Itoa(i))
		if err != nil {
			return "", err
		}
		parts[i] = c.grammar.rule("item", part+" "+c.grammar.shared("ws"))
	}
	rest := ""
	if items.Kind() != 'f' && (len(prefix) == 0 || n.has(restKey)) && (high < 0 || high > len(prefix)) {
		part, err := c.compile(items, n.at(restKey))
		if err != nil {
			return "", err
		}
		rest = c.grammar.rule("item", part+" "+c.grammar.shared("ws"))
	}
	list, err := c.items(n, parts, rest, low, high)
	if err != nil {
		return "", err
	}
	return c.grammar.rule("array", `"[" `+c.grammar.shared("ws")+" "+list+` "]"`), nil
}

func (c *compiler) items(n node, prefix []string, rest string, low, high int) (string, error) {
	if rest == "" && low > len(prefix) {
		return "", n.fail("minItems exceeds the number of items")
	}
	if len(prefix) == 0 {
		if rest == "" {
			return `""`, nil
		}
		list, err := c.separated(rest, low, high)
		if err != nil {
			return "", n.fail("%v", err)
		}
		return list, nil
	}
	g, comma := c.grammar, `"," `+c.grammar.shared("ws")+" "
	tail := ""
	if rest != "" {
		most := -1
		if high >= 0 {
			most = high - len(prefix)
		}
		next := g.rule("next", comma+rest)
		var err error
		if tail, err = g.repeat(next, max(low-len(prefix), 0), most); err != nil {
			return "", n.fail("%v", err)
		}
	}
	for i := len(prefix) - 1; i >= 0; i-- {
		if high >= 0 && i >= high {
			tail = ""
			continue
		}
		item := prefix[i] + " " + tail
		if i > 0 {
			item = comma + item
		}
		if i >= low {
			item = "(" + item + ")?"
		}
		tail = g.rule("items", item)
	}
	if tail == "" {
		tail = `""`
	}
	return tail, nil
}

// otherKey is a JSON string that is none of the names. It is built along the
// tree of their letters; escapes are left out, since they could spell a name.
func (c *compiler) otherKey(names []string) string {
	encoded := make([]string, len(names))
	copy(encoded, names)
	slices.Sort(encoded)
	c.grammar.set("plain", `[^"\\\x00-\x1F\x7F]`)
	return c.grammar.rule("key", `"\"" `+c.otherThan(slices.Compact(encoded))+` "\""`)
}

// otherThan is the rest of a key that must differ from every name in a sorted
// list; the empty name bars ending here.
func (c *compiler) otherThan(names []string) string {
	var letters, class []string
	mayEnd := true
	for i := 0; i < len(names); {
		if names[i] == "" {
			mayEnd = false
			i++
			continue
		}
		first := []rune(names[i])[0]
		var rests []string
		for ; i < len(names) && strings.HasPrefix(names[i], string(first)); i++ {
			rests = append(rests, names[i][len(string(first)):])
		}
		if first < 0x20 || first == '"' || first == '\\' || first == 0x7f {
			continue // needs an escape, and is left out with them
		}
		letters = append(letters, literal(string(first))+" "+c.otherThan(rests))
		class = append(class, classRune(first))
	}
	if len(letters) == 0 && mayEnd {
		return "plain*"
	}
	other := `[^"\\\x00-\x1F\x7F` + strings.Join(class, "") + `] plain*`
	out := c.grammar.rule("other", strings.Join(append(letters, other), " | "))
	if mayEnd {
		return out + "?"
	}
	return out
}

// classRune spells a rune inside a GBNF character class.
func classRune(r rune) string {
	if r < 0x80 && !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9') {
		const hex = "0123456789ABCDEF"
		return `\x` + string(hex[r>>4]) + string(hex[r&15])
	}
	return string(r)
}

func escapePointer(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}
