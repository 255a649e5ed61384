package modeltest

import (
	"context"
	"errors"
	"testing"

	"github.com/craton-ai/craton/internal/model"
)

func releaseChecks() []check {
	stream := []model.Capability{model.CanStream}
	return []check{
		{name: "canceled_before", run: checkCanceledBefore},
		{name: "cancel_mid_stream", needs: stream, run: checkCancel},
		{name: "close_mid_stream", needs: stream, run: checkClose},
		{name: "close_beside_next", needs: stream, run: checkCloseBeside},
		{name: "close_unread", needs: stream, run: checkCloseUnread},
		{name: "close_after_end", run: checkCloseAfterEnd},
	}
}

func checkCanceledBefore(t testing.TB, s *subject) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	stream, err := s.p.Generate(ctx, s.say("Say hi"))
	if err == nil {
		_, err = drain(stream)
	}
	if e := model.AsError(err); e == nil || e.Kind != model.Canceled {
		t.Errorf("got %v, want the request to be cancelled", err)
	}
}

// longAsk asks for the long answer. Each check asks in words of its own, so
// that a recording can tell their calls apart.
func (s *subject) longAsk(t testing.TB) *model.Request {
	t.Helper()
	if s.Prompts.Long == "" {
		t.Skip("no prompt provokes a long answer")
	}
	return s.say(s.Prompts.Long + " (" + s.check + ")")
}

// long starts the long answer and reads to its first text.
func (s *subject) long(t testing.TB, ctx context.Context) model.Stream {
	t.Helper()
	stream, err := s.p.Generate(ctx, s.longAsk(t))
	if err != nil {
		t.Fatalf("Generate: %v", err)
	}
	for {
		ev, err := stream.Next()
		if err != nil {
			t.Fatalf("the long answer ended before its first text: %v", err)
		}
		if ev.Kind == model.EventDelta && ev.Text != "" {
			return stream
		}
	}
}

// patient returns a context that ends a hopeless wait.
func patient(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// released waits until the upstream is idle.
func (s *subject) released(t testing.TB) {
	t.Helper()
	if s.InFlight != nil {
		eventually(t, "the upstream is idle", func() bool { return s.InFlight() == 0 })
	}
}

func checkCancel(t testing.TB, s *subject) {
	noLeak(t, func() {
		ctx, cancel := context.WithCancel(patient(t))
		defer cancel()
		stream := s.long(t, ctx)
		defer stream.Close()
		cancel()
		var err error
		within(t, "Next after its context was cancelled", func() {
			for err == nil {
				_, err = stream.Next()
			}
		})
		var e *model.Error
		if !errors.As(err, &e) || e.Kind != model.Canceled {
			t.Errorf("a cancelled stream ended with %v, want an error of kind %q", err, model.Canceled)
		}
	})
	s.released(t)
}

func checkClose(t testing.TB, s *subject) {
	noLeak(t, func() {
		stream := s.long(t, patient(t))
		within(t, "Close", func() {
			for range 2 {
				if err := stream.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			}
		})
		if _, err := stream.Next(); err == nil {
			t.Error("Next still answers after Close")
		}
	})
	s.released(t)
}

// checkCloseBeside closes while Next blocks.
func checkCloseBeside(t testing.TB, s *subject) {
	noLeak(t, func() {
		stream := s.long(t, patient(t))
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for {
				if _, err := stream.Next(); err != nil {
					return
				}
			}
		}()
		if err := stream.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		within(t, "Next beside Close", func() { <-ended })
	})
	s.released(t)
}

func checkCloseUnread(t testing.TB, s *subject) {
	noLeak(t, func() {
		stream, err := s.p.Generate(patient(t), s.longAsk(t))
		if err != nil {
			t.Fatalf("Generate: %v", err)
		}
		within(t, "Close of an unread stream", func() { _ = stream.Close() })
	})
	s.released(t)
}

func checkCloseAfterEnd(t testing.TB, s *subject) {
	noLeak(t, func() {
		stream, err := s.p.Generate(patient(t), s.say("Say hi"))
		if err != nil {
			t.Fatalf("Generate: %v", err)
		}
		if _, err := drain(stream); err != nil {
			t.Fatal(err)
		}
		if err := stream.Close(); err != nil {
			t.Errorf("Close after the end: %v", err)
		}
		if ev, err := stream.Next(); err == nil {
			t.Errorf("Next after the end returned %+v", ev)
		}
	})
	s.released(t)
}
