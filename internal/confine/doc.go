// Package confine takes rights away from the calling process. It is for the
// child processes that run what nobody trusts: programs that a model wrote, and
// parsers of files that somebody uploaded.
//
// It guarantees that a process, once [Process] returned nil, is held to its
// limits by the kernel and, on Linux, can neither reach the file system nor the
// network, nor start or signal another process: Landlock and a seccomp filter
// see to it. Other systems set limits only (Unix), or nothing: what runs there
// must not offer files or a network itself.
//
// Example:
//
//	if err := confine.Process(confine.Limits{Memory: 256 << 20, Processor: time.Minute}); err != nil {
//		return err // nothing untrusted is run
//	}
package confine

import (
	"errors"
	"time"
)

// Limits bounds a process.
type Limits struct {
	// Memory bounds its data in bytes. The Go runtime's own needs are in it.
	Memory int64
	// Processor bounds the processor time of all its threads; a process that
	// passes it is killed. It is rounded up to seconds.
	Processor time.Duration
}

// Process holds the calling process to its limits, and gives up what a
// computation does not need. It cannot be undone, and holds for all threads. An
// error says what could not be had; the process may be half confined then, and
// should end.
func Process(l Limits) error { return errors.Join(bound(l), restrict()) }
