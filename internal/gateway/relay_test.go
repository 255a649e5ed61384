package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/craton-ai/craton/internal/guard/meter"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/store/mem"
	"github.com/craton-ai/craton/internal/usage"
)

// relaying answers an exchange with a stream of lines a second apart, the last
// of which tells the usage.
type relaying struct{ lines int }

func (r relaying) Generate(context.Context, *model.Request) (model.Stream, error) {
	return nil, errors.New("the slow lane is not under test")
}

func (r relaying) Relay(ctx context.Context, _ *model.Exchange) (*model.Relayed, error) {
	return &model.Relayed{Status: 200, Body: &lines{ctx: ctx, left: r.lines}}, nil
}

type lines struct {
	ctx  context.Context
	left int
}

func (l *lines) Read(p []byte) (int, error) {
	if l.left == 0 {
		return 0, io.EOF
	}
	select {
	case <-time.After(time.Second):
	case <-l.ctx.Done():
		return 0, l.ctx.Err()
	}
	if l.left--; l.left == 0 {
		return copy(p, "usage"), nil
	}
	return copy(p, strings.Repeat("x", 128)), nil
}

func (l *lines) Close() error { return nil }

// abandoned relays a stream whose client leaves after the first line, and
// returns the record of it.
func abandoned(t *testing.T, length int) usage.Record {
	t.Helper()
	var record usage.Record
	synctest.Test(t, func(t *testing.T) {
		store, n := mem.New(), 0
		m := meter.New(meter.Config{Store: store, Now: time.Now, NewID: func() string { n++; return fmt.Sprint(n) },
			Cost: func(*model.Card, model.Usage) (int64, bool) { return 0, false }})
		gw, err := New(t.Context(), Options{
			Upstreams: []Upstream{{Name: "u", Provider: relaying{length}, Dialects: []model.Dialect{model.DialectOpenAIChat},
				Cards: []model.Card{{ID: "m"}}}},
			Complete: func(c model.Card) model.Card { return c }, Guards: Guards{Meter: m}, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, leave := context.WithCancel(t.Context())
		lane, ok := gw.Lane(&Call{Dialect: model.DialectOpenAIChat, Principal: identity.Principal{Tenant: identity.Tenant{ID: "t"}}}, "m")
		if !ok {
			t.Fatal("the fast lane is closed")
		}
		passed, _, err := lane.Relay(ctx, &model.Exchange{Stream: true, Body: make([]byte, 400)}, Bound(Peeked{TextBytes: 400}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := passed.Body.Read(make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		leave()
		var told *model.Usage
		passed.Drain(func(p []byte) {
			if strings.HasPrefix(string(p), "usage") {
				told = &model.Usage{Input: 7, Output: 8}
			}
		})
		passed.Done(told, context.Canceled)
		if err := m.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		records, err := store.Records(t.Context(), usage.Filter{Tenant: "t"}, "", 0)
		if err != nil || len(records) != 1 {
			t.Fatal(records, err)
		}
		record = records[0]
	})
	return record
}

func TestAbandonedRelaysAreMetered(t *testing.T) {
	t.Parallel()
	r := abandoned(t, 2)
	if r.Tokens != (usage.Tokens{Input: 7, Output: 8}) || r.Estimated || r.Status != 499 {
		t.Errorf("the drain reached the usage: %+v", r)
	}
	r = abandoned(t, 60)
	if r.Tokens.Input != 100 || r.Tokens.Output < 2 || r.Tokens.Output > 4 || !r.Estimated || r.LatencyMs > 4000 {
		t.Errorf("the drain ended before the usage: %+v", r)
	}
}
