package sqlite

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ErrInUse says that another process has the data directory.
var ErrInUse = errors.New("sqlite: the data directory is in use")

// lockName is the file whose lock is the right to the directory. The lock ends
// with the process, however it ends; the file stays.
const lockName = "craton.lock"

type lock struct{ file *os.File }

// takeLock takes the directory or says who has it.
func takeLock(dir string) (*lock, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("sqlite: lock file: %w", err)
	}
	locked, err := tryLock(f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("sqlite: lock %s: %w", f.Name(), err), f.Close())
	}
	if !locked {
		holder, _ := io.ReadAll(io.LimitReader(f, 32))
		who := "another process"
		if pid := strings.TrimSpace(string(holder)); pid != "" {
			who = "process " + pid
		}
		return nil, errors.Join(fmt.Errorf("%w: %s has %s open; stop it, or give this one a directory of its own",
			ErrInUse, who, dir), f.Close())
	}
	// Who has it is only for the message above: a failure is no reason to stop.
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return &lock{file: f}, nil
}

// release gives the directory up. Closing alone would not do: a child process
// that is being started holds a copy of the file until it runs.
func (l *lock) release() error { return errors.Join(unlock(l.file), l.file.Close()) }
