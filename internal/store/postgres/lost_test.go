package postgres

import (
	"bytes"
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/session/sessiontest"
	"github.com/craton-ai/craton/internal/store/postgres/postgrestest"
)

// server is what is lost without a word: connections to it, once it is, take
// what is written and never answer.
type server struct {
	lost atomic.Bool
	// asked gets a value for a group's statement that a lost one was sent.
	asked chan struct{}

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
	if bytes.Contains(b, []byte("MATERIALIZED")) {
		c.to.asked <- struct{}{}
	}
	return len(b), nil
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
	store, err := Open(t.Context(), postgrestest.Database(t), withPool(func(c *pgxpool.Config) {
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
	}), withBound(func() (context.Context, context.CancelFunc) {
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
