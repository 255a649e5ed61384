package main

import (
	"context"
	"testing"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
)

// TestProgramsAtOnce: one program more than may run waits, and gives up when
// its time is over.
func TestProgramsAtOnce(t *testing.T) {
	t.Parallel()
	running, end := make(chan struct{}), make(chan struct{})
	run := atMost(1, func(context.Context, string, func(context.Context, int, string, string) (tool.Result, error)) (tool.Result, error) {
		running <- struct{}{}
		<-end
		return tool.Result{}, nil
	})
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { _, err := run(t.Context(), "", nil); first <- err }()
	<-running
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := run(over, "", nil); model.AsError(err) == nil || model.AsError(err).Kind != model.Overloaded {
		t.Errorf("one too many gives %v", err)
	}
	go func() { _, err := run(t.Context(), "", nil); second <- err }()
	close(end)
	<-running
	if err := <-first; err != nil {
		t.Error(err)
	}
	if err := <-second; err != nil {
		t.Error(err)
	}
}
