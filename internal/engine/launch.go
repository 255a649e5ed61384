package engine

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Ready is the one line a built-in child prints on its standard output: where
// it listens, or why it cannot run.
type Ready struct {
	Listen string `json:"listen,omitempty"`
	Error  string `json:"error,omitempty"`
}

// Process starts a child process. Its standard input stays open as long as the
// server lives, so that the child ends when the server does, however it does.
type Process struct {
	// Path and Args are the command.
	Path string
	Args []string
	// Stdin is the line written to the built-in child: its options with %s in
	// place of the token; unused with Command.
	Stdin func(token string) ([]byte, error)
	// Foreign says that the command is llama-server or compatible: it is told
	// host, port and key by flags and asked for /health.
	Foreign bool
	Log     *slog.Logger
}

// Launch starts the process and waits until it is ready.
func (p Process) Launch(ctx context.Context) (*Child, error) {
	var raw [24]byte
	_, _ = rand.Read(raw[:]) // never fails since Go 1.24
	token := hex.EncodeToString(raw[:])
	if p.Foreign {
		return p.foreign(ctx, token)
	}
	cmd := exec.Command(p.Path, p.Args...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	child, err := p.begin(cmd, token)
	if err != nil {
		return nil, err
	}
	line, err := p.Stdin(token)
	if err == nil {
		_, err = stdin.Write(append(line, '\n'))
	}
	var ready Ready
	if err == nil {
		ready, err = awaitLine(ctx, stdout, child)
	}
	if err == nil && ready.Error != "" {
		err = errors.New(ready.Error)
	}
	if err != nil {
		child.Stop()
		return nil, err
	}
	child.URL = "http://" + ready.Listen
	return child, nil
}

// awaitLine reads the child's line, or fails when the child or the wait ends.
func awaitLine(ctx context.Context, stdout io.Reader, child *Child) (Ready, error) {
	type result struct {
		ready Ready
		err   error
	}
	got := make(chan result, 1)
	go func() {
		var r result
		line, err := bufio.NewReader(stdout).ReadBytes('\n')
		if r.err = err; err == nil {
			r.err = json.Unmarshal(line, &r.ready)
		}
		got <- r
	}()
	select {
	case r := <-got:
		if errors.Is(r.err, io.EOF) {
			<-child.Done
			return Ready{}, child.Reason()
		}
		return r.ready, r.err
	case <-child.Done:
		return Ready{}, child.Reason()
	case <-ctx.Done():
		return Ready{}, fmt.Errorf("the engine was not ready in time: %w", ctx.Err())
	}
}

// foreign starts a llama-server compatible command on a free port.
func (p Process) foreign(ctx context.Context, token string) (*Child, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return nil, err
	}
	key, err := keyFile(token)
	if err != nil {
		return nil, err
	}
	defer os.Remove(key) // it was read by then, or never will be
	args := append(append([]string{}, p.Args...), "--host", "127.0.0.1", "--port", strconv.Itoa(port), "--api-key-file", key)
	child, err := p.begin(exec.Command(p.Path, args...), token)
	if err != nil {
		return nil, err
	}
	child.URL = fmt.Sprintf("http://127.0.0.1:%d", port)
	poll := time.NewTicker(100 * time.Millisecond)
	defer poll.Stop()
	for {
		if healthy(ctx, child.URL) {
			return child, nil
		}
		select {
		case <-poll.C:
		case <-child.Done:
			return nil, child.Reason()
		case <-ctx.Done():
			child.Stop()
			return nil, fmt.Errorf("%s was not ready in time: %w", p.Path, ctx.Err())
		}
	}
}

// keyFile writes the token where only this user can read it: the arguments of a
// process are for every user of the machine to see.
func keyFile(token string) (string, error) {
	f, err := os.CreateTemp("", "craton-engine-*.key") // 0600
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(token + "\n")
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

func healthy(ctx context.Context, base string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/health", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// stopGrace is how long a child may take to end after it was asked to.
const stopGrace = 5 * time.Second

// begin starts the command and watches its end.
func (p Process) begin(cmd *exec.Cmd, token string) (*Child, error) {
	tail := &lastLines{log: p.Log}
	cmd.Stderr = tail
	cmd.WaitDelay = stopGrace // a process of the child's own may hold its standard error open for longer
	cmd.Env = environment(os.Environ(), p.Foreign)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start the engine: %w", err)
	}
	done := make(chan struct{})
	var reason error
	go func() {
		err := cmd.Wait()
		reason = fmt.Errorf("the engine's process ended (%v): %s", err, tail)
		close(done)
	}()
	child := &Child{Token: token, Done: done, Reason: func() error { return reason }}
	child.Stop = sync.OnceFunc(func() {
		interrupt(cmd)
		timer := time.NewTimer(stopGrace)
		defer timer.Stop()
		select {
		case <-done:
		case <-timer.C:
			_ = cmd.Process.Kill() // it ended in the meantime, or now
			<-done
		}
	})
	return child, nil
}

// lastLines logs what the child says and keeps its end for error reports.
type lastLines struct {
	log  *slog.Logger
	mu   sync.Mutex
	last []string
}

func (l *lastLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(string(p)) {
		if line = strings.TrimSpace(line); line != "" {
			l.log.Debug("engine", "line", line)
			l.last = append(l.last, line)
		}
	}
	if n := len(l.last); n > 5 {
		l.last = append(l.last[:0], l.last[n-5:]...)
	}
	return len(p), nil
}

func (l *lastLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.last, " / ")
}
