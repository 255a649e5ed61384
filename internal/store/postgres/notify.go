package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// channel is what replicas notify each other on. It is part of the contract
// between them: never change it.
const channel = "craton_due"

// Notifications are hints (see [session.Hinter]): they are sent after the
// append, never in its transaction, where they would make commits wait for one
// another, and at most one in coalesce. A replica that cannot listen, as behind
// a pooler, tries again after relisten, and polls meanwhile.
const (
	coalesce = 20 * time.Millisecond
	relisten = 30 * time.Second
)

// notifier passes hints on to other replicas and from them.
type notifier struct {
	pool *pgxpool.Pool
	hint func()        // hints at home
	out  chan struct{} // holds one hint that is to be sent
}

// tell asks for a notification.
func (n *notifier) tell() {
	select {
	case n.out <- struct{}{}:
	default:
	}
}

// send notifies until the context ends.
func (n *notifier) send(ctx context.Context) {
	for {
		select {
		case <-n.out:
		case <-ctx.Done():
			return
		}
		n.notify(ctx)
		pause(ctx, coalesce)
	}
}

// notify sends one hint. One that is lost costs the time to the next poll, no
// more.
func (n *notifier) notify(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, _ = n.pool.Exec(ctx, "SELECT pg_notify($1, '')", channel)
}

// listen hints until the context ends.
func (n *notifier) listen(ctx context.Context) {
	for ctx.Err() == nil {
		_ = n.hear(ctx)
		pause(ctx, relisten)
	}
}

// hear listens on a connection of its own until it breaks.
func (n *notifier) hear(ctx context.Context) error {
	conn, err := pgx.ConnectConfig(ctx, n.pool.Config().ConnConfig)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		return err
	}
	n.hint() // for what came before
	for {
		if _, err := conn.WaitForNotification(ctx); err != nil {
			return err
		}
		n.hint()
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
