package process

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Process is one child with everything it starts in turn. It is safe for
// concurrent use.
type Process struct {
	cmd *exec.Cmd
	log string
	// gone is closed when the child has ended.
	gone chan struct{}
}

// Start runs a command in a directory, which is also its home, with its output
// added to a file there.
func Start(dir, log string, env []string, name string, args ...string) (*Process, error) {
	log = filepath.Join(dir, log)
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	// Nothing of the caller's environment (proxies, keys) may reach a subject.
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LANG=C.UTF-8"}, env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that Stop reaches what it starts
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &Process{cmd: cmd, log: log, gone: make(chan struct{})}
	go func() {
		defer close(p.gone)
		_ = cmd.Wait() // how it ended is in its log
	}()
	return p, nil
}

// PID is the child's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Log is the file that the child writes to.
func (p *Process) Log() string { return p.log }

// Stop ends the child and everything it started: gently first, so that what it
// still has to write is written, and by force when it takes longer.
func (p *Process) Stop(patience time.Duration) {
	group := -p.cmd.Process.Pid
	_ = syscall.Kill(group, syscall.SIGTERM) // it may have ended already
	select {
	case <-p.gone:
	case <-time.After(patience):
	}
	_ = syscall.Kill(group, syscall.SIGKILL)
	<-p.gone
}

// Tail is the last line of the child's output that speaks of an error, or says
// that there is none: what servers say at their start may hold credentials.
func (p *Process) Tail() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	last := "no error in its output"
	for line := range strings.Lines(string(b)) {
		if strings.Contains(strings.ToLower(line), "error") {
			last = strings.TrimSpace(line)
		}
	}
	return last[:min(len(last), 400)]
}

// FreeAddress finds one on loopback on which nobody listens.
func FreeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// WaitFor calls ready every few milliseconds until it succeeds, the child ends,
// or time is up.
func (p *Process) WaitFor(ctx context.Context, patience time.Duration, ready func() error) error {
	deadline := time.Now().Add(patience)
	for {
		err := ready()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.gone:
			return fmt.Errorf("it ended: %s", p.Tail())
		case <-time.After(2 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not ready after %s: %w: %s", patience, err, p.Tail())
		}
	}
}
