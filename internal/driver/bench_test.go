package driver_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/store/sqlite"
)

// BenchmarkTurn is a turn of one text answer on SQLite, from the input to the
// session's being idle, in a session that has had so many turns before.
func BenchmarkTurn(b *testing.B) {
	for _, age := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("age=%d", age), func(b *testing.B) { benchmarkTurn(b, age) })
	}
}

func benchmarkTurn(b *testing.B, age int) {
	store, err := sqlite.Open(b.Context(), b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	journal, err := session.New(session.Config{Store: store, Now: time.Now, Random: rand.Reader,
		ContentKey: func(context.Context, string) ([]byte, error) { return []byte("k"), nil }})
	if err != nil {
		b.Fatal(err)
	}
	d, err := driver.New(driver.Config{
		Store:   driver.Store{Journals: store, Leases: store, Snapshots: store, Buffer: store, Index: store, Hints: store},
		Journal: journal, Models: echo{}, Node: "bench", Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); d.Run(ctx) }()
	defer func() { cancel(); <-done }()
	s := d.Sessions()
	v, err := s.Create(b.Context(), driver.Creation{Tenant: "t1", Created: agent.Created{
		Definition: agent.Definition{ID: "agent_1", Model: "echo"}, Mode: agent.Parking}})
	if err != nil {
		b.Fatal(err)
	}
	tail, err := s.Tail(b.Context(), "t1", v.State.Session, "")
	if err != nil {
		b.Fatal(err)
	}
	defer tail.Close()
	turn := func() {
		err := s.Send(b.Context(), driver.Input{Tenant: "t1", Session: v.State.Session,
			Bodies: []agent.Body{&agent.Message{Messages: []model.Message{model.UserText("hello")}}}})
		if err != nil {
			b.Fatal(err)
		}
		for {
			told, err := tail.Next(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			if told.Kind == agent.SignalStatus && told.State.Status() == agent.Idle {
				return
			}
		}
	}
	for range age {
		turn()
	}
	for b.Loop() {
		turn()
	}
}
