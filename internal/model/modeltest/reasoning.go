package modeltest

import (
	"testing"

	"github.com/craton-ai/craton/internal/model"
)

func reasoningChecks() []check {
	think := []model.Capability{model.CanReason}
	return []check{
		{name: "reasoning", needs: think, run: checkReasoning},
		{name: "reasoning_round_trip", needs: []model.Capability{model.CanReason, model.CanTools}, run: checkReasoningReturns},
	}
}

func thinking(req *model.Request) *model.Request {
	req.MaxTokens = ptr(4096)
	req.Reasoning = &model.ReasoningConfig{Effort: "low", BudgetTokens: 1024, Mode: "enabled"}
	return req
}

func checkReasoning(t testing.TB, s *subject) {
	for _, stream := range []bool{false, s.can(model.CanStream)} {
		req := thinking(s.say("Say seven"))
		req.Stream = stream
		r := s.ask(t, req)
		s.wantText(t, r, "seven")
		first, ok := r.Choices[0].Message.Parts[0].(*model.Reasoning)
		if !ok {
			t.Fatalf("stream %t: the answer does not begin with thinking: %s", stream, parts(r))
		}
		if s.Scripted && first.Text != "I was asked: Say seven" {
			t.Errorf("stream %t: the thinking is %q", stream, first.Text)
		}
		if r.Usage.Reasoning > r.Usage.Output {
			t.Errorf("stream %t: %d of %d output tokens are thinking", stream, r.Usage.Reasoning, r.Usage.Output)
		}
	}
}

// checkReasoningReturns sends thinking back with the results of the calls it
// led to. A scripted subject refuses thinking that came back changed.
func checkReasoningReturns(t testing.TB, s *subject) {
	req := thinking(s.weather("What is the weather in Paris?"))
	first := s.ask(t, req)
	if len(calls(t, first)) == 0 {
		t.Fatal("the model did not call the tool")
	}
	r := s.ask(t, answerCalls(req, first, false, func(int) string { return "sun" }))
	s.wantText(t, r, "The tools answered: sun")
}
