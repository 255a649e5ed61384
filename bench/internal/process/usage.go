package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Usage is what processes used so far.
type Usage struct {
	// CPU is processor time, that of children which ended included.
	CPU time.Duration
	// RSS is resident memory, Anon the part that is not mapped files, both in bytes.
	RSS, Anon int64
	// Files counts open descriptors.
	Files int
}

// tick is the unit of /proc's processor times: USER_HZ, 100 on every Linux.
const tick = 10 * time.Millisecond

// Used sums over the child and its descendants.
func (p *Process) Used() (Usage, error) {
	pid := p.cmd.Process.Pid
	parents, err := processTable()
	if err != nil {
		return Usage{}, err
	}
	if _, ok := parents[pid]; !ok {
		return Usage{}, fmt.Errorf("process %d is gone", pid)
	}
	var sum Usage
	for id := range parents {
		if !descends(parents, id, pid) {
			continue
		}
		u, err := usedBy(id)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // ended meanwhile
		}
		if err != nil {
			return Usage{}, err
		}
		sum.CPU, sum.RSS, sum.Anon, sum.Files = sum.CPU+u.CPU, sum.RSS+u.RSS, sum.Anon+u.Anon, sum.Files+u.Files
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
func usedBy(pid int) (u Usage, err error) {
	stat, err := statOf(pid)
	if err != nil {
		return u, err
	}
	for _, field := range stat[11:15] { // utime, stime, and those of children that ended
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return u, err
		}
		u.CPU += time.Duration(n) * tick
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
			u.RSS = kb << 10
		case "RssAnon":
			u.Anon = kb << 10
		}
	}
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	u.Files = len(fds)
	return u, err
}
