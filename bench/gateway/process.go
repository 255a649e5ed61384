package main

import (
	"bytes"
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

// start runs a command with a bare environment, its output in a file.
func start(log string, env []string, name string, args ...string) (*process, error) {
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = out, out
	// Nothing of the caller's environment (proxies, keys) may reach a subject.
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(log), "LANG=C.UTF-8"}, env...)
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
func (p *process) stop(patience time.Duration) {
	group := -p.cmd.Process.Pid
	_ = syscall.Kill(group, syscall.SIGTERM) // it may have ended already
	select {
	case <-p.gone:
	case <-time.After(patience):
	}
	_ = syscall.Kill(group, syscall.SIGKILL)
	<-p.gone
}

// tail is the end of the child's output, for error messages.
func (p *process) tail() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	b = bytes.Join(bytes.Fields(b), []byte(" "))
	return string(b[max(0, len(b)-400):])
}

// freePort finds a port nobody listens on.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
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
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not ready after %s: %w: %s", patience, err, p.tail())
		}
	}
}

// usageOf is what a process and its descendants used so far.
type usageOf struct {
	cpu time.Duration
	// rss is resident memory, anon the part that is not mapped files, both in bytes.
	rss, anon int64
	// files counts open descriptors.
	files int
}

// tick is the unit of /proc's processor times: USER_HZ, 100 on every Linux.
const tick = 10 * time.Millisecond

// used sums over the tree of processes below pid.
func used(pid int) (usageOf, error) {
	parents, err := processTable()
	if err != nil {
		return usageOf{}, err
	}
	if _, ok := parents[pid]; !ok {
		return usageOf{}, fmt.Errorf("process %d is gone", pid)
	}
	var sum usageOf
	for id := range parents {
		if !descends(parents, id, pid) {
			continue
		}
		u, err := usedBy(id)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // ended meanwhile
		}
		if err != nil {
			return usageOf{}, err
		}
		sum.cpu, sum.rss, sum.anon, sum.files = sum.cpu+u.cpu, sum.rss+u.rss, sum.anon+u.anon, sum.files+u.files
	}
	return sum, nil
}

func descends(parents map[int]int, id, ancestor int) bool {
	for id > 1 {
		if id == ancestor {
			return true
		}
		id = parents[id]
	}
	return false
}

// processTable maps every process to its parent.
func processTable() (map[int]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	parents := make(map[int]int, len(entries))
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := statOf(pid)
		if err != nil {
			continue // ended meanwhile
		}
		if parents[pid], err = strconv.Atoi(stat[1]); err != nil {
			return nil, err
		}
	}
	return parents, nil
}

// statOf returns the fields of /proc/PID/stat after the name, from the state on.
func statOf(pid int) ([]string, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, err
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) < 20 {
		return nil, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	return fields, nil
}

// usedBy reads one process (proc_pid_stat(5), proc_pid_status(5)).
func usedBy(pid int) (u usageOf, err error) {
	stat, err := statOf(pid)
	if err != nil {
		return u, err
	}
	for _, field := range stat[11:15] { // utime, stime, and those of children that ended
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return u, err
		}
		u.cpu += time.Duration(n) * tick
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return u, err
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		kb, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64) // 0 where the field is not a size
		switch name {
		case "VmRSS":
			u.rss = kb << 10
		case "RssAnon":
			u.anon = kb << 10
		}
	}
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	u.files = len(fds)
	return u, err
}
