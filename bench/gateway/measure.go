package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// scenario is one kind of load.
type scenario struct {
	name    string
	clients int
	stream  bool
	// chunks and pace shape streamed answers.
	chunks int
	pace   time.Duration
}

// scenarios of every round. Streams at 32 clients stay well below what the
// machine can carry, so that time to first token is not time in a queue.
var scenarios = []scenario{
	{name: "c=1", clients: 1},
	{name: "c=32", clients: 32},
	{name: "c=256", clients: 256},
	{name: "stream c=1", clients: 1, stream: true, chunks: 10, pace: time.Millisecond},
	{name: "stream c=32", clients: 32, stream: true, chunks: 20, pace: 10 * time.Millisecond},
}

// sample is one measurement of one subject under one scenario.
type sample struct {
	outcome
	// CPU is the subject's processor time in the window.
	CPU time.Duration `json:"cpu_ns"`
}

func (s sample) cpuPerRequest() float64 {
	if s.Requests == 0 {
		return 0
	}
	return s.CPU.Seconds() * 1e3 / float64(s.Requests)
}

func (s sample) rate() float64 { return float64(s.Requests) / s.Elapsed.Seconds() }

// loader is a running load generator.
type loader struct {
	cmd *exec.Cmd
	out *bufio.Reader
}

func startLoad(ctx context.Context, s *subject, j job, stream bool) (*loader, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	j.Addr, j.Path, j.Headers, j.Body = s.addr, s.path, s.headers, s.request(stream)
	cmd := exec.CommandContext(ctx, self, "load")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(mustJSON(j)), os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &loader{cmd: cmd, out: bufio.NewReader(out)}, cmd.Start()
}

func (l *loader) line() (string, error) {
	line, err := l.out.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("the load generator ended early: %w", errors.Join(err, l.cmd.Wait()))
	}
	return strings.TrimSpace(line), nil
}

// cpu is what the subject used so far; the direct way uses none.
func (s *subject) cpu() (time.Duration, error) {
	if s.proc == nil {
		return 0, nil
	}
	u, err := s.proc.Used()
	return u.CPU, err
}

// measure puts one scenario on one subject.
func (b *benchmark) measure(ctx context.Context, s *subject, sc scenario, warm, length time.Duration) (m sample, err error) {
	if sc.stream {
		if err := b.shape(sc.chunks, sc.pace); err != nil {
			return m, err
		}
	}
	l, err := startLoad(ctx, s, job{
		Clients: sc.clients, Warm: warm, Length: length, Timeout: 30 * time.Second, Stagger: time.Duration(sc.chunks) * sc.pace,
	}, sc.stream)
	if err != nil {
		return m, err
	}
	if _, err := l.line(); err != nil {
		return m, err
	}
	before, err := s.cpu()
	if err != nil {
		return m, err
	}
	line, err := l.line()
	if err != nil {
		return m, err
	}
	after, err := s.cpu()
	if err != nil {
		return m, err
	}
	m.CPU = after - before
	if err := json.Unmarshal([]byte(line), &m.outcome); err != nil {
		return m, err
	}
	return m, l.cmd.Wait()
}

// footprint is what a subject holds in memory.
type footprint struct {
	IdleRSS  int64 `json:"idle_rss_bytes"`
	IdleAnon int64 `json:"idle_anon_bytes"`
	// Streams is how many of the streams were open at once.
	Streams    int64  `json:"streams"`
	StreamRSS  int64  `json:"streams_rss_bytes"`
	StreamAnon int64  `json:"streams_anon_bytes"`
	AfterRSS   int64  `json:"after_load_rss_bytes"`
	Failed     int64  `json:"failed_streams"`
	Error      string `json:"error,omitempty"`
}

// slowStreams is how many streams are held open for the memory figure.
const slowStreams = 500

// hold opens slowStreams streams of a chunk every 200 ms and watches memory
// while they are open.
func (b *benchmark) hold(ctx context.Context, s *subject, open time.Duration) (f footprint, err error) {
	const pace = 200 * time.Millisecond
	if err := b.shape(int(open/pace), pace); err != nil {
		return f, err
	}
	idle, err := s.proc.Used()
	if err != nil {
		return f, err
	}
	f.IdleRSS, f.IdleAnon = idle.RSS, idle.Anon
	l, err := startLoad(ctx, s, job{Clients: slowStreams, Timeout: open + b.patience}, true)
	if err != nil {
		return f, err
	}
	if _, err := l.line(); err != nil {
		return f, err
	}
	finished := make(chan error, 1)
	var o outcome
	go func() {
		line, err := l.line()
		if err == nil {
			err = json.Unmarshal([]byte(line), &o)
		}
		finished <- errors.Join(err, l.cmd.Wait())
	}()
	for {
		select {
		case err := <-finished:
			f.Streams, f.Failed, f.Error = o.MostOpen, o.Errors, o.Error
			return f, err
		case <-time.After(100 * time.Millisecond):
		}
		u, err := s.proc.Used()
		if err != nil {
			return f, errors.Join(err, <-finished)
		}
		f.StreamRSS, f.StreamAnon = max(f.StreamRSS, u.RSS), max(f.StreamAnon, u.Anon)
	}
}
