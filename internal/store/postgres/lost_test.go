package postgres

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/session/sessiontest"
	"github.com/craton-ai/craton/internal/store/postgres/postgrestest"
	"github.com/craton-ai/craton/internal/store/sqlstore"
)

// server is what is lost without a word: connections to it, once it is, take
// what is written and never answer.
type server struct {
	lost atomic.Bool
	// asked gets a value for a group's statement, or for one that holds words,
	// that a lost one was sent.
	asked chan struct{}
	words string

	mu    sync.Mutex
	conns []net.Conn
}

func (s *server) accept(conn net.Conn) net.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns = append(s.conns, conn)
	return lostConn{conn, s}
}

// reset ends the connections at last, which are waited for.
func (s *server) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range s.conns {
		_ = conn.Close()
	}
}

type lostConn struct {
	net.Conn
	to *server
}

func (c lostConn) Write(b []byte) (int, error) {
	if !c.to.lost.Load() {
		return c.Conn.Write(b)
	}
	if bytes.Contains(b, []byte(cmp.Or(c.to.words, "MATERIALIZED"))) {
		c.to.asked <- struct{}{}
	}
	return len(b), nil
}

// dialling lets a store's new connections lead to the server of the moment.
func dialling(now *atomic.Pointer[server]) Option {
	return withPool(func(c *pgxpool.Config) {
		dial := c.ConnConfig.DialFunc
		c.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
			to := now.Load()
			conn, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return to.accept(conn), nil
		}
		// Nothing else finds out that a connection is dead.
		c.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false }
	})
}

// TestLostServer fails over to another server while the connections to the first
// stay silent: an append ends once its time is over, and the next ones do not
// meet the dead connections.
func TestLostServer(t *testing.T) {
	t.Parallel()
	var now atomic.Pointer[server]
	first := &server{asked: make(chan struct{}, 1)}
	now.Store(first)
	var over atomic.Pointer[context.CancelFunc] // ends the time of the statement under way
	store, err := Open(t.Context(), postgrestest.Database(t), dialling(&now), withBound(func() (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancel(context.Background())
		over.Store(&cancel)
		return ctx, cancel
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		first.reset()
		_ = store.Close()
	})
	journal := sessiontest.NewJournal(t, store)
	head, err := journal.Begin("t1", "test")
	if err != nil {
		t.Fatal(err)
	}
	said := session.Draft{Type: "said", Version: 1}
	if head, err = journal.Append(t.Context(), head, said); err != nil {
		t.Fatal(err)
	}
	now.Store(&server{})
	first.lost.Store(true)
	done := make(chan error, 1)
	go func() {
		_, err := journal.Append(t.Context(), head, said)
		done <- err
	}()
	<-first.asked
	(*over.Load())()
	if err := <-done; err == nil {
		t.Error("an append that the lost server was sent is said to have happened")
	}
	if _, err := journal.Append(t.Context(), head, said); err != nil {
		t.Errorf("the next append: %v", err)
	}
}

// bell is an alarm that a test rings.
type bell struct {
	ring func()
	on   atomic.Bool
}

func (b *bell) start() { b.on.Store(true) }
func (b *bell) stop()  { b.on.Store(false) }

// TestLostRead loses the server under a read: it is given up once the server was
// silent for long enough, which is no cancellation of its caller's, and later ones
// are answered by another server.
func TestLostRead(t *testing.T) {
	t.Parallel()
	var now atomic.Pointer[server]
	first := &server{asked: make(chan struct{}, 8), words: "craton.tenant"}
	now.Store(first)
	var last atomic.Pointer[bell]
	store, err := Open(t.Context(), postgrestest.Database(t), dialling(&now), withSilence(func(giveUp func()) alarm {
		b := &bell{ring: giveUp}
		b.start()
		last.Store(b)
		return b
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		first.reset()
		_ = store.Close()
	})
	doc := document.Document{Tenant: "t1", Kind: "k", ID: "a", Body: []byte("{}")}
	if _, err := store.Put(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Get(t.Context(), "t1", "k", "a"); err != nil || last.Load().on.Load() {
		t.Fatalf("a read: %v, its alarm is on: %v", err, last.Load().on.Load())
	}
	now.Store(&server{})
	first.lost.Store(true)
	given := 0
	for { // until none of the connections to the lost server is left
		done := make(chan error, 1)
		go func() {
			_, err := store.Get(t.Context(), "t1", "k", "a")
			done <- err
		}()
		select {
		case <-first.asked:
			last.Load().ring()
			if err := <-done; !errors.Is(err, errSilent) || errors.Is(err, context.Canceled) {
				t.Fatalf("a read of the lost server: %v", err)
			}
			given++
			continue
		case err := <-done:
			if err != nil || given == 0 {
				t.Errorf("after %d reads that were given up: %v", given, err)
			}
		}
		return
	}
}

// TestReadsWaitAsLongAsTheyAreAnswered: only waiting counts, not what a caller
// does between two rows.
func TestReadsWaitAsLongAsTheyAreAnswered(t *testing.T) {
	t.Parallel()
	store, err := Open(t.Context(), postgrestest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	var b bell
	e := &engine{pool: store.pool, dialect: dialect, silence: func(giveUp func()) alarm {
		b.start()
		return &b
	}}
	err = e.Read(t.Context(), sqlstore.Scope{Role: sqlstore.InstallationRole}, func(tx sqlstore.Tx) error {
		rows, err := tx.Query("SELECT * FROM generate_series(1, 5000)")
		if err != nil {
			return err
		}
		n, last := 0, 0
		for rows.Next() {
			if b.on.Load() {
				t.Error("the alarm is on between two rows")
			}
			if err := rows.Scan(&last); err != nil {
				return err
			}
			n++
		}
		if n != 5000 || last != 5000 {
			t.Errorf("%d rows up to %d", n, last)
		}
		return errors.Join(rows.Err(), rows.Close())
	})
	if err != nil || b.on.Load() {
		t.Errorf("%v, the alarm is on: %v", err, b.on.Load())
	}
}

// TestPatience bounds what a committer waits for.
func TestPatience(t *testing.T) {
	t.Parallel()
	store, err := Open(t.Context(), postgrestest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	for _, g := range []*group{store.appends, store.deltas} {
		ctx, cancel := g.bound()
		defer cancel()
		if _, bounded := ctx.Deadline(); !bounded {
			t.Error("a committer waits for ever")
		}
	}
}
