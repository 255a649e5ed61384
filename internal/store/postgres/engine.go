package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/craton-ai/craton/internal/store/sqlstore"
)

// engine runs operations on the pool, each in a transaction of its own.
type engine struct {
	db      *sql.DB
	dialect sqlstore.Dialect
	queries sync.Map // statement with "?" -> with "$1", "$2", …
}

// Dialect implements [sqlstore.Engine].
func (e *engine) Dialect() sqlstore.Dialect { return e.dialect }

// Write implements [sqlstore.Engine]. Rows are locked in the order in which
// operations change them, and two may wait for each other: the database then
// aborts one, which is tried again.
func (e *engine) Write(ctx context.Context, op func(sqlstore.Tx) error) error {
	var err error
	for range attempts {
		err = e.attempt(ctx, op)
		if c := code(err); c != codeSerializationFailure && c != codeDeadlockDetected {
			return err
		}
	}
	return fmt.Errorf("postgres: given up after %d attempts: %w", attempts, err)
}

func (e *engine) attempt(ctx context.Context, op func(sqlstore.Tx) error) error {
	tx, err := e.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := op(runner{e, ctx, tx}); err != nil {
		if rollback := tx.Rollback(); rollback != nil && !errors.Is(rollback, sql.ErrTxDone) {
			return errors.Join(err, rollback)
		}
		return err
	}
	return tx.Commit()
}

// Read implements [sqlstore.Engine].
func (e *engine) Read(ctx context.Context, op func(sqlstore.Tx) error) error {
	return op(runner{e, ctx, e.db})
}

// numbered turns "?" into "$1", "$2", … Statements are constants of package
// sqlstore and hold no question marks but parameters.
func (e *engine) numbered(query string) string {
	if known, ok := e.queries.Load(query); ok {
		return known.(string)
	}
	var out strings.Builder
	n := 0
	for part := range strings.SplitSeq(query, "?") {
		if n > 0 {
			out.WriteString("$" + strconv.Itoa(n))
		}
		out.WriteString(part)
		n++
	}
	e.queries.Store(query, out.String())
	return out.String()
}

// conn is what *sql.DB and *sql.Tx have in common.
type conn interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// runner implements [sqlstore.Tx].
type runner struct {
	engine *engine
	ctx    context.Context
	conn   conn
}

// Exec implements [sqlstore.Tx].
func (r runner) Exec(query string, args ...any) (int64, error) {
	result, err := r.conn.ExecContext(r.ctx, r.engine.numbered(query), args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// Query implements [sqlstore.Tx].
func (r runner) Query(query string, args ...any) (*sql.Rows, error) {
	return r.conn.QueryContext(r.ctx, r.engine.numbered(query), args...)
}
