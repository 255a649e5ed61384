package edgetest

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/gateway"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/session"
)

// drive makes a driver for the World's sessions.
func (w *World) drive(t testing.TB, journal *session.Journal, opts Options) *driver.Driver {
	t.Helper()
	publish := opts.Publish
	if publish == nil {
		publish = func(ctx context.Context, tenant string, s *agent.State) error {
			return w.Handler.PublishResponse(ctx, tenant, s)
		}
	}
	d, err := driver.New(driver.Config{
		Store:   driver.Store{Journals: w.Store, Leases: w.Store, Snapshots: w.Store, Buffer: w.Store, Index: w.Store, Hints: w.Store},
		Journal: journal, Models: asking{w}, Tools: opts.Tools, Node: "world", Now: w.Now,
		Log: slog.New(slog.DiscardHandler), Poll: 20 * time.Millisecond, Linger: 50 * time.Millisecond,
		Publish: publish,
	})
	check(t, err)
	return d
}

// keepDriving runs a driver until the test ends.
func keepDriving(t testing.TB, d *driver.Driver) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); d.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
}

// asking asks the World's models on behalf of sessions.
type asking struct{ w *World }

func (a asking) Ask(ctx context.Context, who driver.Asker, req *model.Request) (*driver.Answer, error) {
	principal, key, err := a.w.Directory.Holder(ctx, who.Tenant, who.Principal.Key)
	if err != nil {
		return nil, err
	}
	answer, err := a.w.Gateway.Generate(ctx, &gateway.Call{Principal: principal, Key: key, Dialect: model.DialectOpenAIAgents,
		Operation: "agents", RequestID: a.w.NewID(), Lasting: true}, req)
	if err != nil {
		return nil, err
	}
	return &driver.Answer{Stream: answer.Stream, Model: answer.Upstream + "/" + answer.Model, Window: int64(answer.Card.ContextTokens)}, nil
}
