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
	asked []string
}

func (f *fake) Generate(_ context.Context, r *model.Request) (model.Stream, error) {
	f.asked = append(f.asked, r.Model)
	if f.err != nil && !f.late {
		return nil, f.err
	}
	return &stream{fake: f}, nil
}

func (f *fake) Models(context.Context) ([]model.Card, error) { return []model.Card{{ID: f.name}}, nil }

type embeds struct{ *fake }

func (e embeds) Embed(_ context.Context, r *model.EmbedRequest) (*model.EmbedResponse, error) {
	return &model.EmbedResponse{Model: r.Model}, e.err
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
			var targets []Target
			for i, f := range c.failures {
				fake := &fake{name: string(rune('a' + i))}
				if f != nil {
					fake.err = f
				}
				targets = append(targets, Target{Provider: fake, Model: "m" + fake.name})
			}
			p, e := New(targets)
			if e != nil {
				t.Fatal(e)
			}
			req := &model.Request{Model: "asked"}
			s, e := p.Generate(t.Context(), req)
			if e != nil {
				if got := model.AsError(e).Kind.String(); got != c.want {
					t.Errorf("got %v, want %q", e, c.want)
				}
				return
			}
			ev, _ := s.Next()
			if ev.Model != c.want || req.Model != "asked" {
				t.Errorf("%q answered, want %q; the request became %+v", ev.Model, c.want, req)
			}
			answered := targets[c.want[0]-'a'].Provider.(*fake)
			if answered.asked[0] != "m"+c.want || guard.Attempts(s) != int(c.want[0]-'a')+1 {
				t.Errorf("asked %q, attempts %d", answered.asked, guard.Attempts(s))
			}
		})
	}
}

func TestNeverAfterTheFirstEvent(t *testing.T) {
	t.Parallel()
	second := &fake{name: "b"}
	p, _ := New([]Target{{Provider: &fake{name: "a", late: true, err: err(model.UpstreamDown)}}, {Provider: second}})
	s, e := p.Generate(t.Context(), &model.Request{})
	if e != nil {
		t.Fatal(e)
	}
	if _, e := model.Collect(s); model.AsError(e).Kind != model.UpstreamDown || len(second.asked) != 0 {
		t.Errorf("%v; the second was asked %d times", e, len(second.asked))
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

func TestOptionalInterfaces(t *testing.T) {
	t.Parallel()
	a, b := embeds{&fake{name: "a", err: err(model.UpstreamDown)}}, embeds{&fake{name: "b"}}
	p, _ := New([]Target{{Provider: a, Model: "x"}, {Provider: b, Model: "y"}})
	e, ok := model.As[model.Embedder](p)
	if !ok {
		t.Fatal("Embedder is lost")
	}
	if got, e := e.Embed(t.Context(), &model.EmbedRequest{}); e != nil || got.Model != "y" {
		t.Errorf("%v, %v", got, e)
	}
	if l, ok := model.As[model.Lister](p); !ok {
		t.Error("the first candidate's Lister is lost")
	} else if cards, _ := l.Models(t.Context()); cards[0].ID != "a" {
		t.Error("another candidate's Lister")
	}
	mixed, _ := New([]Target{{Provider: &fake{}}, {Provider: b}})
	if _, ok := mixed.(model.Embedder); ok {
		t.Error("it embeds although a candidate cannot")
	}
	if _, e := New(nil); e == nil {
		t.Error("no candidates were accepted")
	}
}
