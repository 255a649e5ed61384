package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
	"github.com/craton-ai/craton/internal/tool/program"
)

// programCommand is the child process that runs one program of a model's.
type programCommand struct{}

// Run speaks with the server on standard input and output.
func (programCommand) Run(s streams) error {
	if program.Main(s.in, s.out) != 0 {
		return errors.New("the program was not run to its end")
	}
	return nil
}

// programs runs what models write in children of this binary; nil where it
// cannot tell where it lies.
func programs() driver.Program {
	self, err := os.Executable()
	if err != nil {
		return nil
	}
	return atMost(maxPrograms, placeWait, (&program.Runner{Path: self, Args: []string{"program"}}).Run)
}

// maxPrograms is how many programs run at once: each is a process of its own,
// with up to [program.DefaultMemory].
const maxPrograms = 64

// placeWait is how long a program waits for its turn.
const placeWait = time.Minute

// atMost lets n programs run at once. Others wait for a while. One whose calls
// wait for people does not run: the driver parks it.
func atMost(n int, wait time.Duration, run driver.Program) driver.Program {
	places := make(chan struct{}, n)
	return func(ctx context.Context, code string, call func(context.Context, int, string, string) (tool.Result, error)) (tool.Result, error) {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case places <- struct{}{}:
			defer func() { <-places }()
			return run(ctx, code, call)
		case <-timer.C:
			return tool.Result{}, &model.Error{Kind: model.Overloaded, Op: "craton.program",
				Message: fmt.Sprintf("The program was not run: the server runs %d at once, and none of them ended within %s. Try again later.", n, wait)}
		case <-ctx.Done():
			return tool.Result{}, model.Wrap(model.Canceled, "craton.program", ctx.Err())
		}
	}
}
