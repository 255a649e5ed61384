//go:build unix

package main

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/craton-ai/craton/internal/store/postgres/postgrestest"
)

// tests runs the package's tests beside a private PostgreSQL.
type tests struct{ m *testing.M }

func (t tests) Run() int { return postgrestest.Main(t.m) }

// TestMain lets this binary be the command: under the name craton it is it.
func TestMain(m *testing.M) {
	testscript.Main(tests{m}, map[string]func(){"craton": main})
}

// patience bounds every wait of these tests.
const patience = 30 * time.Second

// child is a running `craton serve`.
type child struct {
	cmd *exec.Cmd
	// URL is where it listens, key its first administrator's key if it told one.
	URL, key string
	done     chan struct{}

	mu       sync.Mutex
	out, log strings.Builder
	err      error
}

// text returns what was printed and what was logged.
func (s *child) text() (out, log string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.String(), s.log.String()
}

var (
	serving = regexp.MustCompile(`(?m)^Craton \S+ serves (https?://\S+)`)
	toldKey = regexp.MustCompile(`(?m)^  export CRATON_API_KEY=(\S+)$`)
)

// startServer runs `craton serve` in dir and waits until it is ready.
func startServer(dir string, env []string, args ...string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	bin := filepath.Join(dir, "craton")
	if err := os.Symlink(self, bin); err != nil && !os.IsExist(err) {
		return nil, err
	}
	s := &child{cmd: exec.Command(bin, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...), done: make(chan struct{})}
	s.cmd.Dir, s.cmd.Env = dir, env
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	log, err := s.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	var pumps sync.WaitGroup
	pumps.Go(func() { s.keep(bufio.NewReader(out), &s.out) })
	pumps.Go(func() { s.keep(bufio.NewReader(log), &s.log) })
	go func() {
		defer close(s.done)
		pumps.Wait()
		s.err = s.cmd.Wait()
	}()
	if err := s.ready(); err != nil {
		_ = s.cmd.Process.Kill()
		<-s.done
		out, log := s.text()
		return nil, fmt.Errorf("%w\n%s%s", err, out, log)
	}
	return s, nil
}

// keep collects lines as they come.
func (s *child) keep(r *bufio.Reader, to *strings.Builder) {
	for {
		line, err := r.ReadString('\n')
		s.mu.Lock()
		to.WriteString(line)
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// ready waits until the server says where it is and answers there.
func (s *child) ready() error {
	return s.until("the server is ready", func() bool {
		out, _ := s.text()
		m := serving.FindStringSubmatch(out)
		if m == nil || !strings.Contains(out, "--model-id") && !strings.Contains(out, "No model yet") {
			return false // the welcome is still being printed; its last lines name a model
		}
		s.URL = m[1]
		if k := toldKey.FindStringSubmatch(out); k != nil {
			s.key = k[1]
		}
		resp, err := remote{Insecure: true}.client().Get(s.URL + "/readyz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// until polls a condition while the server runs.
func (s *child) until(what string, holds func() bool) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(patience); !holds(); {
		select {
		case <-tick.C:
		case <-s.done:
			if holds() {
				return nil
			}
			return fmt.Errorf("the server ended (%v) before %s", s.err, what)
		case <-late:
			return fmt.Errorf("it took too long until %s", what)
		}
	}
	return nil
}

// end sends a signal and waits for the exit.
func (s *child) end(sig syscall.Signal) error {
	if err := s.cmd.Process.Signal(sig); err != nil {
		return err
	}
	select {
	case <-s.done:
		return s.err
	case <-time.After(patience):
		_ = s.cmd.Process.Kill()
		return fmt.Errorf("the server did not end after %v", sig)
	}
}

// scriptEnv is an environment without keys, so that nothing is found in it.
func scriptEnv(dir string) []string {
	return []string{"HOME=" + dir, "XDG_DATA_HOME=" + dir, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir()}
}
