package driver_test

import (
	"context"
	"sync/atomic"

	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/model"
)

// slow blocks until its call is cancelled, or answers once it may.
type slow struct {
	begun  chan struct{}
	answer atomic.Bool
}

func (s *slow) Ask(ctx context.Context, _ driver.Asker, _ *model.Request) (*driver.Answer, error) {
	if s.answer.Load() {
		return answer(model.AssistantText("at last")), nil
	}
	s.begun <- struct{}{}
	<-ctx.Done()
	return nil, ctx.Err()
}
