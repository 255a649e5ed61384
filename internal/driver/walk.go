package driver

import (
	"context"

	"github.com/craton-ai/craton/internal/agent"
)

// Walk folds a session's whole past and calls fn with everything that its
// journal tells, and the session as it was then, which fn must not keep. It
// costs as much as the session is long, and ends with fn's first error.
func (s *Sessions) Walk(ctx context.Context, tenant, id string, fn func(agent.Signal, *agent.State) error) error {
	head, err := s.head(ctx, tenant, id)
	if err != nil {
		return err
	}
	events, err := s.driver.config.Journal.History(ctx, head)
	if err != nil {
		return hide(err, id)
	}
	p := agent.NewProjector(agent.NewState())
	p.Partial = true
	for _, e := range events {
		read, err := s.driver.codec.Read(e)
		if err != nil {
			return hide(err, id)
		}
		told, err := p.Next(read)
		if err != nil {
			return err
		}
		for _, signal := range told {
			if err := fn(signal, p.State); err != nil {
				return err
			}
		}
	}
	return nil
}
