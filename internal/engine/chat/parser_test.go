package chat

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// joined merges events of a kind that follow each other, which is all that the
// places where a text is split may change.
func joined(events []Event) []Event {
	var out []Event
	for _, e := range events {
		last := len(out) - 1
		if last >= 0 && e.Kind != EventCall && out[last].Kind == e.Kind && out[last].Index == e.Index {
			out[last].Text += e.Text
			continue
		}
		out = append(out, e)
	}
	return out
}

func parseSplit(o ParserOptions, parts ...string) []Event {
	p := NewParser(o)
	var events []Event
	for _, part := range parts {
		events = append(events, p.Add(part)...)
	}
	return joined(append(events, p.Close()...))
}

// parseAll answers the calls and the text of an answer.
func parseAll(o ParserOptions, text string) (calls []ToolCall, rest string) {
	for _, e := range parseSplit(o, text) {
		switch e.Kind {
		case EventCall:
			calls = append(calls, ToolCall{Name: e.Name})
		case EventArguments:
			calls[e.Index].Arguments += e.Text
		case EventText:
			rest += e.Text
		}
	}
	return calls, rest
}

func text(s string) Event      { return Event{Kind: EventText, Text: s} }
func reasoning(s string) Event { return Event{Kind: EventReasoning, Text: s} }
func call(i int, name, arguments string) []Event {
	return []Event{{Kind: EventCall, Index: i, Name: name}, {Kind: EventArguments, Index: i, Text: arguments}}
}

var parserCases = []struct {
	name    string
	options ParserOptions
	in      string
	want    []Event
}{
	{"plain text", ParserOptions{}, "Hello there ", []Event{text("Hello there ")}},
	{"marks without tools", ParserOptions{}, "a <tool_call> b", []Event{text("a <tool_call> b")}},
	{"one call", ParserOptions{Tools: true, Format: Tagged}, "Let me see.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": \"}\\\"{\"}}\n</tool_call>",
		append([]Event{text("Let me see.")}, call(0, "f", `{"a": "}\"{"}`)...)},
	{"two calls", ParserOptions{Tools: true, Format: Tagged}, `<tool_call>{"name":"f","arguments":{}}</tool_call>` + "\n" + `<tool_call>{"name":"g","arguments":{"x":[1,{}]}}</tool_call>`,
		slices.Concat(call(0, "f", `{}`), call(1, "g", `{"x":[1,{}]}`))},
	{"cut off", ParserOptions{Tools: true, Format: Tagged}, `<tool_call>{"name":"f","arguments":{"a": "b`, call(0, "f", `{"a": "b`)},
	{"no call after the mark", ParserOptions{Tools: true, Format: Tagged}, `<tool_call>hm`, []Event{text(`<tool_call>hm`)}},
	{"almost a mark", ParserOptions{Tools: true, Format: Tagged}, `1 <tool_cal`, []Event{text(`1 <tool_cal`)}},
	{"bare call", ParserOptions{Tools: true, Format: Bare}, ` {"name": "f", "parameters": {"a": 1}}`, call(0, "f", `{"a": 1}`)},
	{"bare JSON", ParserOptions{Tools: true, Format: Bare}, `{"nam": 1}`, []Event{text(`{"nam": 1}`)}},
	{"bare text", ParserOptions{Tools: true, Format: Bare}, `Hello {"name"`, []Event{text(`Hello {"name"`)}},
	{"list", ParserOptions{Tools: true, Format: Listed}, `[TOOL_CALLS] [{"name":"f","arguments":{"a":1}}, {"name":"g","arguments":{}}]`,
		slices.Concat(call(0, "f", `{"a":1}`), call(1, "g", `{}`))},
	{"reasoning", ParserOptions{}, "<think>\nhm < ok</think>\n\nYes", []Event{reasoning("hm < ok"), text("Yes")}},
	{"reasoning begun in the prompt", ParserOptions{Thinking: true, Tools: true, Format: Tagged}, "hm\n</think>\n\n<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>",
		append([]Event{reasoning("hm\n")}, call(0, "f", `{}`)...)},
	{"reasoning cut off", ParserOptions{Thinking: true}, "hm </thin", []Event{reasoning("hm </thin")}},
	{"plain keeps everything", ParserOptions{Plain: true}, "  <think>x</think>", []Event{text("  <think>x</think>")}},
}

func TestParser(t *testing.T) {
	t.Parallel()
	for _, c := range parserCases {
		if diff := cmp.Diff(c.want, parseSplit(c.options, c.in)); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
		if diff := cmp.Diff(c.want, parseSplit(c.options, strings.Split(c.in, "")...)); diff != "" {
			t.Errorf("%s, byte by byte: %s", c.name, diff)
		}
	}
}

func FuzzParser(f *testing.F) {
	for _, c := range parserCases {
		f.Add(c.in, uint8(3), c.options.Tools, c.options.Thinking, uint8(0))
		f.Add(c.in, uint8(7), true, false, uint8(1))
		f.Add(c.in, uint8(5), true, false, uint8(2))
	}
	f.Fuzz(func(t *testing.T, in string, cut uint8, tools, thinking bool, kind uint8) {
		o := ParserOptions{Tools: tools, Thinking: thinking, Format: []Format{Tagged, Bare, Listed}[kind%3]}
		whole := parseSplit(o, in)
		at := min(int(cut), len(in))
		if diff := cmp.Diff(whole, parseSplit(o, in[:at], in[at:])); diff != "" {
			t.Fatalf("cut at %d of %q: %s", at, in, diff)
		}
	})
}

// TestCutCallsAreNoText cuts an answer that a grammar holds to calls wherever it
// can be cut: what of a call was begun is nobody's text.
func TestCutCallsAreNoText(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		format Format
		answer string
	}{
		"tagged": {Tagged, "<tool_call>\n{\"name\": \"file_search__file_search\", \"arguments\": {\"query\": \"a \\\" b\"}}\n</tool_call>\n<tool_call> {\"name\" : \"f\\\"g\", \"arguments\":{}} </tool_call>"},
		"listed": {Listed, `[TOOL_CALLS][{"name": "f", "arguments": {"x": [1]}}, {"name": "g", "arguments": {}}]`},
		"bare":   {Bare, `{"name": "f", "parameters": {"x": 1}}`},
	} {
		first := strings.Index(c.answer, "}") // the first call has come
		for cut := range len(c.answer) {
			o := ParserOptions{Tools: true, Format: c.format, Bound: true}
			if _, rest := parseAll(o, c.answer[:cut]); rest != "" {
				t.Errorf("%s: %q has the text %q", name, c.answer[:cut], rest)
			}
			o.Bound = false
			_, rest := parseAll(o, c.answer[:cut])
			if cut > first && rest != "" {
				t.Errorf("%s: after a call, %q has the text %q", name, c.answer[:cut], rest)
			}
			if at := strings.TrimSpace(c.answer[:cut]); cut < 5 && rest != at {
				t.Errorf("%s: %q, which may be text, has the text %q", name, at, rest)
			}
			for at := range cut {
				if got, want := parseSplit(o, c.answer[:at], c.answer[at:cut]), parseSplit(o, c.answer[:cut]); !slices.Equal(got, want) {
					t.Errorf("%s: in two parts %q, %q is %v, in one %v", name, c.answer[:at], c.answer[at:cut], got, want)
				}
			}
		}
	}
	for _, more := range []string{" and so on", " <", "<tool_call>{\"nome"} {
		if _, rest := parseAll(ParserOptions{Tools: true, Format: Tagged, Bound: true}, "so"+more); !strings.HasPrefix(rest, "so") {
			t.Errorf("text before a mark is lost: %q", rest)
		}
	}
}
