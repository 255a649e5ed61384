package postgres

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/store/sqlstore"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrClosed says that the store was closed before the append was accepted.
var ErrClosed = errors.New("postgres: the store is closed")

// maxGroup is how many appends share a transaction; committers is how many
// groups are under way, so that one is written while another is synced.
const (
	maxGroup   = 256
	committers = 2
)

// pending is an append on its way to a committer and back.
type pending struct {
	ctx   context.Context
	batch session.Batch
	// done gets true once the append is durable, and false if it has not
	// happened: then the caller appends alone, and is told why.
	done chan bool
}

// group commits the appends of many sessions together: one statement and one
// sync for what waited. It only ever succeeds; whatever is refused, or fails,
// is left to the statements that every database shares.
type group struct {
	pool    *pgxpool.Pool
	queue   chan *pending
	closing chan struct{} // closed by close: accept nothing more
	stopped chan struct{} // closed by close when nothing more is answered
	stop    sync.Once
	work    sync.WaitGroup
}

func startGroup(pool *pgxpool.Pool) *group {
	g := &group{pool: pool, queue: make(chan *pending, maxGroup), closing: make(chan struct{}), stopped: make(chan struct{})}
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
	p := &pending{ctx: ctx, batch: b, done: make(chan bool, 1)}
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
	case ok := <-p.done:
		return ok, nil
	case <-ctx.Done():
		return false, ctx.Err()
	case <-g.stopped:
	}
	// A committer may have answered this one last.
	select {
	case ok := <-p.done:
		return ok, nil
	default:
		return false, ErrClosed
	}
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
			p.done <- false
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
	for _, p := range now {
		p.done <- err == nil && appended[p.batch.Session.ID]
	}
	return rest
}

// send runs the statement and returns the sessions that were appended to. The
// two statements are one round trip and one transaction.
func (g *group) send(c *columns) (map[string]bool, error) {
	ctx := context.Background()
	role, tenant := identityOf(sqlstore.Scope{Role: sqlstore.AppendRole})
	batch := &pgx.Batch{}
	batch.Queue(enter, role, tenant)
	batch.Queue(appendGroup, c.args()...)
	results := g.pool.SendBatch(ctx, batch)
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
