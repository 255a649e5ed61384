package chat

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// validator compiles a schema with an independent implementation, formats
// asserted.
func validator(t *testing.T, schema string) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// checkSamples draws texts of a schema's grammar and validates each.
func checkSamples(t *testing.T, schema string, n int) []string {
	t.Helper()
	grammar, err := Compile(jsontext.Value(schema), CompileOptions{})
	if err != nil {
		t.Fatalf("%s: %v", schema, err)
	}
	v := validator(t, schema)
	drawn := samples(t, grammar, n)
	for _, text := range drawn {
		// A grammar cannot keep free keys from repeating.
		if !jsontext.Value(text).IsValid(jsontext.AllowDuplicateNames(true)) {
			t.Fatalf("%s\nallows %q, which is not JSON\n%s", schema, text, grammar)
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err == nil {
			err = v.Validate(value)
		}
		if err != nil {
			t.Fatalf("%s\nallows %s: %v\n%s", schema, text, err, grammar)
		}
	}
	return drawn
}

var supported = []string{
	`{"type":"object"}`,
	`{}`,
	`true`,
	`{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"integer"},"c":{"type":"boolean"}},"required":["a","c"],"additionalProperties":false}`,
	`{"type":"object","properties":{"a":{"type":"null"},"b":{"type":"number"}}}`,
	`{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer"}},"required":["b"],"additionalProperties":{"type":"string"}}`,
	`{"type":"object","properties":{"name":{"type":"integer"},"names":{"type":"integer"},"na":{"type":"integer"},"x\"y":{"type":"integer"}},"additionalProperties":true}`,
	`{"type":"object","additionalProperties":{"type":"array","items":{"type":"boolean"}},"maxProperties":2,"minProperties":1}`,
	`{"type":"object","required":["free"]}`,
	`{"type":"object","properties":{},"additionalProperties":false}`,
	`{"type":"array","items":{"type":"integer"},"minItems":2,"maxItems":4}`,
	`{"type":"array","items":{"type":"string"},"maxItems":0}`,
	`{"type":"array","minItems":1}`,
	`{"type":"array","prefixItems":[{"type":"integer"},{"type":"string"}],"items":{"type":"boolean"},"minItems":1,"maxItems":5}`,
	`{"type":"array","prefixItems":[{"const":1},{"const":2}],"items":false}`,
	`{"enum":["a","b\"c",1,null,{"x":[1,2]},"\n"]}`,
	`{"type":"string","enum":["a",1]}`,
	`{"const":{"k":"v"}}`,
	`{"type":"string","minLength":2,"maxLength":5}`,
	`{"type":"string","minLength":230}`,
	`{"type":"string","maxLength":250}`,
	`{"type":["string","null"],"maxLength":3}`,
	`{"type":["integer","string"],"minimum":3,"maximum":5,"minLength":1}`,
	`{"anyOf":[{"type":"integer","minimum":5},{"type":"object","properties":{"k":{"const":"v"}},"required":["k"]}]}`,
	`{"oneOf":[{"type":"integer"},{"type":"string"}]}`,
	`{"type":"object","properties":{"kind":{"type":"string"}},"required":["kind"],"anyOf":[{"properties":{"a":{"type":"integer"}},"required":["a"]},{"properties":{"b":{"type":"boolean"}}}]}`,
	`{"allOf":[{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]},{"properties":{"b":{"type":"string"}},"required":["b"]}]}`,
	`{"allOf":[{"$ref":"#/$defs/base"},{"properties":{"b":{"type":"string"}}}],"$defs":{"base":{"type":"object","properties":{"a":{"type":"integer"}}}}}`,
	`{"$ref":"#/$defs/node","$defs":{"node":{"type":"object","properties":{"v":{"type":"integer"},"next":{"anyOf":[{"$ref":"#/$defs/node"},{"type":"null"}]}},"required":["v","next"],"additionalProperties":false}}}`,
	`{"definitions":{"a/b":{"type":"integer"}},"type":"array","items":{"$ref":"#/definitions/a~1b"}}`,
	`{"type":"object","properties":{"child":{"$ref":"#"}},"additionalProperties":false}`,
	`{"type":"string","pattern":"^[a-z]{2,3}-\\d+$"}`,
	`{"type":"string","pattern":"^(foo|bar)?baz.*$"}`,
	`{"type":"string","pattern":"ab+c"}`,
	`{"type":"string","pattern":"^a|b$"}`,
	`{"type":"string","pattern":"^[^\"\\\\]\\w\\s[\"\\\\]$"}`,
	`{"type":"string","pattern":"^(?i)straße$"}`,
	`{"type":"string","pattern":"^\\p{Greek}{3}$"}`,
	`{"type":"string","format":"date"}`, `{"type":"string","format":"time"}`, `{"type":"string","format":"date-time"}`,
	`{"type":"string","format":"uuid"}`, `{"type":"string","format":"email"}`, `{"type":"string","format":"hostname"}`,
	`{"type":"string","format":"ipv4"}`, `{"type":"string","format":"ipv6"}`, `{"type":"string","format":"duration"}`,
	`{"type":"string","format":"uri"}`,
	`{"type":"integer","minimum":0}`, `{"type":"integer","maximum":-7}`, `{"type":"integer","minimum":-12,"maximum":305}`,
	`{"type":"integer","exclusiveMinimum":9,"exclusiveMaximum":12}`, `{"type":"integer","minimum":98,"maximum":1203}`,
	`{"type":"integer","minimum":1.5,"maximum":3.5}`, `{"type":"integer","minimum":100}`,
	`{"type":"number","minimum":0,"maximum":1}`, `{"type":"number","exclusiveMinimum":0}`, `{"type":"number","minimum":-1.5,"maximum":2.25}`,
	`{"type":"number","exclusiveMinimum":-3,"exclusiveMaximum":-1}`, `{"type":"number","maximum":100}`, `{"type":"number","minimum":0.2,"maximum":0.7}`,
	`{"type":"object","properties":{"a":{"title":"A","description":"d","default":1,"examples":[2],"type":"integer","x-order":1}},"$schema":"https://json-schema.org/draft/2020-12/schema"}`,
}

func TestGrammarTextsSatisfyTheirSchema(t *testing.T) {
	t.Parallel()
	for i, schema := range supported {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			drawn := checkSamples(t, schema, 60)
			if single := i == 16 || i == 17; single != (len(slices.Compact(slices.Sorted(slices.Values(drawn)))) == 1) {
				t.Errorf("%s: only one text is drawn: %v; the first is %s", schema, !single, drawn[0])
			}
		})
	}
}

// TestIntegerRangesAreExact checks by counting: every integer of a small range
// is allowed, and nothing else.
func TestIntegerRangesAreExact(t *testing.T) {
	t.Parallel()
	for _, r := range [][2]int{{0, 9}, {7, 23}, {-13, 4}, {99, 101}, {-101, -98}, {5, 5}, {195, 210}} {
		schema := `{"type":"integer","minimum":` + strconv.Itoa(r[0]) + `,"maximum":` + strconv.Itoa(r[1]) + `}`
		seen := map[string]bool{}
		for _, text := range checkSamples(t, schema, 3000) {
			seen[text] = true
		}
		for i := r[0]; i <= r[1]; i++ {
			if !seen[strconv.Itoa(i)] {
				t.Errorf("%s never draws %d", schema, i)
			}
		}
	}
}

func TestUnsupportedSchemasSayWhy(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		`{"not":{}}`:                                              `"not"`,
		`{"type":"array","uniqueItems":true}`:                     `"uniqueItems"`,
		`{"type":"array","contains":{}}`:                          `"contains"`,
		`{"type":"object","patternProperties":{"a":{}}}`:          `"patternProperties"`,
		`{"type":"number","multipleOf":0.01}`:                     "multipleOf",
		`{"type":"string","pattern":"(?=a)b"}`:                    "pattern",
		`{"type":"string","pattern":"a^b"}`:                       "anchors",
		`{"type":"string","format":"color"}`:                      `"color"`,
		`{"type":"string","pattern":"a","minLength":3}`:           "combined",
		`{"$ref":"https://example.com/x"}`:                        "within the schema",
		`{"$ref":"#/$defs/none"}`:                                 "leads nowhere",
		`{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/a"}}}`: "itself",
		`{"if":{},"then":{}}`:                                     `"if"`,
		`false`:                                                   "no value",
		`{"type":"thing"}`:                                        `"thing"`,
		`{"type":"integer","minimum":5,"maximum":4}`:              "bounds",
		`{"type":"string","minLength":5,"maxLength":4}`:           "exceeds",
		`{"type":"string","maxLength":1000000}`:                   "repetition",
		`{"type":"array","items":false,"minItems":1}`:             "minItems",
		`{"enum":[]}`:                                             "enum",
		`{"type":"string","enum":[1]}`:                            "enum",
		`{"allOf":[{"minimum":1},{"minimum":2}]}`:                 "minimum",
		`{"type":"object","properties":{"a":{"not":{}}}}`:         "/properties/a",
		`[]`:                                     "object or a boolean",
		`{"type":"object","properties":{"a":1}}`: "/properties/a",
		`{"type":"object","properties":{"a":{}},"minProperties":1}`: "minProperties",
	}
	for schema, want := range cases {
		_, err := Compile(jsontext.Value(schema), CompileOptions{})
		var failure *SchemaError
		if !errors.As(err, &failure) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error about %s", schema, err, want)
		}
		if grammar, err := Compile(jsontext.Value(schema), CompileOptions{Lenient: true}); err == nil {
			for _, text := range samples(t, grammar, 5) {
				if !jsontext.Value(text).IsValid(jsontext.AllowDuplicateNames(true)) {
					t.Errorf("%s leniently allows %q", schema, text)
				}
			}
		}
	}
}

func TestDeepSchemaIsRefused(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`{"type":"array","items":`, 200) + `{}` + strings.Repeat(`}`, 200)
	if _, err := Compile(jsontext.Value(deep), CompileOptions{}); err == nil || !strings.Contains(err.Error(), "deep") {
		t.Errorf("%v", err)
	}
}

func FuzzCompile(f *testing.F) {
	for _, s := range supported {
		f.Add(s)
	}
	f.Add(`{"allOf":[{"$ref":"#/allOf/0"}]}`)
	f.Fuzz(func(t *testing.T, schema string) {
		if !jsontext.Value(schema).IsValid() {
			return
		}
		for _, lenient := range []bool{false, true} {
			grammar, err := Compile(jsontext.Value(schema), CompileOptions{Lenient: lenient})
			if err != nil {
				continue
			}
			if _, err := parseGBNF(grammar); err != nil {
				t.Fatalf("%s: %v\n%s", schema, err, grammar)
			}
		}
	})
}

func TestAnswerGrammar(t *testing.T) {
	t.Parallel()
	tools := []Tool{
		{Name: "look", Parameters: jsontext.Value(`{"type":"object","properties":{"where":{"type":"string"},"unit":{"enum":["C","F"]}},"required":["where"]}`)},
		{Name: "wait"},
		{Name: "odd", Parameters: jsontext.Value(`{"type":"object","properties":{"x":{"type":"string","format":"color"}}}`)},
	}
	for _, format := range []Format{Tagged, Bare, Listed} {
		for _, parallel := range []bool{false, true} {
			grammar, err := AnswerGrammar(AnswerOptions{Tools: tools, Format: format, Parallel: parallel})
			if err != nil {
				t.Fatal(err)
			}
			most := 0
			for _, text := range samples(t, grammar, 200) {
				calls, rest := parseAll(ParserOptions{Tools: true, Format: format}, text)
				if len(calls) == 0 || strings.TrimSpace(rest) != "" {
					t.Fatalf("%s: %q gave calls %v and text %q", format.Name, text, calls, rest)
				}
				most = max(most, len(calls))
				for _, c := range calls {
					var arguments map[string]any
					if json.Unmarshal([]byte(c.Arguments), &arguments) != nil {
						t.Fatalf("%s: arguments %q of %q", format.Name, c.Arguments, text)
					}
				}
			}
			if wants := parallel && format.Name != "bare"; wants != (most > 1) {
				t.Errorf("%s, parallel %v: at most %d calls", format.Name, parallel, most)
			}
		}
	}
	strict := []Tool{{Name: "odd", Strict: true, Parameters: tools[2].Parameters}}
	if _, err := AnswerGrammar(AnswerOptions{Tools: strict, Format: Tagged}); err == nil || !strings.Contains(err.Error(), `"odd"`) {
		t.Errorf("a strict tool with an unsupported schema: %v", err)
	}
	grammar, err := AnswerGrammar(AnswerOptions{Schema: jsontext.Value(`{"const":1}`), Tools: tools[1:2], Format: Tagged, Thinking: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range samples(t, grammar, 20) {
		_, answer, ok := strings.Cut(text, "</think>")
		answer = strings.TrimSpace(answer)
		if !ok || answer != "1" && !strings.HasPrefix(answer, "<tool_call>") {
			t.Errorf("thinking grammar allows %q", text)
		}
	}
}
