//go:build unix

package engine

import (
	"os/exec"
	"syscall"
)

// interrupt asks a process to end. One that has ended already is fine.
func interrupt(cmd *exec.Cmd) { _ = cmd.Process.Signal(syscall.SIGTERM) }
