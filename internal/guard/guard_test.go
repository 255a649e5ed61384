package guard

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/model"
)

// chatOnly generates; full also embeds, relays, counts and lists.
type chatOnly struct{ events []model.Event }

func (c chatOnly) Generate(context.Context, *model.Request) (model.Stream, error) {
	return model.Events(c.events...), nil
}

type full struct {
	chatOnly
	status int
}

func (full) Embed(context.Context, *model.EmbedRequest) (*model.EmbedResponse, error) {
	return &model.EmbedResponse{Model: "e"}, nil
}

func (f full) Relay(context.Context, *model.Exchange) (*model.Relayed, error) {
	return &model.Relayed{Status: f.status, Header: http.Header{"Retry-After": {"1.5"}}, Body: io.NopCloser(strings.NewReader("body"))}, nil
}

func (full) CountTokens(context.Context, *model.Request) (int64, error) { return 42, nil }
func (full) Models(context.Context) ([]model.Card, error)               { return nil, nil }

// spy notes the outcomes a guard sees.
type spy struct{ errs []error }

func (s *spy) Around(ctx context.Context, call Call) (any, error) {
	v, err := call(ctx)
	s.errs = append(s.errs, err)
	return v, err
}

func TestWrapForwardsOptionalInterfaces(t *testing.T) {
	t.Parallel()
	s := &spy{}
	w := Wrap(full{status: 200}, Chain(nil, s, &spy{}))
	e, ok := model.As[model.Embedder](w)
	if !ok {
		t.Fatal("Embedder is lost")
	}
	if got, err := e.Embed(t.Context(), nil); err != nil || got.Model != "e" || len(s.errs) != 1 {
		t.Errorf("embed: %v, %v, guarded %d times", got, err, len(s.errs))
	}
	c, ok := model.As[model.TokenCounter](w)
	if n, err := c.CountTokens(t.Context(), nil); !ok || n != 42 || err != nil {
		t.Errorf("count: %d, %v", n, err)
	}
	if _, ok := model.As[model.Lister](w); !ok {
		t.Error("Lister is lost")
	}
	if r, ok := model.As[model.Relay](w); !ok {
		t.Error("Relay is lost")
	} else if _, err := r.Relay(t.Context(), nil); err != nil || len(s.errs) != 2 {
		t.Errorf("relay: %v, guarded %d times", err, len(s.errs))
	}
	plain := Wrap(chatOnly{}, s)
	if _, ok := model.As[model.Embedder](plain); ok {
		t.Error("a wrapped chat model claims to embed")
	}
	if _, ok := model.As[model.Relay](plain); ok {
		t.Error("a wrapped provider claims to relay")
	}
}

func TestRelayedStatusIsJudgedButPassedOn(t *testing.T) {
	t.Parallel()
	for status, kind := range map[int]model.Kind{429: model.RateLimited, 500: model.UpstreamDown, 529: model.Overloaded, 403: model.UpstreamDenied, 408: model.Timeout} {
		s := &spy{}
		r, _ := model.As[model.Relay](Wrap(full{status: status}, s))
		got, err := r.Relay(t.Context(), nil)
		if err != nil || got == nil || got.Status != status {
			t.Errorf("%d: answer %v, %v", status, got, err)
		}
		e := model.AsError(s.errs[0])
		if e == nil || e.Kind != kind || e.RetryAfter != 1500*time.Millisecond {
			t.Errorf("%d: the guard saw %v", status, s.errs[0])
		}
	}
	s := &spy{}
	r, _ := model.As[model.Relay](Wrap(full{status: 400}, s))
	if _, err := r.Relay(t.Context(), nil); err != nil || s.errs[0] != nil {
		t.Errorf("the client's own mistake is held against the upstream: %v", s.errs)
	}
}

// broken fails on its nth Next.
type broken struct {
	good   int
	closed int
}

func (b *broken) Next() (model.Event, error) {
	if b.good == 0 {
		return model.Event{}, model.Errorf(model.UpstreamDown, "", "gone")
	}
	b.good--
	return model.Event{Kind: model.EventPing}, nil
}
func (b *broken) Close() error { b.closed++; return nil }

func TestPeek(t *testing.T) {
	t.Parallel()
	dead := &broken{}
	if _, err := Peek(dead); model.AsError(err).Kind != model.UpstreamDown || dead.closed != 1 {
		t.Errorf("a stream that is dead from the start: %v, closed %d times", err, dead.closed)
	}
	late := &broken{good: 1}
	s, err := Peek(late)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := Peek(s); again != s {
		t.Error("a peeked stream was peeked again")
	}
	if ev, err := s.Next(); ev.Kind != model.EventPing || err != nil {
		t.Errorf("first event %v, %v", ev, err)
	}
	if _, err := s.Next(); err == nil {
		t.Error("the later error is lost")
	}
	empty, err := Peek(model.Events())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := empty.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("an empty stream ends with %v", err)
		}
	}
}

func TestAttempts(t *testing.T) {
	t.Parallel()
	v, _ := Count(model.Events(), nil, 3)
	v = OnEnd(v, func() {})
	v, _ = Count(v, nil, 2)
	if got := Attempts(v); got != 4 {
		t.Errorf("stream: %d, want 1 + 2 + 1", got)
	}
	_, err := Count(nil, errors.New("x"), 3)
	if got := Attempts(err); got != 3 {
		t.Errorf("error: %d, want 3", got)
	}
	if Attempts(model.Events()) != 1 || Attempts(errors.New("x")) != 1 {
		t.Error("an uncounted outcome took other than one call")
	}
}

func TestOnEnd(t *testing.T) {
	t.Parallel()
	ends := 0
	s := OnEnd(model.Events(model.Event{}), func() { ends++ }).(model.Stream)
	if s.Next(); ends != 0 {
		t.Error("ended too early")
	}
	if s.Next(); ends != 1 {
		t.Error("the end was missed")
	}
	r := OnEnd(&model.Relayed{Body: io.NopCloser(strings.NewReader("x"))}, func() { ends++ }).(*model.Relayed)
	if io.ReadAll(r.Body); ends != 2 {
		t.Error("the body's end was missed")
	}
	if OnEnd(7, func() { ends++ }); ends != 3 {
		t.Error("a plain value ends at once")
	}
}
