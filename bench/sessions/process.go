package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is one child with everything it starts in turn.
type process struct {
	cmd *exec.Cmd
	log string
	// gone is closed when the child has ended.
	gone chan struct{}
}

// launch runs a command in a directory with a bare environment, its output in
// a file there.
func launch(dir string, env []string, name string, args ...string) (*process, error) {
	log := filepath.Join(dir, filepath.Base(name)+".log")
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	// Nothing of the caller's environment (proxies, keys) may reach a subject.
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LANG=C.UTF-8"}, env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that stop reaches what it starts
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, log: log, gone: make(chan struct{})}
	go func() {
		defer close(p.gone)
		_ = cmd.Wait() // how it ended is in its log
	}()
	return p, nil
}

// stop ends the child and everything it started: gently first, so that what
// it still has to write is written.
func (p *process) stop() {
	group := -p.cmd.Process.Pid
	_ = syscall.Kill(group, syscall.SIGTERM) // it may have ended already
	select {
	case <-p.gone:
	case <-time.After(30 * time.Second):
	}
	_ = syscall.Kill(group, syscall.SIGKILL)
	<-p.gone
}

// tail is the last of the child's output that speaks of an error, or that it
// is silent: what servers say at their start may hold credentials.
func (p *process) tail() string {
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

// freePort finds a port nobody listens on.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, errors.Join(err, l.Close())
}

// waitFor calls ready until it succeeds, the child ends, or time is up.
func (p *process) waitFor(ctx context.Context, patience time.Duration, ready func() error) error {
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
			return fmt.Errorf("it ended: %s", p.tail())
		case <-time.After(2 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not ready after %s: %w: %s", patience, err, p.tail())
		}
	}
}

// footprint is what a process holds.
type footprint struct {
	// rss is resident memory, anon the part that is not mapped files, both in bytes.
	rss, anon int64
	// files counts open descriptors.
	files int
}

// footprint reads it (proc_pid_status(5)).
func (p *process) footprint() (f footprint, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return f, err
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		kb, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64) // 0 where the field is not a size
		switch name {
		case "VmRSS":
			f.rss = kb << 10
		case "RssAnon":
			f.anon = kb << 10
		}
	}
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	f.files = len(fds)
	return f, err
}
