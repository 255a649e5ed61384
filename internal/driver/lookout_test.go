package driver_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/session"
)

// asked counts what readers ask of a store.
type asked struct {
	session.Store
	session.Index
	reads, looks atomic.Int64
}

func (a *asked) Read(ctx context.Context, tenant, id string, after uint64, limit int) ([]session.Event, error) {
	a.reads.Add(1)
	return a.Store.Read(ctx, tenant, id, after, limit)
}

func (a *asked) Head(ctx context.Context, tenant, id string) (session.Session, error) {
	a.reads.Add(1)
	return a.Store.Head(ctx, tenant, id)
}

func (a *asked) Moved(ctx context.Context, known map[string]uint64) ([]session.Ref, error) {
	a.looks.Add(1)
	return a.Index.Moved(ctx, known)
}

// follow reads a session until it is told something of a kind, coming back every
// quarter of a minute as streams do; err is why it ended before.
func follow(ctx context.Context, s *driver.Sessions, id string, kind agent.SignalKind) error {
	tail, err := s.Tail(ctx, "t1", id, "")
	if err != nil {
		return err
	}
	defer tail.Close()
	tail.Within(15 * time.Second)
	for {
		told, err := tail.Next(ctx)
		switch {
		case err == nil && told.Kind == kind:
			return nil
		case err != nil && !errors.Is(err, driver.ErrQuiet):
			return err
		}
	}
}

// TestQuietReaders: a reader with nothing to tell says so when it was to, however
// often it looked in between, and tells afterwards what comes.
func TestQuietReaders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, echo{})
		d, stop := w.node()
		defer stop()
		s := d.Sessions()
		id := create(t, s, agent.Definition{}, "hello").State.Session
		tail, err := s.Tail(t.Context(), "t1", id, driver.FromStart)
		if err != nil {
			t.Fatal(err)
		}
		defer tail.Close()
		until(t, tail, agent.Idle)
		tail.Within(10 * time.Second)
		for range 3 {
			began := time.Now()
			if _, err := tail.Next(t.Context()); !errors.Is(err, driver.ErrQuiet) || time.Since(began) != 10*time.Second {
				t.Fatalf("after %v: %v", time.Since(began), err)
			}
		}
		if err := say(t, s, id, "again"); err != nil {
			t.Fatal(err)
		}
		until(t, tail, agent.Idle)
	})
}

// TestIdleReadersAskTogether: many streams with nothing to tell cost one
// question for all of them now and then, and where no other process writes next
// to none.
func TestIdleReadersAskTogether(t *testing.T) {
	t.Parallel()
	for name, alone := range map[string]bool{"among others": false, "alone": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, echo{})
				store := &asked{Store: w.store, Index: w.store}
				w.over(store.Store)
				w.journals, w.index, w.alone = store, store, alone
				d, stop := w.node()
				defer stop()
				var ids []string
				for range 50 {
					ids = append(ids, create(t, d.Sessions(), agent.Definition{}, "hello").State.Session)
				}
				rest()
				ctx, cancel := context.WithCancel(t.Context())
				var readers sync.WaitGroup
				for _, id := range ids {
					readers.Go(func() { _ = follow(ctx, d.Sessions(), id, agent.SignalTurnEnded) })
				}
				time.Sleep(time.Minute)
				reads, looks := store.reads.Load(), store.looks.Load()
				time.Sleep(10 * time.Minute)
				reads, looks = store.reads.Load()-reads, store.looks.Load()-looks
				if most := map[bool]int64{true: 11, false: 205}[alone]; reads > 0 || looks > most || looks == 0 {
					t.Errorf("50 readers read %d times and looked %d times in ten minutes", reads, looks)
				}
				cancel()
				readers.Wait()
			})
		})
	}
}

// TestReadersAreToldWhatOthersWrite: a reader on a node to which no hint comes is
// told of turns that another node drives, and of the end of the session.
func TestReadersAreToldWhatOthersWrite(t *testing.T) {
	t.Parallel()
	for name, alone := range map[string]bool{"in seconds": false, "in a minute": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, echo{})
				d, stop := w.node()
				defer stop()
				id := create(t, d.Sessions(), agent.Definition{}, "hello").State.Session
				rest()
				w.alone, w.deaf = alone, true
				other, end := w.node()
				defer end()
				for n := range 2 {
					told := make(chan error, 1)
					go func() { told <- follow(t.Context(), other.Sessions(), id, agent.SignalTurnEnded) }()
					time.Sleep(5 * time.Minute)
					from := time.Now()
					if err := say(t, d.Sessions(), id, fmt.Sprint("more ", n)); err != nil {
						t.Fatal(err)
					}
					if err := <-told; err != nil {
						t.Fatal(err)
					}
					if took := time.Since(from); took > map[bool]time.Duration{true: 2 * time.Minute, false: 7 * time.Second}[alone] {
						t.Errorf("it was told after %s", took)
					}
				}
				rest()
				told := make(chan error, 2)
				for _, node := range []*driver.Driver{d, other} {
					go func() { told <- follow(t.Context(), node.Sessions(), id, agent.SignalTurnEnded) }()
				}
				time.Sleep(time.Minute)
				if err := d.Sessions().Delete(t.Context(), "t1", id); err != nil {
					t.Fatal(err)
				}
				for range 2 {
					if err := <-told; !errors.Is(err, session.ErrNotFound) {
						t.Errorf("of a session that was deleted: %v", err)
					}
				}
			})
		})
	}
}
