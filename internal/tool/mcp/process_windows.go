//go:build windows

package mcp

import "os/exec"

// group does nothing: Windows ends children one by one.
func group(*exec.Cmd) {}

// interrupt ends a process: Windows knows no polite way.
func interrupt(cmd *exec.Cmd) { _ = cmd.Process.Kill() }

// kill ends a process.
func kill(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
