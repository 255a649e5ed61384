package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/craton-ai/craton/internal/session"
)

// size is the payload of a step in bytes.
const size = 1024

// step does one durable step after another for one writer.
type step func(ctx context.Context) error

// subject is something that keeps steps.
type subject struct {
	name string
	// writer returns the steps of a new writer.
	writer func() (step, error)
	close  func() error
}

// result is one measurement.
type result struct {
	rate     float64 // steps per second
	p50, p99 time.Duration
}

// measure lets n writers step for the time given.
func measure(ctx context.Context, s subject, n int, each time.Duration) (result, error) {
	steps := make([]step, n)
	for i := range steps {
		var err error
		if steps[i], err = s.writer(); err != nil {
			return result{}, err
		}
		// The first creates the session and is not measured.
		if err := steps[i](ctx); err != nil {
			return result{}, err
		}
	}
	took := make([][]time.Duration, n)
	errs := make([]error, n)
	var wg sync.WaitGroup
	start := time.Now()
	for i, next := range steps {
		wg.Go(func() {
			for last := time.Now(); last.Sub(start) < each; {
				if errs[i] = next(ctx); errs[i] != nil {
					return
				}
				now := time.Now()
				took[i] = append(took[i], now.Sub(last))
				last = now
			}
		})
	}
	wg.Wait()
	wall := time.Since(start)
	for _, err := range errs {
		if err != nil {
			return result{}, err
		}
	}
	all := slices.Concat(took...)
	slices.Sort(all)
	return result{rate: float64(len(all)) / wall.Seconds(), p50: all[len(all)/2], p99: all[len(all)*99/100]}, nil
}

// overStore appends to sessions of a store, one for each writer.
func overStore(name string, store session.Store, closing func() error) subject {
	journal, err := session.New(session.Config{
		Store: store, Now: time.Now, Random: rand.Reader,
		ContentKey: func(context.Context, string) ([]byte, error) { return nil, nil },
	})
	payload := bytes.Repeat([]byte("x"), size)
	return subject{name: name, close: closing, writer: func() (step, error) {
		if err != nil {
			return nil, err
		}
		head, err := journal.Begin("bench", "bench")
		return func(ctx context.Context) (err error) {
			head, err = journal.Append(ctx, head, session.Draft{Type: "step", Version: 1, Payload: payload})
			return err
		}, err
	}}
}

// openRawLog is the limit: the same bytes appended to a plain file, with one
// sync for all that wait.
func openRawLog(path string) (subject, error) {
	f, err := os.Create(path)
	if err != nil {
		return subject{}, err
	}
	queue := make(chan chan error, 256)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		writeLog(f, queue)
	}()
	return subject{
		name: "raw log",
		writer: func() (step, error) {
			done := make(chan error, 1)
			return func(context.Context) error {
				queue <- done
				return <-done
			}, nil
		},
		close: func() error {
			close(queue)
			<-stopped
			return f.Close()
		},
	}, nil
}

// writeLog writes a payload for each request and answers after a sync.
func writeLog(f *os.File, queue chan chan error) {
	payload := bytes.Repeat([]byte("x"), size)
	var group []chan error
	for first := range queue {
		group = append(group[:0], first)
		for waiting := len(queue); waiting > 0; waiting-- {
			group = append(group, <-queue)
		}
		_, err := f.Write(bytes.Repeat(payload, len(group)))
		if err == nil {
			err = f.Sync()
		}
		for _, done := range group {
			done <- err
		}
	}
}
