package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/craton-ai/craton/bench/internal/process"
)

const (
	// warmUp sessions fill pools and buffers before memory is first taken.
	warmUp = 64
	// idleAtOnce sessions are made at the same time.
	idleAtOnce = 32
)

// measureIdle compares a server's memory before and after it was given many
// sessions that have finished a turn and that nobody reads. Each is a process
// of its own, fresh.
func measureIdle(ctx context.Context, e *env) error {
	if _, err := fmt.Fprintf(e.out, "\nmemory of the server process with %d idle sessions\n%-36s %9s %9s %9s %14s %9s %14s\n", e.idle,
		"", "before", "after", "cost", "of it no files", "each", "open files"); err != nil {
		return err
	}
	for _, k := range kinds()[1:] {
		if !e.wanted(k.name) {
			continue
		}
		s := e.open(ctx, k)
		if s.failed == nil && s.proc != nil {
			if err := e.idleOf(ctx, s); err != nil {
				s.fail(e, err)
			}
		}
		if err := errors.Join(s.close(), ctx.Err()); err != nil {
			return err
		}
	}
	return nil
}

func (e *env) idleOf(ctx context.Context, s *subject) error {
	if err := s.populate(ctx, warmUp); err != nil {
		return err
	}
	before, err := e.settle(ctx, s.proc)
	if err != nil {
		return err
	}
	if err := s.populate(ctx, e.idle); err != nil {
		return err
	}
	after, err := e.settle(ctx, s.proc)
	if err != nil {
		return err
	}
	mb := func(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
	cost := after.RSS - before.RSS
	_, err = fmt.Fprintf(e.out, "%-36s %9s %9s %9s %14s %6.1f kB %7d to %d\n", s.name, mb(before.RSS), mb(after.RSS), mb(cost),
		mb(after.Anon-before.Anon), float64(cost)/float64(e.idle)/1000, before.Files, after.Files)
	return err
}

// populate makes sessions, each with a finished turn of one step, and leaves them.
func (s *subject) populate(ctx context.Context, n int) error {
	return spread(n, idleAtOnce, func(int) error {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		next, err := s.session(ctx)
		if err == nil {
			_, err = next(ctx, 1)
		}
		return err
	})
}

// settle waits until a server has given back what it will, and returns the
// least it was seen to hold.
func (e *env) settle(ctx context.Context, p *process.Process) (least process.Usage, err error) {
	seconds := 20
	if e.quick {
		seconds = 2
	}
	for range seconds {
		select {
		case <-ctx.Done():
			return least, ctx.Err()
		case <-time.After(time.Second):
		}
		now, err := p.Used()
		if err != nil {
			return least, err
		}
		if least.RSS == 0 || now.RSS < least.RSS {
			least = now
		}
	}
	return least, nil
}
