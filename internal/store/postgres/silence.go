package postgres

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// maxSilence is how long a read waits for the database's next word. It is no
// bound on a read that goes on, however long, nor on what its caller does between
// two rows; a query that computes longer than this before its first row is given
// up.
const maxSilence = 30 * time.Second

// errSilent is what a read comes to that was given up.
var errSilent = errors.New("postgres: the database did not answer a read within " + maxSilence.String())

// alarm calls back when nobody stops it in time; start starts it anew.
type alarm interface {
	start()
	stop()
}

// inSilence makes the alarm of a read.
func inSilence(giveUp func()) alarm {
	return clockAlarm{time.AfterFunc(maxSilence, giveUp)}
}

type clockAlarm struct{ timer *time.Timer }

func (a clockAlarm) start() { a.timer.Reset(maxSilence) }
func (a clockAlarm) stop()  { a.timer.Stop() }

// patientRead bounds what one read waits for. A server that is gone without a
// word never answers, and TCP gives a connection up after a quarter of an hour
// only.
type patientRead struct {
	ctx   context.Context
	done  context.CancelCauseFunc
	alarm alarm
}

// begunRead starts the wait for the first word.
func begunRead(ctx context.Context, ring func(giveUp func()) alarm) *patientRead {
	ctx, done := context.WithCancelCause(ctx)
	return &patientRead{ctx: ctx, done: done, alarm: ring(func() { done(errSilent) })}
}

// words is an error as the caller may judge it: nobody cancelled what was given
// up.
func (r *patientRead) words(err error) error {
	if err != nil && context.Cause(r.ctx) == errSilent {
		return errSilent
	}
	return err
}

// end gives up what the read holds.
func (r *patientRead) end() {
	r.alarm.stop()
	r.done(nil)
}

// keepAlive is when TCP asks a silent server whether it is there, and
// userTimeout how long one may leave anything unacknowledged. They hold for
// every connection, whatever is asked on it: a server that is there and computes
// acknowledges.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 2}

const userTimeout = 15 * time.Second

// attentive is a dialer whose connections notice that the server is gone.
func attentive(dial pgconn.DialFunc) pgconn.DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if tcp, ok := conn.(*net.TCPConn); ok && err == nil {
			// Where the system has no such setting the others hold.
			_ = tcp.SetKeepAliveConfig(keepAlive)
			_ = setUserTimeout(tcp, userTimeout)
		}
		return conn, err
	}
}
