package script_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/provider/script"
	"pgregory.net/rapid"
)

func answer(t testing.TB, m model.Provider, req *model.Request) *model.Response {
	t.Helper()
	s, err := m.Generate(t.Context(), req)
	if err != nil {
		t.Fatalf("Generate: %v", err)
	}
	r, err := model.Collect(s)
	if err != nil {
		t.Fatalf("Collect: %v", err)
	}
	return r
}

func say(text string) *model.Request {
	return &model.Request{Model: script.ChatModel, Messages: []model.Message{model.UserText(text)}}
}

func TestDefaultAnswers(t *testing.T) {
	t.Parallel()
	m := newModel(t, script.Config{})
	for prompt, want := range map[string]string{
		"Hello there":           "You said: Hello there",
		"Say hello.":            "hello",
		"please repeat: a b":    "a b",
		`Echo "quoted words"!`:  "quoted words",
		"count to 3":            "1, 2, 3",
		"Count from one to 2":   "1, 2",
		"What is my name?":      "You said: What is my name?",
		"slow 2":                "word1 word2",
		"Did I fail the test?":  "You said: Did I fail the test?",
		"What did I say first?": "You first said: What did I say first?",
	} {
		if got := answer(t, m, say(prompt)).Choices[0].Message.Text(); got != want {
			t.Errorf("%q: got %q, want %q", prompt, got, want)
		}
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	yes := true
	m := newModel(t, script.Config{Rules: []script.Rule{
		{When: script.When{Exact: "ping"}, Then: script.Then{Text: "pong"}},
		{When: script.When{Contains: "SECOND", Turn: 2}, Then: script.Then{Text: "turn ${turn}, first ${first}"}},
		{When: script.When{Regex: `order (?P<id>\d+)`, History: `I am (\w+)`}, Then: script.Then{Text: "${h1}: order ${id} of ${0}"}},
		{When: script.When{Tool: "Search", ToolResult: new(bool)}, Then: script.Then{Calls: []script.Call{{Tool: "search", Arguments: `{"q": "${prompt}"}`}}}},
		{When: script.When{ToolResult: &yes}, Then: script.Then{Text: "found ${results}", Stop: "pause_turn"}},
		{When: script.When{Models: []string{"another"}}, Then: script.Then{Text: "never"}},
	}})
	tools := []model.Tool{{Name: "web_search"}}
	result := model.Message{Role: model.RoleUser, Parts: []model.Part{&model.ToolResult{CallID: "c", Content: []model.Part{&model.Structured{JSON: []byte(`{"n":1}`)}}}}}
	for _, c := range []struct {
		name     string
		messages []model.Message
		tools    []model.Tool
		want     string
	}{
		{"exact", []model.Message{model.UserText(" PING ")}, nil, "pong"},
		{"turn", []model.Message{model.UserText("one"), model.AssistantText("a"), model.UserText("the second")}, nil, "turn 2, first one"},
		{"not that turn", []model.Message{model.UserText("the second")}, nil, "You said: the second"},
		{"history", []model.Message{model.UserText("I am Ada"), model.AssistantText("a"), model.UserText("order 7")}, nil, "Ada: order 7 of order 7"},
		{"no history", []model.Message{model.UserText("order 7")}, nil, "You said: order 7"},
		{"result", []model.Message{model.UserText("q"), result}, tools, `found {"n":1}`},
	} {
		r := answer(t, m, &model.Request{Model: script.ChatModel, Messages: c.messages, Tools: c.tools})
		if got := r.Choices[0].Message.Text(); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
	req := say("cats")
	req.Tools = tools
	r := answer(t, m, req)
	calls := r.Choices[0].Message.ToolCalls()
	if len(calls) != 1 || calls[0].Name != "web_search" || calls[0].Arguments != `{"q": "cats"}` || r.Choices[0].Stop != model.StopToolUse {
		t.Errorf("got %+v, want one call of web_search", r.Choices[0])
	}
}

// TestRounds calls a tool as often as the prompt says, in each turn anew.
func TestRounds(t *testing.T) {
	t.Parallel()
	m := newModel(t, script.Config{Rules: []script.Rule{
		{When: script.When{Regex: `^(\w+) steps`, Rounds: "${1}"}, Then: script.Then{Calls: []script.Call{{Tool: "step", Arguments: "{}"}}}},
		{Then: script.Then{Text: "done"}},
	}})
	req := &model.Request{Model: script.ChatModel, Tools: []model.Tool{{Name: "step"}}}
	for _, want := range []int{3, 0, 2} {
		req.Messages = append(req.Messages, model.UserText(fmt.Sprint(want, " steps")))
		rounds := 0
		for {
			said := answer(t, m, req).Choices[0].Message
			req.Messages = append(req.Messages, said)
			calls := said.ToolCalls()
			if len(calls) == 0 || rounds > want {
				break
			}
			rounds++
			req.Messages = append(req.Messages, model.Message{Role: model.RoleUser, Parts: []model.Part{
				&model.ToolResult{CallID: calls[0].ID, Content: []model.Part{&model.Text{Text: "ok"}}}}})
		}
		if rounds != want {
			t.Errorf("%d rounds of calls, want %d", rounds, want)
		}
	}
	if got := answer(t, m, &model.Request{Model: script.ChatModel, Tools: req.Tools, Messages: []model.Message{model.UserText("some steps")}}); len(got.Choices[0].Message.ToolCalls()) != 1 {
		t.Error("what is not a number does not bound")
	}
}

func TestBadRuleIsNamed(t *testing.T) {
	t.Parallel()
	_, err := script.New(script.Config{Rules: []script.Rule{{}, {Name: "broken", When: script.When{Regex: "("}}}})
	var e *model.Error
	if !errors.As(err, &e) || e.Kind != model.Invalid || e.Subject != "rules.1.when.regex" || !strings.Contains(e.Public(), "broken") {
		t.Errorf("got %v, want an invalid rule at rules.1.when.regex", err)
	}
}

func TestAnswersAreDeterministic(t *testing.T) {
	t.Parallel()
	m := newModel(t, script.Config{})
	rapid.Check(t, func(t *rapid.T) {
		req := say(rapid.String().Draw(t, "prompt"))
		req.Reasoning = &model.ReasoningConfig{Effort: "low"}
		var got [2]*model.Response
		for i := range got {
			s, err := m.Generate(context.Background(), req)
			if err != nil {
				t.Skip("this prompt provokes an error")
			}
			if got[i], err = model.Collect(s); err != nil {
				t.Skip("this prompt provokes an error")
			}
		}
		if !reflect.DeepEqual(got[0], got[1]) {
			t.Fatalf("two answers to %#v differ", req)
		}
	})
}

// TestLimitsHold cuts answers by max tokens and stop sequences: what is left is
// a prefix of the whole answer, no longer than allowed.
func TestLimitsHold(t *testing.T) {
	t.Parallel()
	m := newModel(t, script.Config{})
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[a-d \n]{0,40}`).Draw(t, "text")
		limit := rapid.IntRange(1, 12).Draw(t, "limit")
		stop := rapid.StringMatching(`[a-d]{1,2}`).Draw(t, "stop")
		req := say("repeat: x" + text)
		req.MaxTokens, req.Stop = &limit, []string{stop}
		s, err := m.Generate(context.Background(), req)
		if err != nil {
			t.Fatal(err)
		}
		r, err := model.Collect(s)
		if err != nil {
			t.Fatal(err)
		}
		got := r.Choices[0].Message.Text()
		if !strings.HasPrefix("x"+text, got) || strings.Contains(got, stop) || len(strings.Fields(got)) > limit || r.Usage.Output > int64(limit) {
			t.Fatalf("limit %d, stop %q: %q became %q, %d tokens", limit, stop, text, got, r.Usage.Output)
		}
		if reason := r.Choices[0].Stop; reason == model.StopEnd && strings.TrimRight(got, " \n") != strings.TrimRight("x"+text, " \n") {
			t.Fatalf("the answer %q was cut but ended with %q", got, reason)
		}
	})
}

func TestDelaysAndCancellation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newModel(t, script.Config{})
		begin := time.Now()
		answer(t, m, say("slow 20"))
		if took := time.Since(begin); took != time.Second {
			t.Errorf("slow 20 took %v, want twenty times 50 ms", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		s, err := m.Generate(ctx, say("hang"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Next()
		if e := model.AsError(err); e == nil || e.Kind != model.Timeout {
			t.Errorf("hang ended with %v, want a timeout", err)
		}
	})
}

func TestFailures(t *testing.T) {
	t.Parallel()
	m := newModel(t, script.Config{})
	for status, want := range map[string]model.Kind{
		"400": model.Invalid, "401": model.UpstreamDenied, "403": model.Forbidden, "404": model.ModelNotFound,
		"408": model.Timeout, "409": model.Conflict, "413": model.TooLarge, "429": model.RateLimited,
		"500": model.UpstreamDown, "502": model.UpstreamDown, "503": model.Overloaded, "529": model.Overloaded,
		"context_length": model.ContextLength, "content_filtered": model.ContentFiltered,
		"not_ready": model.NotReady, "upstream_garbage": model.UpstreamGarbage,
	} {
		_, err := m.Generate(t.Context(), say("please fail "+status))
		var e *model.Error
		if !errors.As(err, &e) || e.Kind != want {
			t.Errorf("fail %s: got %v, want %v", status, err, want)
		}
	}
	s, err := m.Generate(t.Context(), say("fail 503 after 4"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := model.Collect(s)
	if e := model.AsError(err); e == nil || e.Kind != model.Overloaded || r.Choices[0].Message.Text() != "word1 word2 word3 word4" {
		t.Errorf("got %q and %v, want four words and an overload", r.Choices[0].Message.Text(), err)
	}
}

// TestArguments shows what generated arguments look like.
func TestArguments(t *testing.T) {
	t.Parallel()
	m := newModel(t, script.Config{})
	for _, c := range []struct{ prompt, schema, want string }{
		{"What is the weather in paris and london?", `{"type":"object","properties":{"city":{"type":"string"}}}`, `{"city": "paris"}|{"city": "london"}`},
		{"Weather in New York, Oslo and Rome, in celsius", `{"type":"object","properties":{"city":{"type":"string"},"unit":{"enum":["kelvin","celsius"]}}}`,
			`{"city": "New York", "unit": "celsius"}|{"city": "Oslo", "unit": "celsius"}|{"city": "Rome", "unit": "celsius"}`},
		{"weather, city: Bern for 3 days", `{"properties":{"city":{"type":"string"},"days":{"type":"integer","maximum":2}},"required":["city","days"]}`, `{"city": "Bern", "days": 2}`},
		{"weather now", `{"type":"object","properties":{"at":{"type":"string","format":"date"},"deep":{"$ref":"#/$defs/d"}},"$defs":{"d":{"type":"array","items":{"type":"boolean"},"minItems":2}}}`, `{"at": "2026-01-02", "deep": [true, true]}`},
		{"weather", `{"type":"object","properties":{"a":{"anyOf":[{"type":"null"},{"type":"string"}]},"b":{"const":[1]},"c":{"type":["null","number"],"minimum":5,"multipleOf":2}}}`, `{"a": null, "b": [1], "c": 6}`},
		{"weather", `{"type":"object","properties":{"zip":{"type":"string","pattern":"^[0-9]{5}(-x)?$"},"long":{"type":"string","minLength":9,"maxLength":9}}}`, `{"zip": "11111", "long": "weatherxx"}`},
		{"weather", `{"type":"object"}`, `{}`},
		{"weather", `true`, `{}`},
	} {
		req := say(c.prompt)
		req.Tools = []model.Tool{{Name: "get_weather", Schema: []byte(c.schema)}}
		var got []string
		for _, call := range answer(t, m, req).Choices[0].Message.ToolCalls() {
			got = append(got, call.Arguments)
		}
		if s := strings.Join(got, "|"); s != c.want {
			t.Errorf("%s, %s:\n got %s\nwant %s", c.prompt, c.schema, s, c.want)
		}
	}
}

// TestWhichToolsAreCalled shows what is called for several tools and subjects.
func TestWhichToolsAreCalled(t *testing.T) {
	t.Parallel()
	m := newModel(t, script.Config{})
	city := []byte(`{"type":"object","properties":{"city":{"type":"string"}}}`)
	sum := []byte(`{"type":"object","properties":{"a":{"type":"number"},"b":{"type":"number"}}}`)
	tools := []model.Tool{{Name: "get_weather", Schema: city}, {Name: "getWeatherMap", Schema: city}, {Name: "get_time", Schema: city}, {Name: "add", Schema: sum}}
	off := false
	for _, c := range []struct {
		prompt   string
		parallel *bool
		want     string
	}{
		{"What is the weather in Paris?", nil, `get_weather{"city": "Paris"}`},
		{"What is the weather and the time in Paris?", nil, `get_weather{"city": "Paris"} get_time{"city": "Paris"}`},
		{"What is the weather and time in Paris?", &off, `get_weather{"city": "Paris"}`},
		{"weather: paris and london", nil, `get_weather{"city": "paris"} get_weather{"city": "london"}`},
		{"Please add 3 and 4.5", nil, `add{"a": 3, "b": 4.5}`},
		{"Show the weather map of Rome", nil, `getWeatherMap{"city": "Rome"}`},
		{"My address is secret", nil, ""},
		{"Good morning", nil, ""},
	} {
		req := say(c.prompt)
		req.Tools, req.ParallelTools = tools, c.parallel
		var got []string
		for _, call := range answer(t, m, req).Choices[0].Message.ToolCalls() {
			got = append(got, call.Name+call.Arguments)
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: called %s, want %s", c.prompt, s, c.want)
		}
	}
}

func TestEndlessSchemasEnd(t *testing.T) {
	t.Parallel()
	m := newModel(t, script.Config{})
	for _, schema := range []string{
		`{"type":"object","properties":{"next":{"$ref":"#"}},"required":["next"]}`,
		`{"$ref":"#"}`,
		`{"allOf":[{"$ref":"#"},{"$ref":"#"}]}`,
		`{"anyOf":[{"$ref":"#"}]}`,
		`{"type":"array","items":{"$ref":"#"},"minItems":1000000}`,
		`{"type":"object","properties":{"n":{"anyOf":[{"$ref":"#"},{"type":"null"}]}},"required":["n"]}`,
	} {
		req := say("a value")
		req.Format = &model.Format{Kind: model.FormatSchema, Schema: []byte(schema)}
		if text := answer(t, m, req).Choices[0].Message.Text(); !json.Valid([]byte(text)) || len(text) > 1<<20 {
			t.Errorf("%s: %d bytes that are JSON: %t", schema, len(text), json.Valid([]byte(text)))
		}
	}
}

func FuzzSchema(f *testing.F) {
	f.Add("in Paris", []byte(`{"type":"object","properties":{"a":{"type":"string","pattern":"a+"}}}`))
	f.Add("", []byte(`{"allOf":[{"$ref":"#/a/b"}],"enum":[]}`))
	f.Add("x", []byte(`{"type":"array","items":false,"minItems":-1}`))
	m, err := script.New(script.Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, prompt string, schema []byte) {
		req := say(prompt)
		req.Format = &model.Format{Kind: model.FormatSchema, Schema: schema}
		s, err := m.Generate(t.Context(), req)
		if err != nil {
			return
		}
		r, err := model.Collect(s)
		if err != nil {
			return
		}
		text := r.Choices[0].Message.Text()
		if text != "" && strings.HasPrefix(text, "{") && !json.Valid([]byte(text)) && !strings.HasPrefix(text, "You said") {
			t.Errorf("schema %q made %q, which is not JSON", schema, text)
		}
	})
}

func TestEmbeddings(t *testing.T) {
	t.Parallel()
	m := newModel(t, script.Config{})
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOfN(rapid.String(), 1, 3).Draw(t, "texts")
		size := rapid.IntRange(0, 100).Draw(t, "size")
		r, err := m.Embed(context.Background(), &model.EmbedRequest{Model: script.EmbedModel, Input: texts, Dimensions: size})
		if err != nil || len(r.Vectors) != len(texts) {
			t.Fatalf("%d vectors, %v", len(r.Vectors), err)
		}
		for _, v := range r.Vectors {
			var square float64
			for _, x := range v {
				square += float64(x) * float64(x)
			}
			if math.Abs(square-1) > 1e-4 || size > 0 && len(v) != size {
				t.Fatalf("a vector of %d dimensions has length %f", len(v), square)
			}
		}
	})
	if _, err := m.Embed(t.Context(), &model.EmbedRequest{Model: script.ChatModel, Input: []string{"x"}}); err == nil {
		t.Error("the chat model must not embed")
	}
}

func TestThinkingMustReturnUnchanged(t *testing.T) {
	t.Parallel()
	m := newModel(t, script.Config{})
	req := say("Say one")
	req.Reasoning = &model.ReasoningConfig{Effort: "low"}
	message := answer(t, m, req).Choices[0].Message
	next := func(th model.Reasoning) error {
		turn := model.Message{Role: model.RoleAssistant, Parts: []model.Part{&th, message.Parts[1]}}
		_, err := m.Generate(t.Context(), &model.Request{Model: script.ChatModel, Messages: []model.Message{req.Messages[0], turn, model.UserText("Say two")}})
		return err
	}
	thought := *message.Parts[0].(*model.Reasoning)
	if err := next(thought); err != nil {
		t.Errorf("unchanged thinking: %v", err)
	}
	thought.Text += "!"
	if e := model.AsError(next(thought)); e == nil || e.Kind != model.Invalid {
		t.Errorf("changed thinking: got %v, want it refused", e)
	}
}

func TestCallIDsAreUniqueInAConversation(t *testing.T) {
	t.Parallel()
	m := newModel(t, script.Config{})
	req := say("weather in Paris and London")
	req.Tools = []model.Tool{{Name: "get_weather"}}
	seen := map[string]bool{}
	for range 5 {
		r := answer(t, m, req)
		results := model.Message{Role: model.RoleUser}
		for _, c := range r.Choices[0].Message.ToolCalls() {
			if seen[c.ID] {
				t.Fatalf("the id %s was used twice", c.ID)
			}
			seen[c.ID] = true
			results.Parts = append(results.Parts, &model.ToolResult{CallID: c.ID})
		}
		req.Messages = append(req.Messages, r.Choices[0].Message, results, model.AssistantText("ok"), model.UserText("weather in Paris and London"))
	}
	if len(seen) != 10 {
		t.Errorf("%d calls were made, want 10", len(seen))
	}
}

func Example() {
	m, err := script.New(script.Config{Rules: append([]script.Rule{{
		When: script.When{Regex: `(?i)my order (\w+)`},
		Then: script.Then{Text: "Order ${1} is on its way."},
	}}, script.DefaultRules()...)})
	if err != nil {
		fmt.Println(err)
		return
	}
	stream, err := m.Generate(context.Background(), say("Where is my order 7?"))
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := model.Collect(stream)
	fmt.Println(r.Choices[0].Message.Text(), r.Usage.Input, r.Usage.Output, err)
	// Output: Order 7 is on its way. 5 6 <nil>
}

// TestVendorToolsAreRefused: a tool that only its vendor can run must not be
// dropped silently.
func TestVendorToolsAreRefused(t *testing.T) {
	t.Parallel()
	for want, tool := range map[string]model.Tool{
		"tool web_search.":    {Name: "web_search", Opaque: &model.Opaque{Dialect: model.DialectAnthropic, Raw: []byte(`{"type":"web_search_20250305"}`)}},
		"tool computer.":      {Opaque: &model.Opaque{Dialect: model.DialectOpenAIResponses, Raw: []byte(`{"type":"computer"}`)}},
		"tool without a name": {Opaque: &model.Opaque{Dialect: model.DialectOpenAIResponses, Raw: []byte(`{"type":`)}},
	} {
		_, err := newModel(t, script.Config{}).Generate(t.Context(), &model.Request{
			Model: script.ChatModel, Messages: []model.Message{model.UserText("hi")}, Tools: []model.Tool{tool},
		})
		if e := model.AsError(err); e == nil || e.Kind != model.Unsupported || !strings.Contains(e.Message, want) {
			t.Errorf("Generate = %v, want Unsupported that says %q", err, want)
		}
	}
}

// TestUnknownMembersAreLost: what no rule can know is reported, by name.
func TestUnknownMembersAreLost(t *testing.T) {
	t.Parallel()
	m := newModel(t, script.Config{})
	for raw, want := range map[string]string{"": "", `{"b":1,"a":{"c":2}}`: "a b", `{`: "extra"} {
		req := say("Hello")
		if raw != "" {
			req.Extra = &model.Opaque{Dialect: model.DialectOpenAIChat, Raw: []byte(raw)}
		}
		s, err := m.Generate(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, l := range model.LossesOf(s) {
			names = append(names, l.Path)
		}
		s.Close()
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: lost %q, want %q", raw, got, want)
		}
	}
}
