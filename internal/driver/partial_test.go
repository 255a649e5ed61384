package driver_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/store/mem"
)

// halfway is a store that claims and renews what it is asked for, and fails of
// what else there might have been.
type halfway struct{ *mem.Store }

func (h halfway) Due(ctx context.Context, node session.Node, limit int) ([]session.Lease, error) {
	leases, err := h.Store.Due(ctx, node, limit)
	if err == nil {
		err = errFailing
	}
	return leases, err
}

func (h halfway) Renew(ctx context.Context, ttl time.Duration, leases ...session.Lease) ([]session.Lease, error) {
	held, err := h.Store.Renew(ctx, ttl, leases...)
	if err == nil {
		err = errFailing
	}
	return held, err
}

// TestWhatWasClaimedIsOurs: sessions that were claimed are driven, and leases that
// were renewed last, although an error came with them.
func TestWhatWasClaimedIsOurs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, echo{})
		w.leases, w.linger = halfway{w.store}, time.Hour
		d, stop := w.node()
		defer stop()
		v := create(t, d.Sessions(), agent.Definition{}, "hello")
		time.Sleep(time.Second)
		before, err := d.Sessions().Get(t.Context(), "t1", v.State.Session)
		if err != nil || before.State.Status() != agent.Idle || before.Head.Epoch != 1 {
			t.Fatalf("what was claimed is %s in epoch %d, %v", before.State.Status(), before.Head.Epoch, err)
		}
		time.Sleep(10 * time.Second) // five times what a lease lasts
		if err := d.Sessions().Send(t.Context(), driver.Input{Tenant: "t1", Session: v.State.Session,
			Bodies: []agent.Body{&agent.Message{Messages: []model.Message{model.UserText("again")}}}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		after, err := d.Sessions().Get(t.Context(), "t1", v.State.Session)
		if err != nil || after.State.Status() != agent.Idle || after.Head.Seq == before.Head.Seq || after.Head.Epoch != 1 {
			t.Errorf("what was renewed is %s in epoch %d, %v", after.State.Status(), after.Head.Epoch, err)
		}
	})
}

// lines is a log that may be written by several at once.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// TestHandOverIsNoFault: a finished turn whose handing over is cut short by the
// node's end is nothing to warn of, since the next node does it.
func TestHandOverIsNoFault(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, echo{})
		var log lines
		d, err := driver.New(driver.Config{
			Store:   driver.Store{Journals: w.store, Leases: w.store, Snapshots: w.store, Buffer: w.store, Index: w.store},
			Journal: w.journal, Models: echo{}, Node: "n", Now: time.Now, Poll: 20 * time.Millisecond, TTL: 2 * time.Second,
			Log: slog.New(slog.NewTextHandler(&log, nil)),
			Publish: func(ctx context.Context, _ string, _ *agent.State) error {
				<-ctx.Done()
				return context.Cause(ctx)
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { d.Run(ctx) })
		if _, err := d.Sessions().Create(t.Context(), driver.Creation{Tenant: "t1", Created: agent.Created{Mode: agent.Returning,
			Definition: agent.Definition{ID: "agent_1", Model: "echo"}}, Input: []model.Message{model.UserText("hello")}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		cancel()
		running.Wait()
		log.mu.Lock()
		defer log.mu.Unlock()
		if strings.Contains(log.b.String(), "handed over") {
			t.Errorf("the log says %s", &log.b)
		}
	})
}
