package modeltest

import (
	"testing"

	"github.com/craton-ai/craton/internal/model"
)

func failureChecks() []check {
	return []check{
		{name: "error_before_first_byte", run: checkFail},
		{name: "error_kinds", run: checkFailKinds},
		{name: "error_mid_stream", needs: []model.Capability{model.CanStream}, run: checkFailLate},
		{name: "unknown_model", run: checkUnknownModel},
	}
}

func checkFail(t testing.TB, s *subject) {
	if s.Prompts.Fail == "" {
		t.Skip("no prompt provokes a rate limit")
	}
	for _, stream := range []bool{false, s.can(model.CanStream)} {
		req := s.say(s.Prompts.Fail)
		req.Stream = stream
		_, e, before := s.fails(t, req)
		if !before || e.Kind != model.RateLimited {
			t.Errorf("stream %t: got %v (before the first event: %t), want a rate limit from Generate", stream, e, before)
		}
		if s.Scripted && e.RetryAfter <= 0 {
			t.Errorf("stream %t: the error does not say when to return: %v", stream, e)
		}
		if e.Public() == "" {
			t.Errorf("stream %t: the error has nothing to say to the client", stream)
		}
	}
}

func checkFailKinds(t testing.TB, s *subject) {
	if !s.Scripted {
		t.Skip("only the script model fails to order")
	}
	for prompt, want := range map[string]func(*model.Error) bool{
		"fail 400":       func(e *model.Error) bool { return e.Kind == model.Invalid },
		"fail 500":       (*model.Error).Retryable,
		"fail 503":       (*model.Error).Retryable,
		"fail not_ready": (*model.Error).Retryable,
	} {
		if _, e, before := s.fails(t, s.say(prompt)); !before || !want(e) {
			t.Errorf("%s: got %v (before the first event: %t)", prompt, e, before)
		}
	}
}

func checkFailLate(t testing.TB, s *subject) {
	if s.Prompts.FailLate == "" {
		t.Skip("no prompt provokes an error in mid-stream")
	}
	events, e, before := s.fails(t, s.say(s.Prompts.FailLate))
	if before {
		t.Fatalf("Generate failed with %v, want an error in mid-stream", e)
	}
	r, err := model.Collect(model.Events(events...))
	if err != nil || len(r.Choices) == 0 || answerText(r) == "" {
		t.Errorf("before the error came %+v (%v), want some text", r, err)
	}
	if !e.Retryable() {
		t.Errorf("got %v, want a fault of the upstream", e)
	}
}

func checkUnknownModel(t testing.TB, s *subject) {
	req := s.say("Say hi")
	req.Model = "no-such-model"
	_, e, before := s.fails(t, req)
	if !before || e.Kind != model.ModelNotFound && e.Kind != model.NotFound && e.Kind != model.Invalid {
		t.Errorf("got %v (before the first event: %t), want the model to be unknown", e, before)
	}
}
