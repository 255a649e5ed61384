package modeltest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/model"
)

// patience bounds every wait of the suite. It is a bound for hopeless cases
// only: no check passes or fails by how long something takes below it.
const patience = 3 * time.Minute

func ptr[T any](v T) *T { return &v }

// say returns a request of one user text.
func (s *subject) say(text string) *model.Request {
	return s.talk(model.UserText(text))
}

func (s *subject) talk(messages ...model.Message) *model.Request {
	return &model.Request{Model: s.Model, Messages: messages, MaxTokens: ptr(512), Stream: s.can(model.CanStream)}
}

// events generates and returns all events, checked for their order.
func (s *subject) events(t testing.TB, req *model.Request) []model.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	stream, err := s.p.Generate(ctx, req)
	if err != nil {
		t.Fatalf("Generate: %v", err)
	}
	events, err := drain(stream)
	if err != nil {
		t.Fatalf("the stream broke after %d events: %v", len(events), err)
	}
	if err := CheckOrder(events); err != nil {
		t.Fatalf("the events are out of order: %v", err)
	}
	return events
}

// ask generates and collects.
func (s *subject) ask(t testing.TB, req *model.Request) *model.Response {
	t.Helper()
	resp, err := model.Collect(model.Events(s.events(t, req)...))
	if err != nil {
		t.Fatalf("Collect: %v", err)
	}
	if len(resp.Choices) == 0 {
		t.Fatalf("the answer has no choice: %#v", resp)
	}
	return resp
}

// drain reads a stream to its end and closes it.
func drain(stream model.Stream) ([]model.Event, error) {
	defer stream.Close()
	var events []model.Event
	for {
		ev, err := stream.Next()
		if errors.Is(err, io.EOF) {
			return events, nil
		}
		if err != nil {
			return events, err
		}
		events = append(events, ev)
	}
}

// fails generates, expects an error before or in the stream, and returns it
// with the events before it. Every error must be a *model.Error.
func (s *subject) fails(t testing.TB, req *model.Request) ([]model.Event, *model.Error, bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	stream, err := s.p.Generate(ctx, req)
	before := err != nil
	var events []model.Event
	if err == nil {
		events, err = drain(stream)
	}
	var e *model.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v (%T) after %d events, want a *model.Error", err, err, len(events))
	}
	return events, e, before
}

// answerText is the text of the first choice.
func answerText(r *model.Response) string { return r.Choices[0].Message.Text() }

// wantStop checks why the first choice ended.
func (s *subject) wantStop(t testing.TB, r *model.Response, want model.StopReason) {
	t.Helper()
	if got := r.Choices[0].Stop; got != want && !(want == model.StopEnd && s.ended(got)) {
		t.Errorf("the answer ended with %q, want %q", got, want)
	}
}

// ended reports whether an answer ended as it may: by itself, or for a model
// that may ramble, by its bound.
func (s *subject) ended(stop model.StopReason) bool {
	return stop == model.StopEnd || !s.Scripted && stop == model.StopMaxTokens
}

// wantText checks the first choice's text: exactly for a scripted subject, else
// only that there is some.
func (s *subject) wantText(t testing.TB, r *model.Response, want string) {
	t.Helper()
	got := answerText(r)
	if s.Scripted && got != want {
		t.Errorf("the answer is %q, want %q", got, want)
	}
	if got == "" {
		t.Error("the answer has no text")
	}
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("after %v still not: %s", patience, what)
		}
		<-tick.C
	}
}

// within runs f and fails when it does not return.
func within(t testing.TB, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("did not return within %v: %s", patience, what)
	}
}

func parts(r *model.Response) string {
	var s string
	for _, p := range r.Choices[0].Message.Parts {
		s += fmt.Sprintf("%T ", p)
	}
	return s
}
