package modeltest

import (
	"testing"

	"github.com/craton-ai/craton/internal/model"
)

func textChecks() []check {
	return []check{
		{name: "text", run: checkText},
		{name: "unstreamed", run: checkUnstreamed},
		{name: "unicode", run: checkUnicode},
		{name: "system", run: checkSystem},
		{name: "multi_turn", run: checkMultiTurn},
		{name: "streaming", needs: []model.Capability{model.CanStream}, run: checkStreaming},
		{name: "choices", run: checkChoices},
		{name: "logprobs", needs: []model.Capability{model.CanLogprobs}, run: checkLogprobs},
	}
}

func checkText(t testing.TB, s *subject) {
	r := s.ask(t, s.say("Say hello there."))
	s.wantText(t, r, "hello there")
	s.wantStop(t, r, model.StopEnd)
	if r.Choices[0].Message.Role != model.RoleAssistant {
		t.Errorf("the answer's role is %q", r.Choices[0].Message.Role)
	}
	if r.Model == "" {
		t.Error("the answer does not tell its model")
	}
}

func checkUnstreamed(t testing.TB, s *subject) {
	req := s.say("Say hello there.")
	req.Stream = false
	r := s.ask(t, req)
	s.wantText(t, r, "hello there")
	s.wantStop(t, r, model.StopEnd)
}

// checkUnicode sends what naive encoders break: quotes, backslashes, control
// and astral characters, HTML.
func checkUnicode(t testing.TB, s *subject) {
	const odd = "<b>\"quoted\" back\\slash & ünïcødé 日本語 🦊\ttab\nline \u2028 end"
	r := s.ask(t, s.say("Repeat: "+odd))
	s.wantText(t, r, odd)
}

func checkSystem(t testing.TB, s *subject) {
	r := s.ask(t, s.talk(model.SystemText("You are brief."), model.UserText("Say yes")))
	s.wantText(t, r, "yes")
}

func checkMultiTurn(t testing.TB, s *subject) {
	r := s.ask(t, s.talk(
		model.UserText("My name is Ada."),
		model.AssistantText("Hello Ada."),
		model.UserText("What is my name?"),
	))
	s.wantText(t, r, "Your name is Ada.")
}

// checkStreaming asks for an answer of several tokens and wants it in several deltas.
func checkStreaming(t testing.TB, s *subject) {
	events := s.events(t, s.say("Count to 10"))
	deltas := 0
	for _, ev := range events {
		if ev.Kind == model.EventDelta && ev.Text != "" {
			deltas++
		}
	}
	if deltas < 2 {
		t.Errorf("the answer came in %d deltas; a stream must not be held back", deltas)
	}
	r, err := model.Collect(model.Events(events...))
	if err != nil {
		t.Fatal(err)
	}
	s.wantText(t, r, "1, 2, 3, 4, 5, 6, 7, 8, 9, 10")
}

func checkChoices(t testing.TB, s *subject) {
	for _, stream := range []bool{false, s.can(model.CanStream)} {
		req := s.say("Say hello")
		req.N, req.Stream = 3, stream
		r := s.ask(t, req)
		if len(r.Choices) != 3 {
			t.Fatalf("stream %t: got %d answers, want 3", stream, len(r.Choices))
		}
		for i, ch := range r.Choices {
			if ch.Message.Text() == "" || !s.ended(ch.Stop) {
				t.Errorf("stream %t: answer %d is %q and ended with %q", stream, i, ch.Message.Text(), ch.Stop)
			}
		}
	}
}

func checkLogprobs(t testing.TB, s *subject) {
	for _, stream := range []bool{false, s.can(model.CanStream)} {
		req := s.say("Say one two three")
		req.Logprobs, req.TopLogprobs, req.Stream = true, ptr(2), stream
		r := s.ask(t, req)
		var text string
		for _, lp := range r.Choices[0].Logprobs {
			text += lp.Token
			if lp.Logprob > 0 || len(lp.Top) != 2 {
				t.Errorf("stream %t: token %q has log probability %v and %d alternatives, want at most 0 and 2",
					stream, lp.Token, lp.Logprob, len(lp.Top))
			}
		}
		if text != answerText(r) {
			t.Errorf("stream %t: the tokens make %q, the text is %q", stream, text, answerText(r))
		}
	}
}
