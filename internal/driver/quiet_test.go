package driver_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/session"
)

// silent is a model that does not answer.
type silent struct{}

func (silent) Ask(ctx context.Context, _ driver.Asker, _ *model.Request) (*driver.Answer, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// countedBuffer is a buffer that counts what is read of it.
type countedBuffer struct {
	session.Buffer
	reads atomic.Int64
}

func (c *countedBuffer) ReadDeltas(ctx context.Context, tenant, id string, after session.EventID, limit int) ([]session.Delta, error) {
	c.reads.Add(1)
	return c.Buffer.ReadDeltas(ctx, tenant, id, after, limit)
}

// TestReadersOfAThinkingModel do not ask the store again and again for what its
// owner in the same process would tell them.
func TestReadersOfAThinkingModel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, silent{})
		buffer := &countedBuffer{Buffer: w.buffer}
		w.buffer = buffer
		d, stop := w.node()
		defer stop()
		v := create(t, d.Sessions(), agent.Definition{}, "think")
		tail, err := d.Sessions().Tail(t.Context(), "t1", v.State.Session, driver.FromStart)
		if err != nil {
			t.Fatal(err)
		}
		defer tail.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for err == nil {
			_, err = tail.Next(ctx)
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		if n := buffer.reads.Load(); n > 10 {
			t.Errorf("the store was asked %d times in a minute", n)
		}
	})
}
