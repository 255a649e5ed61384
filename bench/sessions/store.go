package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"time"

	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/store/postgres"
	"github.com/craton-ai/craton/internal/store/sqlite"
	"github.com/craton-ai/craton/internal/store/transfer"
)

// size is the payload of a step in bytes.
const size = 1024

// database is a store that can be read whole.
type database interface {
	transfer.Journals
	session.Index
	Close() error
}

func openSQLite(ctx context.Context, dir string) (database, error) { return sqlite.Open(ctx, dir) }

func openPostgres(ctx context.Context, url string) (database, error) {
	return postgres.Open(ctx, url)
}

// storeKinds are the stores themselves, without a server.
func storeKinds() []kind {
	return []kind{
		{"craton store, SQLite", func(ctx context.Context, e *env) (*subject, error) {
			dir, err := e.directory("store")
			if err != nil {
				return nil, err
			}
			return overStore(ctx, openSQLite, dir)
		}},
		{"craton store, PostgreSQL", func(ctx context.Context, e *env) (*subject, error) {
			url, err := e.database(ctx)
			if err != nil {
				return nil, err
			}
			return overStore(ctx, openPostgres, url)
		}},
	}
}

// overStore appends to sessions of a store.
func overStore(ctx context.Context, open func(context.Context, string) (database, error), address string) (*subject, error) {
	store, err := open(ctx, address)
	if err != nil {
		return nil, err
	}
	journal, err := journalOver(store)
	payload := bytes.Repeat([]byte("x"), size)
	return &subject{close: store.Close, session: func(context.Context) (turn, error) {
		head, err := journal.Begin("bench", "bench")
		return each(func(ctx context.Context) (err error) {
			head, err = journal.Append(ctx, head, session.Draft{Type: "step", Version: 1, Payload: payload})
			return err
		}), err
	}}, err
}

func journalOver(store session.Store) (*session.Journal, error) {
	return journalWith(store, rand.Reader)
}

// journalWith takes ids and keys from a source.
func journalWith(store session.Store, random io.Reader) (*session.Journal, error) {
	return session.New(session.Config{
		Store: store, Now: time.Now, Random: random,
		ContentKey: func(context.Context, string) ([]byte, error) { return nil, nil },
	})
}

// each makes a turn of a step.
func each(step func(ctx context.Context) error) turn {
	return func(ctx context.Context, steps int) ([]time.Duration, error) {
		took := make([]time.Duration, steps)
		last := time.Now()
		for i := range took {
			if err := step(ctx); err != nil {
				return nil, err
			}
			now := time.Now()
			took[i], last = now.Sub(last), now
		}
		return took, nil
	}
}
