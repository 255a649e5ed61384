package mcp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os/exec"
	"strings"
	"sync"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/craton-ai/craton/internal/model"
)

// Command is a child process that speaks the protocol on its standard input
// and output. Only the operator's configuration names one.
type Command struct {
	// Name tells its lines in the log from others.
	Name string
	// Path and Args are the command; Path is looked up in PATH.
	Path string
	Args []string
	// Dir is its working directory; empty means the server's.
	Dir string
	// Env is its whole environment, as "NAME=value".
	Env []string
}

// The bounds of what a child process may say on its standard error.
const (
	logLine  = 1 << 10
	logLines = 200
	// grace is how long a child has to end by itself, and then to end when asked.
	grace = 2 * time.Second
)

// transport starts a child process when it is connected.
func (c Command) transport(cfg Config) (sdk.Transport, *trouble) {
	t := &trouble{local: true}
	cmd := exec.Command(c.Path, c.Args...)
	cmd.Dir, cmd.Env = c.Dir, c.Env
	if cmd.Env == nil {
		cmd.Env = []string{} // nil would mean the server's own, keys and all
	}
	said := &scribe{log: cfg.Log, server: c.Name, left: logLines}
	cmd.Stderr = said
	cmd.WaitDelay = grace // a grandchild may hold the pipe
	group(cmd)
	return &childTransport{cmd: cmd, said: said, trouble: t, limit: cfg.Limits.Answer}, t
}

// childTransport starts the process and watches its output. The SDK's own
// transport neither says which bound was passed nor ends a group of processes.
type childTransport struct {
	cmd     *exec.Cmd
	said    *scribe
	trouble *trouble
	limit   int
}

// Connect implements the SDK's Transport.
func (t *childTransport) Connect(ctx context.Context) (sdk.Connection, error) {
	stdin, err := t.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := t.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := t.cmd.Start(); err != nil {
		t.trouble.note(err)
		return nil, err
	}
	p := &child{cmd: t.cmd, said: t.said, stdout: stdout, limit: t.limit, stdin: stdin, trouble: t.trouble}
	return (&sdk.IOTransport{Reader: p, Writer: keepOpen{stdin}, MaxLineLength: -1}).Connect(ctx)
}

// keepOpen leaves closing to the child, which closes everything in order.
type keepOpen struct{ io.Writer }

func (keepOpen) Close() error { return nil }

// child is a running process.
type child struct {
	cmd     *exec.Cmd
	said    *scribe
	stdin   io.Closer
	stdout  io.Reader
	trouble *trouble
	once    sync.Once
	// line counts the bytes since the last end of a line.
	line, limit int
}

// Read reads the child's output, bounds its lines and notes its end.
func (c *child) Read(p []byte) (int, error) {
	n, err := c.stdout.Read(p)
	if i := bytes.LastIndexByte(p[:n], '\n'); i >= 0 {
		c.line = n - i - 1
	} else {
		c.line += n
	}
	if c.line > c.limit {
		err = &model.Error{Kind: model.TooLarge, Op: "mcp", Message: "The tool server's answer is larger than allowed."}
		c.trouble.note(err)
		return 0, err
	}
	if err != nil {
		c.trouble.note(errors.New("the process closed its output"))
	}
	return n, err
}

// Close ends the process: by the end of its input, then by asking, then by force.
func (c *child) Close() error {
	c.once.Do(func() {
		_ = c.stdin.Close()
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			_ = c.cmd.Wait()
		}()
		for _, step := range []func(*exec.Cmd){interrupt, kill} {
			timer := time.NewTimer(grace)
			select {
			case <-gone:
			case <-timer.C:
				step(c.cmd)
			}
			timer.Stop()
		}
		<-gone
		c.said.flush() // nobody writes to it any more; last words may lack an end
		kill(c.cmd)    // what it left behind in its group
	})
	return nil
}

// scribe writes lines to the log, each bounded, and stops after a number of them.
type scribe struct {
	log    *slog.Logger
	server string
	left   int
	line   []byte
}

// Write takes part of the output.
func (s *scribe) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		head, rest, whole := bytes.Cut(p, []byte("\n"))
		if room := logLine - len(s.line); room > 0 {
			s.line = append(s.line, head[:min(room, len(head))]...)
		}
		if whole {
			s.flush()
		}
		p = rest
	}
	return n, nil
}

func (s *scribe) flush() {
	text := strings.ToValidUTF8(string(s.line), "?")
	s.line = s.line[:0]
	if s.left <= 0 || text == "" {
		return
	}
	s.log.Info("tool server", "server", s.server, "line", text)
	if s.left--; s.left == 0 {
		s.log.Warn("tool server: further lines are dropped until it starts again", "server", s.server)
	}
}
