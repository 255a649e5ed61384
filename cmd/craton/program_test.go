package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
)

// TestProgramsAtOnce: one program more than may run waits, and gives up when
// its time is over.
func TestProgramsAtOnce(t *testing.T) {
	t.Parallel()
	running, end := make(chan struct{}), make(chan struct{})
	refuse := atMost(0, time.Millisecond, nil)
	if _, err := refuse(t.Context(), "", nil); model.AsError(err) == nil || model.AsError(err).Kind != model.Overloaded || !strings.Contains(err.Error(), "0 at once") {
		t.Errorf("without a place a program gives %v", err)
	}
	run := atMost(1, time.Hour, func(context.Context, string, func(context.Context, int, string, string) (tool.Result, error)) (tool.Result, error) {
		running <- struct{}{}
		<-end
		return tool.Result{}, nil
	})
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { _, err := run(t.Context(), "", nil); first <- err }()
	<-running
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := run(over, "", nil); model.AsError(err) == nil || model.AsError(err).Kind != model.Canceled {
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
