package fallback

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/guard"
	"github.com/craton-ai/craton/internal/model"
)

// fake answers with err, or with its name; late fails after the first event.
type fake struct {
	name  string
	err   error
	late  bool
	asked int
}

func (f *fake) Generate(context.Context, *model.Request) (model.Stream, error) {
	f.asked++
	if f.err != nil && !f.late {
		return nil, f.err
	}
	return &stream{fake: f}, nil
}

// ask asks fakes in order.
func ask(ctx context.Context, fakes ...*fake) (model.Stream, int, error) {
	return Do(ctx, len(fakes), func(ctx context.Context, i int) (model.Stream, error) { return fakes[i].Generate(ctx, nil) })
}

type stream struct {
	*fake
	n int
}

func (s *stream) Next() (model.Event, error) {
	if s.n++; s.n == 1 {
		return model.Event{Kind: model.EventStart, Model: s.name}, nil
	}
	return model.Event{}, s.err
}
func (s *stream) Close() error { return nil }

func err(kind model.Kind) *model.Error { return model.Errorf(kind, "", "of kind %v", kind) }

func TestMovesOn(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name     string
		failures []*model.Error
		want     string // who answers, else the kind
	}{
		{"first answers", []*model.Error{nil, nil}, "a"},
		{"down, then answers", []*model.Error{err(model.UpstreamDown), nil}, "b"},
		{"our credential is refused", []*model.Error{err(model.UpstreamDenied), err(model.ModelNotFound), nil}, "c"},
		{"the client's mistake ends it", []*model.Error{err(model.Invalid), nil}, "invalid request"},
		{"the content filter ends it", []*model.Error{err(model.ContentFiltered), nil}, "content filtered"},
		{"a later final error is told", []*model.Error{err(model.UpstreamDown), err(model.ContextLength), nil}, "context length exceeded"},
		{"all fail: the first is told", []*model.Error{err(model.RateLimited), err(model.UpstreamDenied)}, "rate limited"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var fakes []*fake
			for i, f := range c.failures {
				fake := &fake{name: string(rune('a' + i))}
				if f != nil {
					fake.err = f
				}
				fakes = append(fakes, fake)
			}
			s, i, e := ask(t.Context(), fakes...)
			if e != nil {
				if got := model.AsError(e).Kind.String(); got != c.want {
					t.Errorf("got %v, want %q", e, c.want)
				}
				return
			}
			ev, _ := s.Next()
			if ev.Model != c.want || i != int(c.want[0]-'a') {
				t.Errorf("%q answered as number %d, want %q", ev.Model, i, c.want)
			}
			for j, f := range fakes {
				if asked := f.asked == 1; asked != (j <= i) {
					t.Errorf("%s was asked %d times", f.name, f.asked)
				}
			}
		})
	}
}

func TestNeverAfterTheFirstEvent(t *testing.T) {
	t.Parallel()
	second := &fake{name: "b"}
	s, _, e := ask(t.Context(), &fake{name: "a", late: true, err: err(model.UpstreamDown)}, second)
	if e != nil {
		t.Fatal(e)
	}
	if _, e := model.Collect(s); model.AsError(e).Kind != model.UpstreamDown || second.asked != 0 {
		t.Errorf("%v; the second was asked %d times", e, second.asked)
	}
}

func TestVerdictKeepsEveryCause(t *testing.T) {
	t.Parallel()
	first, second := err(model.RateLimited), err(model.Overloaded)
	first.RetryAfter, second.RetryAfter = time.Minute, time.Second
	_, _, e := Do(t.Context(), 2, func(_ context.Context, i int) (int, error) { return 0, []error{first, second}[i] })
	got := model.AsError(e)
	if got.Kind != model.RateLimited || got.RetryAfter != time.Second || guard.Attempts(e) != 2 {
		t.Errorf("%+v", got)
	}
	if !strings.Contains(e.Error(), "overloaded") {
		t.Errorf("%v does not tell of the second", e)
	}
	if first.RetryAfter != time.Minute {
		t.Error("the upstream's error was changed")
	}
}

func TestStopsWhenTheClientIsGone(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	_, _, e := Do(ctx, 3, func(context.Context, int) (int, error) {
		calls++
		cancel()
		return 0, err(model.UpstreamDown)
	})
	if calls != 1 || e == nil {
		t.Errorf("%d calls, %v", calls, e)
	}
}
