package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/craton-ai/craton/bench/internal/process"
)

// env is what subjects are started with, and where results go.
type env struct {
	settings
	out io.Writer
	// made counts databases and directories.
	made int
}

// turn lets a session do a number of steps, one after the other, and returns
// how long each took, or all that it was told of.
type turn func(ctx context.Context, steps int) ([]time.Duration, error)

// subject is something that keeps sessions.
type subject struct {
	name string
	// session makes a new one, which lives as long as the context.
	session func(ctx context.Context) (turn, error)
	// proc is the server's process; nil for what runs in this one.
	proc  *process.Process
	close func() error
	// failed is why it is not measured, or no longer; measured says which.
	failed   error
	measured bool
}

// kind is a subject before it is started.
type kind struct {
	name string
	// start opens it on fresh state.
	start func(ctx context.Context, e *env) (*subject, error)
}

// rawLogName names the limit, restateName what ratios are also taken to.
const (
	rawLogName  = "raw log"
	restateName = "Restate"
)

// kinds lists what is measured: the limit, the stores, and the servers.
func kinds() []kind {
	all := []kind{{rawLogName, startRawLog}, {"raw log, waiting", startPatientLog}}
	all = append(all, storeKinds()...)
	all = append(all, cratonKinds()...)
	return append(all, kind{restateName, startRestate}, kind{"LangGraph (in memory)", startLangGraph})
}

// wanted says whether the flags ask for a subject.
func (e *env) wanted(name string) bool {
	named := func(part string) bool { return strings.Contains(strings.ToLower(name), strings.ToLower(part)) }
	return name == rawLogName || slices.ContainsFunc(strings.Split(e.only, ","), named)
}

// open starts one subject and proves that it can do a step. What cannot says
// why and is returned as failed.
func (e *env) open(ctx context.Context, k kind) *subject {
	s, err := k.start(ctx, e)
	if s == nil {
		s = &subject{close: func() error { return nil }}
	}
	s.name = k.name
	if err == nil {
		err = s.probe(ctx)
	}
	if err != nil {
		s.failed = err
		fmt.Fprintf(e.out, "%s is skipped: %v\n", s.name, err)
	}
	return s
}

// probe makes a session and does a turn in it.
func (s *subject) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	next, err := s.session(ctx)
	if err == nil {
		_, err = next(ctx, 2)
	}
	return err
}

// fail takes a subject out, with the end of what its process wrote.
func (s *subject) fail(e *env, err error) {
	s.failed = err
	fmt.Fprintf(e.out, "%s broke: %v\n", s.name, err)
	if s.proc != nil {
		fmt.Fprintln(e.out, "  its process:", s.proc.Tail())
	}
}

// directory makes a fresh directory.
func (e *env) directory(name string) (string, error) {
	e.made++
	dir := filepath.Join(e.dir, fmt.Sprintf("%s-%d", name, e.made))
	return dir, os.MkdirAll(dir, 0o700)
}

// errNoPostgres says why there is nothing to measure.
var errNoPostgres = errors.New("PostgreSQL is not installed")

// database makes a fresh database and returns its address.
func (e *env) database(ctx context.Context) (string, error) {
	if e.postgres == "" {
		return "", errNoPostgres
	}
	e.made++
	name := fmt.Sprintf("bench%d", e.made)
	out, err := exec.CommandContext(ctx, e.createdb, "-h", e.postgres, "-U", "postgres", name).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("createdb: %w: %s", err, out)
	}
	return fmt.Sprintf("postgres://postgres@/%s?host=%s", name, e.postgres), nil
}
