//go:build windows

package program

// bound does nothing: the watch holds the process to its limits, and the
// parent ends it in the end.
func bound(Limits) error { return nil }
