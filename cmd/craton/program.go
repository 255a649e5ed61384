package main

import (
	"errors"
	"os"

	"github.com/craton-ai/craton/internal/driver"
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
	return (&program.Runner{Path: self, Args: []string{"program"}}).Run
}
