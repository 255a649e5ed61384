package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"time"
)

// startRawLog is the limit: the same bytes appended to a plain file, with one
// sync for all that wait.
func startRawLog(ctx context.Context, e *env) (*subject, error) { return rawLog(ctx, e, 0) }

// startPatientLog is a raw log that waits, as the embedded store does, for those
// who were just answered: otherwise the first of them has a sync of its own.
func startPatientLog(ctx context.Context, e *env) (*subject, error) {
	return rawLog(ctx, e, 500*time.Microsecond)
}

func rawLog(_ context.Context, e *env, patience time.Duration) (*subject, error) {
	dir, err := e.directory("log")
	if err != nil {
		return nil, err
	}
	f, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	queue := make(chan chan error, 256)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		writeLog(f, queue, patience)
	}()
	return &subject{
		session: func(context.Context) (turn, error) {
			done := make(chan error, 1)
			return each(func(context.Context) error {
				queue <- done
				return <-done
			}), nil
		},
		close: func() error {
			close(queue)
			<-stopped
			return f.Close()
		},
	}, nil
}

// writeLog writes a payload for each request and answers after a sync. It waits
// for as many as it answered last, if it has the patience.
func writeLog(f *os.File, queue chan chan error, patience time.Duration) {
	payload := bytes.Repeat([]byte("x"), size)
	var group []chan error
	expected := 0
	for first := range queue {
		group = append(group[:0], first)
		if patience > 0 {
			group = await(group, expected, queue, patience)
		}
		for waiting := len(queue); waiting > 0; waiting-- {
			group = append(group, <-queue)
		}
		_, err := f.Write(bytes.Repeat(payload, len(group)))
		if err == nil {
			err = f.Sync()
		}
		expected = len(group) + len(queue)
		for _, done := range group {
			done <- err
		}
	}
}

// await adds what comes until there are as many as expected, or time is up.
func await(group []chan error, expected int, queue chan chan error, patience time.Duration) []chan error {
	up := time.NewTimer(patience)
	defer up.Stop()
	for len(group) < expected {
		select {
		case next, open := <-queue:
			if !open {
				return group
			}
			group = append(group, next)
		case <-up.C:
			return group
		}
	}
	return group
}
