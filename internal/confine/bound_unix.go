//go:build unix

package confine

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// bound has the kernel hold the process to its limits.
func bound(l Limits) error {
	seconds := uint64((l.Processor + time.Second - 1) / time.Second)
	memory := uint64(l.Memory)
	for _, r := range []struct {
		what       string
		which      int
		soft, hard uint64
	}{
		{"processor time", unix.RLIMIT_CPU, seconds, seconds},
		{"memory", unix.RLIMIT_DATA, memory, memory},
		{"files", unix.RLIMIT_FSIZE, 0, 0},
		{"open files", unix.RLIMIT_NOFILE, 16, 16},
		{"core files", unix.RLIMIT_CORE, 0, 0},
	} {
		if err := unix.Setrlimit(r.which, &unix.Rlimit{Cur: r.soft, Max: r.hard}); err != nil {
			return fmt.Errorf("confine: limit of %s: %w", r.what, err)
		}
	}
	return nil
}
