package modeltest

import (
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/model"
)

func limitChecks() []check {
	return []check{
		{name: "max_tokens", run: checkMaxTokens},
		{name: "stop_sequence", run: checkStopSequence},
		{name: "usage", run: checkUsage},
		{name: "usage_cached", needs: []model.Capability{model.CanCache}, run: checkCached},
	}
}

func checkMaxTokens(t testing.TB, s *subject) {
	for _, stream := range []bool{false, s.can(model.CanStream)} {
		req := s.say("Count to 100")
		req.MaxTokens, req.Stream = ptr(5), stream
		r := s.ask(t, req)
		s.wantStop(t, r, model.StopMaxTokens)
		s.wantText(t, r, "1, 2, 3, 4, 5,")
		if r.Usage.Output > 5 {
			t.Errorf("stream %t: %d tokens were made of the 5 allowed", stream, r.Usage.Output)
		}
	}
}

func checkStopSequence(t testing.TB, s *subject) {
	for _, stream := range []bool{false, s.can(model.CanStream)} {
		req := s.say("Count to 10")
		req.Stop, req.Stream = []string{"never this", " 5"}, stream
		r := s.ask(t, req)
		s.wantText(t, r, "1, 2, 3, 4,")
		if strings.Contains(answerText(r), " 5") {
			t.Errorf("stream %t: the answer %q goes beyond the stop sequence", stream, answerText(r))
		}
		if stop := r.Choices[0].Stop; stop != model.StopSequence && !s.ended(stop) {
			t.Errorf("stream %t: the answer ended with %q", stream, stop)
		}
	}
}

// checkUsage wants sane arithmetic: something read, something made, parts not
// above wholes, more read when more is said, the same streamed or not.
func checkUsage(t testing.TB, s *subject) {
	ask := func(text string, stream bool) model.Usage {
		req := s.say(text)
		req.Stream = stream
		u := s.ask(t, req).Usage
		switch {
		case u.Absent || u.Estimated:
			t.Errorf("stream %t: the upstream told no usage: %+v", stream, u)
		case u.Input <= 0 || u.Output <= 0:
			t.Errorf("stream %t: usage %+v counts nothing", stream, u)
		case min(u.CacheRead, u.CacheWrite5m, u.CacheWrite1h, u.Reasoning, u.AudioInput, u.AudioOutput) < 0:
			t.Errorf("stream %t: usage %+v is negative", stream, u)
		case u.Reasoning+u.AudioOutput > u.Output || u.AudioInput > u.InputTotal():
			t.Errorf("stream %t: usage %+v has parts above the whole", stream, u)
		}
		return u
	}
	short, whole := ask("Say hi", s.can(model.CanStream)), ask("Say hi", false)
	if short.InputTotal() != whole.InputTotal() {
		t.Errorf("streamed %d tokens were read, else %d", short.InputTotal(), whole.InputTotal())
	}
	long := ask("Say hi "+strings.Repeat("and hi again ", 20), false)
	if long.InputTotal() <= short.InputTotal() {
		t.Errorf("a long prompt read %d tokens, a short one %d", long.InputTotal(), short.InputTotal())
	}
	if s.Scripted && (short.Input != 2 || short.Output != 1) {
		t.Errorf("got %d and %d tokens, want 2 and 1: a word is a token", short.Input, short.Output)
	}
}

// checkCached wants a cached prefix to be counted apart from fresh input.
func checkCached(t testing.TB, s *subject) {
	system := model.SystemText("Here are many rules. " + strings.Repeat("Be kind and brief. ", 400))
	system.Parts = append(system.Parts, &model.CachePoint{})
	fresh := s.ask(t, s.talk(system, model.UserText("Say hi"))).Usage
	again := s.ask(t, s.talk(system, model.UserText("Say hi"), model.AssistantText("hi"), model.UserText("Say ho"))).Usage
	if s.Scripted && (fresh.CacheWrite5m != 1604 || fresh.Input != 2) {
		t.Errorf("the first turn used %+v, want 1604 tokens written to the cache and 2 fresh", fresh)
	}
	if s.Scripted && (again.CacheRead != 1604 || again.Input != 5) {
		t.Errorf("the second turn used %+v, want 1604 tokens read from the cache and 5 fresh", again)
	}
	if again.CacheRead+again.CacheWrite5m+again.CacheWrite1h == 0 {
		t.Errorf("usage %+v knows no cache", again)
	}
}
