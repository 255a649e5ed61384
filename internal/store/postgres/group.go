package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/store/sqlstore"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrClosed says that the store was closed before the append was accepted.
var ErrClosed = errors.New("postgres: the store is closed")

// maxGroup is how many appends share a transaction; the others are how many
// groups are under way: of appends two, so that one is written while another is
// synced. Deltas have transactions of their own, so that each takes hold of
// sessions in one order.
const (
	maxGroup       = 256
	committers     = 2
	deltaCommitter = 1
)

// patience is how long a committer waits for the database. One that is only slow
// answers long before; a server that is gone without a word never does, and the
// committer would wait until TCP gives the connection up, a quarter of an hour
// in which the node renews its leases on other connections and nobody takes its
// sessions over.
const patience = 10 * time.Second

// patient is the context of one statement.
func patient() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), patience)
}

// pending is an append on its way to a committer and back.
type pending struct {
	ctx   context.Context
	batch session.Batch
	// done gets nil once the append is durable, errAlone if it has not happened
	// and the caller is to append alone, and be told why, and any other error if
	// nobody knows.
	done chan error
}

var errAlone = errors.New("postgres: the group did not append this")

// group commits the appends of many sessions together: one statement and one
// sync for what waited. Whatever it refuses is left to the statements that every
// database shares.
type group struct {
	pool *pgxpool.Pool
	// statement makes one of the columns, with its parameters.
	statement func(*columns) (string, []any)
	// bound makes the context of a statement.
	bound func() (context.Context, context.CancelFunc)

	queue   chan *pending
	closing chan struct{} // closed by close: accept nothing more
	stopped chan struct{} // closed by close when nothing more is answered
	stop    sync.Once
	work    sync.WaitGroup
}

// appendsBy is the statement of groups of appends, deltasBy that of groups of
// deltas alone. Clock is the query for the database's clock.
func appendsBy(clock string) func(*columns) (string, []any) {
	plain, deltas := appendGroup(deltaWords{}), appendGroup(appendDeltas(clock))
	return func(c *columns) (string, []any) {
		if len(c.deltas.session) == 0 {
			return plain, c.args()
		}
		return deltas, append(c.args(), c.deltas.args()...)
	}
}

func deltasBy(clock string) func(*columns) (string, []any) {
	statement := deltaGroup(clock)
	return func(c *columns) (string, []any) { return statement, c.deltas.args() }
}

func startGroup(pool *pgxpool.Pool, committers int, statement func(*columns) (string, []any), bound func() (context.Context, context.CancelFunc)) *group {
	g := &group{pool: pool, statement: statement, bound: bound,
		queue: make(chan *pending, maxGroup), closing: make(chan struct{}), stopped: make(chan struct{})}
	for range committers {
		g.work.Go(g.run)
	}
	return g
}

// append reports whether the batch was appended.
func (g *group) append(ctx context.Context, b session.Batch) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	p := &pending{ctx: ctx, batch: b, done: make(chan error, 1)}
	select {
	case <-g.closing:
		return false, ErrClosed
	default:
	}
	select {
	case g.queue <- p:
	case <-g.closing:
		return false, ErrClosed
	case <-ctx.Done():
		return false, ctx.Err()
	}
	select {
	case err := <-p.done:
		return answered(err)
	case <-ctx.Done():
		return false, ctx.Err()
	case <-g.stopped:
	}
	// A committer may have answered this one last.
	select {
	case err := <-p.done:
		return answered(err)
	default:
		return false, ErrClosed
	}
}

func answered(err error) (bool, error) {
	if errors.Is(err, errAlone) {
		return false, nil
	}
	return err == nil, err
}

// close lets the committers finish what they have taken up.
func (g *group) close() {
	g.stop.Do(func() {
		close(g.closing)
		g.work.Wait()
		close(g.stopped)
	})
}

func (g *group) run() {
	var next []*pending
	for {
		// What waits for its turn was accepted, and is answered before the end.
		if len(next) == 0 {
			select {
			case p := <-g.queue:
				next = append(next, p)
			case <-g.closing:
				return
			}
		}
		for len(next) < maxGroup {
			select {
			case p := <-g.queue:
				next = append(next, p)
				continue
			default:
			}
			break
		}
		next = g.commit(next)
	}
}

// commit appends what it can and returns what has to wait for the next group:
// a session's second append.
func (g *group) commit(all []*pending) (rest []*pending) {
	var now []*pending
	// In one order everywhere, as leases are renewed, so that neither waits for
	// the other.
	slices.SortStableFunc(all, func(a, b *pending) int { return strings.Compare(a.batch.Session.ID, b.batch.Session.ID) })
	seen := make(map[string]bool, len(all))
	var c columns
	for _, p := range all {
		id := p.batch.Session.ID
		switch {
		case p.ctx.Err() != nil:
			p.done <- errAlone
		case seen[id]:
			rest = append(rest, p)
		default:
			seen[id] = true
			now = append(now, p)
			c.add(p.batch)
		}
	}
	if len(now) == 0 {
		return rest
	}
	appended, err := g.send(&c)
	if err != nil && (code(err) != "" || pgconn.SafeToRetry(err)) {
		err = errAlone // the database refused the statement, or never saw it
	}
	for _, p := range now {
		answer := err
		if err == nil && !appended[p.batch.Session.ID] {
			answer = errAlone
		}
		p.done <- answer
	}
	return rest
}

// send runs the statement and returns the sessions that were appended to. Of a
// server that does not answer in time nobody knows what it did; its other
// connections are taken to be as dead as this one, and none is used again.
func (g *group) send(c *columns) (map[string]bool, error) {
	ctx, cancel := g.bound()
	defer cancel()
	appended, err := g.transact(ctx, c)
	if err == nil || ctx.Err() == nil {
		return appended, err
	}
	g.pool.Reset()
	if errors.Is(err, errAlone) {
		return nil, err
	}
	return nil, fmt.Errorf("postgres: the database did not answer an append, which may have happened or not: %w", err)
}

// transact sends the two statements, which are one round trip and one
// transaction.
func (g *group) transact(ctx context.Context, c *columns) (map[string]bool, error) {
	conn, err := g.pool.Acquire(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil, errAlone // nothing was sent
		}
		return nil, err
	}
	defer conn.Release() // closes it if it is in the middle of something
	role, tenant := identityOf(sqlstore.Scope{Role: sqlstore.AppendRole})
	batch := &pgx.Batch{}
	batch.Queue(enter, role, tenant)
	statement, args := g.statement(c)
	batch.Queue(statement, args...)
	results := conn.SendBatch(ctx, batch)
	if _, err := results.Exec(); err != nil {
		return nil, errors.Join(err, results.Close())
	}
	rows, err := results.Query()
	if err != nil {
		return nil, errors.Join(err, results.Close())
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	// The transaction commits as the batch is closed.
	if err := errors.Join(err, results.Close()); err != nil {
		return nil, err
	}
	appended := make(map[string]bool, len(ids))
	for _, id := range ids {
		appended[id] = true
	}
	return appended, nil
}
