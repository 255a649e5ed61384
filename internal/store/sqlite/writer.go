package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/craton-ai/craton/internal/store/sqlstore"
)

// ErrClosed says that the store was closed before the write was accepted.
var ErrClosed = errors.New("sqlite: the store is closed")

// maxGroup is how many operations share a transaction. More would make each
// wait longer and save little: a sync costs as much as some dozen operations.
const maxGroup = 256

// operation is a write on its way to the writer and back.
type operation struct {
	ctx context.Context
	op  func(sqlstore.Tx) error
	// loose is as in [sqlstore.Scope].
	loose bool
	err   error
	done  chan struct{} // closed when err is final
}

// writer is the one goroutine that writes. What waits for it when it turns to
// its queue goes into one transaction, each operation succeeding or failing by
// itself, and is acknowledged after the commit: the more writers, the fewer
// syncs for each.
type writer struct {
	line    *line
	conn    *conn
	loose   bool          // whether commits leave syncing to a later one
	stopped chan struct{} // closed by the goroutine when it is done
}

func startWriter(path string) (*writer, error) {
	conn, err := dial(path, slices.Concat(pragmas, writerPragmas))
	if err != nil {
		return nil, err
	}
	w := &writer{line: newLine(), conn: conn, stopped: make(chan struct{})}
	go w.run()
	return w, nil
}

// Write implements [sqlstore.Engine]. A context that ends before the writer
// takes the operation up cancels it; after that the answer is waited for, so
// that the outcome is always known.
func (w *writer) Write(ctx context.Context, scope sqlstore.Scope, op func(sqlstore.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	o := &operation{ctx: ctx, op: op, loose: scope.Loose, done: make(chan struct{})}
	if !w.line.push(o) {
		return ErrClosed
	}
	<-o.done
	return o.err
}

// close lets the writer finish what it accepted.
func (w *writer) close() error {
	w.line.close()
	<-w.stopped
	// Best effort: the next start would do it.
	err := w.conn.once("PRAGMA wal_checkpoint(TRUNCATE)")
	return errors.Join(err, w.conn.close())
}

func (w *writer) run() {
	defer close(w.stopped)
	group := make([]*operation, 0, maxGroup)
	for {
		if group = w.line.take(group); len(group) == 0 {
			return
		}
		w.commit(group)
		clear(group)
	}
}

// commit runs the group in one transaction and answers every operation. It
// runs them bare at first, which is a third faster, and with savepoints only if
// one failed that has to be undone.
func (w *writer) commit(group []*operation) {
	err := w.set(!slices.ContainsFunc(group, func(o *operation) bool { return !o.loose }))
	if err == nil {
		err = w.attempt(group, w.bare)
	}
	if errors.Is(err, errUndo) {
		w.rollback()
		err = w.attempt(group, w.saved)
	}
	if err != nil {
		w.rollback()
	}
	w.line.answered(len(group))
	for _, o := range group {
		if o.err == nil {
			o.err = err
		}
		close(o.done)
	}
}

// set decides whether the next commit waits for the disk: it does unless every
// operation in it is loose. What it did not sync, the next that does has synced.
func (w *writer) set(loose bool) error {
	if loose == w.loose {
		return nil
	}
	level := "FULL"
	if loose {
		level = "NORMAL"
	}
	// Not prepared: SQLite takes this pragma up when it compiles it.
	if err := w.conn.once("PRAGMA synchronous = " + level); err != nil {
		return fmt.Errorf("sqlite: synchronous: %w", err)
	}
	w.loose = loose
	return nil
}

// rollback ends a transaction without effect. A failure leaves nothing to
// undo: SQLite may have rolled back by itself, which is what made the attempt
// fail.
func (w *writer) rollback() { _, _ = w.conn.Exec("ROLLBACK") }

// attempt runs the group, each operation by run, in one transaction. It answers
// an error if nothing took place.
func (w *writer) attempt(group []*operation, run func(*operation) error) error {
	if _, err := w.conn.Exec("BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("sqlite: begin: %w", err)
	}
	for _, o := range group {
		if o.err = o.ctx.Err(); o.err != nil {
			continue
		}
		if err := run(o); err != nil {
			return err
		}
	}
	begun := time.Now()
	if _, err := w.conn.Exec("COMMIT"); err != nil {
		return fmt.Errorf("sqlite: commit: %w", err)
	}
	if !w.loose {
		w.line.synced(time.Since(begun))
	}
	return nil
}

// errUndo says that an operation failed after it may have changed something.
var errUndo = errors.New("sqlite: an operation has to be undone")

// bare runs an operation that, it is hoped, succeeds or fails at once.
func (w *writer) bare(o *operation) error {
	w.conn.touched = false
	o.err = o.op(w.conn)
	// An error of SQLite's own, even on reading, may have ended the transaction.
	var broken *failure
	if o.err != nil && (w.conn.touched || errors.As(o.err, &broken)) {
		return errUndo
	}
	return nil
}

// saved runs an operation in a savepoint; one that fails keeps its error and
// leaves no trace.
func (w *writer) saved(o *operation) error {
	if _, err := w.conn.Exec("SAVEPOINT operation"); err != nil {
		return fmt.Errorf("sqlite: savepoint: %w", err)
	}
	if o.err = o.op(w.conn); o.err != nil {
		if _, err := w.conn.Exec("ROLLBACK TO operation"); err != nil {
			return fmt.Errorf("sqlite: roll back an operation: %w", err)
		}
	}
	if _, err := w.conn.Exec("RELEASE operation"); err != nil {
		return fmt.Errorf("sqlite: release: %w", err)
	}
	return nil
}
