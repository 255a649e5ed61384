package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"time"
)

const (
	startTimeout = time.Minute
	stopTimeout  = 15 * time.Second
)

// crew is the servers that were started, in order.
type crew struct{ members []*exec.Cmd }

// serves finds the address in what a server prints when it is ready.
var serves = regexp.MustCompile(`serves (https?://\S+)`)

// start runs one server in dir, with nothing of our environment that could
// change what it does, and returns its address once it is ready.
func (c *crew) start(ctx context.Context, bin, dir, config string, env []string, flags ...string) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	file := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return "", err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return "", err
	}
	defer log.Close()
	cmd := exec.Command(bin, append([]string{"serve", "--listen", "127.0.0.1:0", "--data", dir, "--config", file}, flags...)...)
	cmd.Env = append(env, "PATH="+os.Getenv("PATH"), "HOME="+dir)
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	c.members = append(c.members, cmd)
	ready := make(chan string, 1)
	go func() { // ends with the server, which closes its end of the pipe
		defer close(ready)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if m := serves.FindStringSubmatch(lines.Text()); m != nil {
				ready <- m[1]
			}
		}
	}()
	select {
	case url, ok := <-ready:
		if ok {
			return url, nil
		}
		said, _ := os.ReadFile(log.Name())
		return "", fmt.Errorf("the server of %s ended before it was ready: %s", filepath.Base(dir), said)
	case <-time.After(startTimeout):
		return "", fmt.Errorf("the server of %s was not ready in %s", filepath.Base(dir), startTimeout)
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// stop ends the servers, the last started first.
func (c *crew) stop() (err error) {
	for i := len(c.members) - 1; i >= 0; i-- {
		cmd := c.members[i]
		kill := time.AfterFunc(stopTimeout, func() { _ = cmd.Process.Kill() })
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		if e := cmd.Wait(); e != nil {
			err = errors.Join(err, fmt.Errorf("a server did not stop cleanly: %w", e))
		}
		kill.Stop()
	}
	return err
}
