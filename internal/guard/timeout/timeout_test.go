package timeout

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/craton-ai/craton/internal/guard"
	"github.com/craton-ai/craton/internal/model"
)

// paced makes events after pauses, until it is closed or cancelled.
type paced struct{ pauses []time.Duration }

func (p paced) Generate(ctx context.Context, _ *model.Request) (model.Stream, error) {
	return &pacedStream{ctx: ctx, pauses: p.pauses, closed: make(chan struct{})}, nil
}

type pacedStream struct {
	ctx    context.Context
	pauses []time.Duration
	closed chan struct{}
}

func (s *pacedStream) Next() (model.Event, error) {
	if len(s.pauses) == 0 {
		return model.Event{}, io.EOF
	}
	pause := time.NewTimer(s.pauses[0])
	defer pause.Stop()
	s.pauses = s.pauses[1:]
	select {
	case <-pause.C:
		return model.Event{Kind: model.EventPing}, nil
	case <-s.ctx.Done():
		return model.Event{}, s.ctx.Err()
	}
}
func (s *pacedStream) Close() error { return nil }

func TestBounds(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		pauses []time.Duration
		events int
		says   string
	}{
		{"in time", []time.Duration{9 * time.Second, 4 * time.Second, 4 * time.Second}, 3, ""},
		{"never begins", []time.Duration{11 * time.Second}, 0, "did not begin"},
		{"pauses", []time.Duration{time.Second, 4 * time.Second, 6 * time.Second}, 2, "paused"},
		{"goes on and on", []time.Duration{9 * time.Second, 4 * time.Second, 4 * time.Second, 4 * time.Second}, 3, "took too long"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := New(Bounds{FirstEvent: 10 * time.Second, Idle: 5 * time.Second, Total: 20 * time.Second, Now: time.Now})
				n := 0
				s, err := guard.Wrap(paced{c.pauses}, g).Generate(t.Context(), &model.Request{})
				for err == nil {
					if _, err = s.Next(); err == nil {
						n++
					}
				}
				if errors.Is(err, io.EOF) {
					err = nil
				}
				if n != c.events || (err == nil) != (c.says == "") {
					t.Fatalf("%d events, then %v", n, err)
				}
				if err != nil && (model.AsError(err).Kind != model.Timeout || !strings.Contains(err.Error(), c.says)) {
					t.Errorf("got %v, want a timeout that says %q", err, c.says)
				}
			})
		})
	}
}

// TestTheCallersDeadline: it is a timeout like the guard's own, not the client's
// cancellation.
func TestTheCallersDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		g := New(Bounds{FirstEvent: 10 * time.Second, Now: time.Now})
		_, err := guard.Wrap(paced{[]time.Duration{time.Minute}}, g).Generate(ctx, &model.Request{})
		if e := model.AsError(err); e == nil || e.Kind != model.Timeout {
			t.Errorf("got %v", err)
		}
	})
}

func TestASlowReaderIsNotTheUpstreamsFault(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := New(Bounds{Idle: 5 * time.Second, Now: time.Now})
		s, err := guard.Wrap(paced{[]time.Duration{time.Second, time.Second}}, g).Generate(t.Context(), &model.Request{})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			<-time.After(time.Minute)
			if _, err := s.Next(); err != nil {
				t.Fatalf("the reader's own pause counted: %v", err)
			}
		}
		s.Close()
	})
}

func TestRelayedBodiesAreTimed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := New(Bounds{Idle: 5 * time.Second, Now: time.Now})
		reader, writer := io.Pipe()
		got, err := guard.Do(t.Context(), g, func(context.Context) (*model.Relayed, error) {
			return &model.Relayed{Status: 200, Body: reader}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		go writer.Write([]byte("hello"))
		text, err := io.ReadAll(got.Body)
		if string(text) != "hello" || model.AsError(err).Kind != model.Timeout {
			t.Errorf("read %q, %v", text, err)
		}
		ended, _ := guard.Do(t.Context(), g, func(context.Context) (*model.Relayed, error) {
			return &model.Relayed{Status: 200, Body: io.NopCloser(strings.NewReader("all"))}, nil
		})
		if text, err := io.ReadAll(ended.Body); string(text) != "all" || err != nil {
			t.Errorf("read %q, %v", text, err)
		}
	})
}

func TestTheContextLivesAsLongAsTheStream(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var inner context.Context
		g := New(Bounds{FirstEvent: time.Second, Total: time.Minute})
		s, err := guard.Do(t.Context(), g, func(ctx context.Context) (model.Stream, error) {
			inner = ctx
			return model.Events(model.Event{Kind: model.EventStart}), nil
		})
		if err != nil || inner.Err() != nil {
			t.Fatalf("%v, %v", err, inner.Err())
		}
		model.Collect(s)
		if inner.Err() == nil {
			t.Error("the context outlives the stream")
		}
	})
}
