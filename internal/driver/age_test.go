package driver_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/store/mem"
)

// counted is a store that counts what is asked of it.
type counted struct {
	*mem.Store
	calls, events, bytes atomic.Int64
}

func (c *counted) add(calls, events, size int) {
	c.calls.Add(int64(calls))
	c.events.Add(int64(events))
	c.bytes.Add(int64(size))
}

func (c *counted) Append(ctx context.Context, b session.Batch) error {
	c.add(1, len(b.Events), 0)
	return c.Store.Append(ctx, b)
}

func (c *counted) Head(ctx context.Context, tenant, id string) (session.Session, error) {
	c.add(1, 0, 0)
	return c.Store.Head(ctx, tenant, id)
}

func (c *counted) Read(ctx context.Context, tenant, id string, after uint64, limit int) ([]session.Event, error) {
	events, err := c.Store.Read(ctx, tenant, id, after, limit)
	size := 0
	for _, e := range events {
		size += len(e.Payload)
	}
	c.add(1, len(events), size)
	return events, err
}

func (c *counted) LoadSnapshot(ctx context.Context, tenant, id, fold string, seq uint64) (session.Snapshot, error) {
	s, err := c.Store.LoadSnapshot(ctx, tenant, id, fold, seq)
	c.add(1, 0, len(s.Body))
	return s, err
}

func (c *counted) SaveSnapshot(ctx context.Context, s session.Snapshot) error {
	c.add(1, 0, len(s.Body))
	return c.Store.SaveSnapshot(ctx, s)
}

// forgetful is echo with a small window, so that its context stays small.
type forgetful struct{}

func (forgetful) Ask(_ context.Context, _ driver.Asker, req *model.Request) (*driver.Answer, error) {
	return &driver.Answer{Model: "echo", Window: 100, Stream: model.Replay(&model.Response{
		Choices: []model.Choice{{Message: model.AssistantText("yes"), Stop: model.StopEnd}},
		Usage:   model.Usage{Input: int64(4 * len(req.Messages)), Output: 1},
	})}, nil
}

// TestTurnsDoNotAge: what a turn costs does not grow with the session's age.
// Each one is of a session that nobody drives any more, which costs most.
func TestTurnsDoNotAge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, forgetful{})
		c := &counted{Store: w.store}
		w.snapshots = c
		w.over(c)
		d, stop := w.node()
		defer stop()
		s := d.Sessions()
		id := create(t, s, agent.Definition{}, "hello").State.Session
		seq := func() uint64 {
			head, err := w.store.Head(t.Context(), "t1", id)
			if err != nil {
				t.Fatal(err)
			}
			return head.Seq
		}
		turn := func(n int) {
			if err := s.Send(t.Context(), driver.Input{Tenant: "t1", Session: id,
				Bodies: []agent.Body{&agent.Message{Messages: []model.Message{model.UserText(fmt.Sprint("question ", n))}}}}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(300 * time.Millisecond)
		}
		const turns = 120
		cost := func() [3]float64 {
			c.calls.Store(0)
			c.events.Store(0)
			c.bytes.Store(0)
			for n := range turns {
				turn(n)
			}
			return [3]float64{float64(c.calls.Load()) / turns, float64(c.events.Load()) / turns, float64(c.bytes.Load()) / turns}
		}
		for n := 0; seq() < 10; n++ {
			turn(n)
		}
		young, from := cost(), seq()
		for n := 0; seq() < 10_000; n++ {
			turn(n)
		}
		old := cost()
		t.Logf("store calls, events and bytes a turn: %.1f up to event %d, %.1f from event 10,000 on", young, from, old)
		for i, what := range []string{"calls of the store", "events", "bytes"} {
			if old[i] > 1.2*young[i] {
				t.Errorf("a turn takes %.1f %s at first and %.1f after 10,000 events", young[i], what, old[i])
			}
		}
		if _, err := s.Replay(t.Context(), "t1", id); err != nil {
			t.Error(err)
		}
	})
}
