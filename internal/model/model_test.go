package model_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/model"
)

func TestAsError(t *testing.T) {
	t.Parallel()
	own := model.Errorf(model.RateLimited, "key", "Too many requests.")
	for _, c := range []struct {
		err  error
		want model.Kind
	}{
		{fmt.Errorf("outer: %w", own), model.RateLimited},
		{fmt.Errorf("outer: %w", context.Canceled), model.Canceled},
		{context.DeadlineExceeded, model.Timeout},
		{io.ErrUnexpectedEOF, model.Internal},
	} {
		if got := model.AsError(c.err); got.Kind != c.want || !errors.Is(c.err, got) && !errors.Is(got, c.err) {
			t.Errorf("AsError(%v) = %v, want kind %v in the same chain", c.err, got, c.want)
		}
	}
	if model.AsError(nil) != nil {
		t.Error("AsError(nil) must be nil")
	}
}

func TestInternalTextStaysInside(t *testing.T) {
	t.Parallel()
	e := model.Wrap(model.Internal, "store.Open", errors.New("disk /secret/path is full"))
	if s := e.Public(); strings.Contains(s, "secret") || strings.Contains(s, "store.Open") || s == "" {
		t.Errorf("Public() = %q shows internals", s)
	}
	if s := e.Error(); !strings.Contains(s, "secret") || !strings.Contains(s, "store.Open") {
		t.Errorf("Error() = %q must tell the operator everything", s)
	}
}

func TestEveryKindHasAName(t *testing.T) {
	t.Parallel()
	for k := model.Internal; k <= model.NotReady; k++ {
		if strings.HasPrefix(k.String(), "kind ") {
			t.Errorf("kind %d has no name", k)
		}
		if p := (&model.Error{Kind: k}).Public(); p == "" {
			t.Errorf("kind %v has no public text", k)
		}
	}
}

type plain struct{}

func (plain) Generate(context.Context, *model.Request) (model.Stream, error) {
	return model.Events(), nil
}

type listing struct{ plain }

func (listing) Models(context.Context) ([]model.Card, error) { return nil, nil }

type wrapper struct{ model.Provider }

func (w wrapper) Unwrap() model.Provider { return w.Provider }

func TestAsFindsWrappedBehaviour(t *testing.T) {
	t.Parallel()
	if _, ok := model.As[model.Lister](wrapper{wrapper{listing{}}}); !ok {
		t.Error("As must look through wrappers")
	}
	if _, ok := model.As[model.Lister](wrapper{plain{}}); ok {
		t.Error("As found behaviour nobody has")
	}
}

func TestUsageSums(t *testing.T) {
	t.Parallel()
	u := model.Usage{Input: 1, CacheRead: 10, CacheWrite5m: 100, CacheWrite1h: 1000, Output: 10000, Reasoning: 7}
	if u.InputTotal() != 1111 || u.Total() != 11111 {
		t.Errorf("InputTotal %d, Total %d; want 1111 and 11111: reasoning is part of output", u.InputTotal(), u.Total())
	}
}

// lossy and wrapped are streams that tell losses, and that hide another one.
type lossy struct{ model.Stream }

func (lossy) Losses() []model.Loss { return []model.Loss{{Path: "seed"}} }

type wrapped struct{ model.Stream }

func (w wrapped) Unwrap() model.Stream { return w.Stream }

func TestLossesAreFoundInside(t *testing.T) {
	t.Parallel()
	if got := model.LossesOf(wrapped{wrapped{lossy{model.Events()}}}); len(got) != 1 || got[0].Path != "seed" {
		t.Errorf("got %v, want the inner stream's losses", got)
	}
	if got := model.LossesOf(wrapped{model.Events()}); got != nil {
		t.Errorf("got %v from a stream that lost nothing", got)
	}
}

// TestToolTitle names a vendor's tool for people as well as it can.
func TestToolTitle(t *testing.T) {
	t.Parallel()
	own := func(raw string) *model.Opaque {
		return &model.Opaque{Dialect: model.DialectOpenAIResponses, Raw: []byte(raw)}
	}
	for want, tool := range map[string]model.Tool{
		"look":           {Name: "look"},
		"search":         {Name: "search", Opaque: own(`{"type":"web_search"}`)},
		"web_search":     {Opaque: own(`{"type":"web_search"}`)},
		"without a name": {Opaque: own(`{"type":"` + strings.Repeat("x", 65) + `"}`)},
	} {
		if got := tool.Title(); got != want {
			t.Errorf("%+v is called %q", tool, got)
		}
	}
}
