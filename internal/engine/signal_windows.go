//go:build windows

package engine

import "os/exec"

// interrupt ends a process: Windows knows no polite way.
func interrupt(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
