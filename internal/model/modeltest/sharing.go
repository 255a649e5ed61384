package modeltest

import (
	"fmt"
	"reflect"
	"sync"
	"testing"

	"github.com/craton-ai/craton/internal/model"
)

func sharingChecks() []check {
	return []check{
		{name: "request_unmodified", run: checkUnmodified},
		{name: "concurrency", run: checkConcurrency},
	}
}

// rich is a request with everything a provider could be tempted to change.
func (s *subject) rich() *model.Request {
	req := s.say("Say hello")
	if s.can(model.CanTools) {
		req = s.weather("What is the weather in Paris?")
	}
	req.Messages = append([]model.Message{model.SystemText("Be brief.")}, req.Messages...)
	req.Stop = []string{"never"}
	req.Temperature = ptr(0.0)
	return req
}

func checkUnmodified(t testing.TB, s *subject) {
	for _, stream := range []bool{false, s.can(model.CanStream)} {
		req, want := s.rich(), s.rich()
		req.Stream, want.Stream = stream, stream
		s.ask(t, req)
		if !reflect.DeepEqual(req, want) {
			t.Errorf("stream %t: the request was modified:\n got %#v\nwant %#v", stream, req, want)
		}
	}
}

// checkConcurrency shares one provider and, in part, one request between
// goroutines; run it with the race detector.
func checkConcurrency(t testing.TB, s *subject) {
	shared, ctx := s.rich(), patient(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			text := fmt.Sprintf("number %d", i)
			for _, req := range []*model.Request{s.say("Say " + text), shared} {
				stream, err := s.p.Generate(ctx, req)
				if err != nil {
					t.Errorf("Generate: %v", err)
					return
				}
				r, err := model.Collect(stream)
				if err != nil || len(r.Choices) == 0 {
					t.Errorf("Collect: %v", err)
					return
				}
				if s.Scripted && req != shared && answerText(r) != text {
					t.Errorf("goroutine %d got %q, want %q: answers were mixed up", i, answerText(r), text)
				}
			}
		})
	}
	wg.Wait()
}
