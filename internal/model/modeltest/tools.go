package modeltest

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/model"
)

func toolChecks() []check {
	tools := []model.Capability{model.CanTools}
	parallel := []model.Capability{model.CanTools, model.CanParallelTools}
	return []check{
		{name: "tool_call", needs: tools, run: checkToolCall},
		{name: "tool_round_trip", needs: tools, run: checkToolRoundTrip},
		{name: "tool_error", needs: tools, run: checkToolError},
		{name: "tool_choice_none", needs: tools, run: checkToolNone},
		{name: "tool_choice_forced", needs: tools, run: checkToolForced},
		{name: "parallel_tools", needs: parallel, run: checkParallelTools},
		{name: "serial_tools", needs: parallel, run: checkSerialTools},
	}
}

func weatherTool() model.Tool {
	return model.Tool{
		Name: "get_weather", Description: "Tells the weather of a city.",
		Schema: []byte(`{"type":"object","properties":{"city":{"type":"string"},"unit":{"type":"string","enum":["celsius","fahrenheit"]}},"required":["city","unit"],"additionalProperties":false}`),
	}
}

func clockTool() model.Tool {
	return model.Tool{
		Name: "read_clock", Description: "Tells the time.",
		Schema: []byte(`{"type":"object","properties":{},"additionalProperties":false}`),
	}
}

func (s *subject) weather(text string) *model.Request {
	req := s.say(text)
	req.Tools = []model.Tool{clockTool(), weatherTool()}
	return req
}

// calls checks the form of an answer's tool calls and returns their cities.
func calls(t testing.TB, r *model.Response) []string {
	t.Helper()
	var cities []string
	seen := map[string]bool{}
	for _, c := range r.Choices[0].Message.ToolCalls() {
		var args struct{ City, Unit string }
		if err := json.Unmarshal([]byte(c.Arguments), &args); err != nil {
			t.Errorf("the arguments %q are not a JSON object: %v", c.Arguments, err)
		}
		if c.Name != "get_weather" || c.ID == "" || seen[c.ID] {
			t.Errorf("the call %+v needs an offered name and an id of its own", c)
		}
		seen[c.ID] = true
		cities = append(cities, args.City)
	}
	return cities
}

func checkToolCall(t testing.TB, s *subject) {
	for _, stream := range []bool{false, s.can(model.CanStream)} {
		req := s.weather("What is the weather in Paris?")
		req.Stream = stream
		r := s.ask(t, req)
		cities := calls(t, r)
		s.wantStop(t, r, model.StopToolUse)
		if len(cities) == 0 || s.Scripted && (len(cities) != 1 || cities[0] != "Paris") {
			t.Errorf("stream %t: called for %q, want a call for Paris (parts: %s)", stream, cities, parts(r))
		}
	}
}

// answerCalls returns the conversation with every call of r answered.
func answerCalls(req *model.Request, r *model.Response, failed bool, text func(i int) string) *model.Request {
	results := model.Message{Role: model.RoleUser}
	for i, c := range r.Choices[0].Message.ToolCalls() {
		results.Parts = append(results.Parts, &model.ToolResult{
			CallID: c.ID, Error: failed, Content: []model.Part{&model.Text{Text: text(i)}},
		})
	}
	next := *req
	next.Messages = append(append([]model.Message(nil), req.Messages...), r.Choices[0].Message, results)
	return &next
}

func checkToolRoundTrip(t testing.TB, s *subject) {
	req := s.weather("What is the weather in Paris?")
	first := s.ask(t, req)
	if len(calls(t, first)) == 0 {
		t.Fatal("the model did not call the tool")
	}
	r := s.ask(t, answerCalls(req, first, false, func(int) string { return "18 degrees and sunny" }))
	s.wantText(t, r, "The tools answered: 18 degrees and sunny")
	s.wantStop(t, r, model.StopEnd)
}

func checkToolError(t testing.TB, s *subject) {
	req := s.weather("What is the weather in Paris?")
	first := s.ask(t, req)
	r := s.ask(t, answerCalls(req, first, true, func(int) string { return "no such city" }))
	if text := answerText(r); text == "" || s.Scripted && !strings.Contains(text, "no such city") {
		t.Errorf("the answer to a failed call is %q", text)
	}
}

func checkToolNone(t testing.TB, s *subject) {
	req := s.weather("What is the weather in Paris?")
	req.ToolChoice.Mode = model.ChoiceNone
	r := s.ask(t, req)
	if n := len(r.Choices[0].Message.ToolCalls()); n != 0 {
		t.Errorf("the model made %d calls although none were allowed", n)
	}
	s.wantStop(t, r, model.StopEnd)
}

func checkToolForced(t testing.TB, s *subject) {
	for _, choice := range []model.ToolChoice{
		{Mode: model.ChoiceRequired}, {Mode: model.ChoiceNamed, Name: "get_weather"},
	} {
		req := s.say("Say hello to Ada")
		req.Tools, req.ToolChoice = []model.Tool{weatherTool()}, choice
		r := s.ask(t, req)
		if n := len(calls(t, r)); n == 0 {
			t.Errorf("tool choice %q: no call was made (parts: %s)", choice.Mode, parts(r))
		}
	}
}

func checkParallelTools(t testing.TB, s *subject) {
	for _, stream := range []bool{false, s.can(model.CanStream)} {
		req := s.weather("What is the weather in Paris and London?")
		req.Stream = stream
		first := s.ask(t, req)
		cities := calls(t, first)
		if len(cities) == 0 || s.Scripted && (len(cities) != 2 || cities[0] != "Paris" || cities[1] != "London") {
			t.Fatalf("stream %t: called for %q, want Paris and London", stream, cities)
		}
		r := s.ask(t, answerCalls(req, first, false, func(i int) string { return []string{"sun", "rain"}[i%2] }))
		s.wantText(t, r, "The tools answered: sun; rain")
	}
}

func checkSerialTools(t testing.TB, s *subject) {
	req := s.weather("What is the weather in Paris and London?")
	req.ParallelTools = ptr(false)
	if cities := calls(t, s.ask(t, req)); len(cities) > 1 || s.Scripted && len(cities) != 1 {
		t.Errorf("called for %q, want one call at a time", cities)
	}
}
