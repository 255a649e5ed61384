package postgres

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/craton-ai/craton/internal/store/sqlstore"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// enter is the statement that begins every transaction: it takes on the role
// that row-level security is about and names the tenant, for this transaction
// only, so that a pooler may give the connection to somebody else after it.
const enter = `SELECT set_config('role', $1, true), set_config('craton.tenant', $2, true),
	set_config('synchronous_commit', 'on', true)`

// identityOf is what a scope is to the database: a role and a tenant.
func identityOf(scope sqlstore.Scope) (role, tenant string) {
	switch scope.Role {
	case sqlstore.AppendRole:
		return "craton_append", ""
	case sqlstore.InstallationRole:
		return "none", ""
	}
	return "craton_tenant", ":" + scope.Tenant
}

// engine runs operations on the pool.
type engine struct {
	pool    *pgxpool.Pool
	dialect sqlstore.Dialect
	queries sync.Map // statement with "?" -> with "$1", "$2", …
	// silence makes the alarm of a read.
	silence func(giveUp func()) alarm
}

// Dialect implements [sqlstore.Engine].
func (e *engine) Dialect() sqlstore.Dialect { return e.dialect }

// Write implements [sqlstore.Engine]. Rows are locked in the order in which
// operations change them, and two may wait for each other: the database then
// aborts one, which is tried again.
func (e *engine) Write(ctx context.Context, scope sqlstore.Scope, op func(sqlstore.Tx) error) error {
	var err error
	for range attempts {
		err = e.attempt(ctx, scope, op)
		if c := code(err); c != codeSerializationFailure && c != codeDeadlockDetected {
			return err
		}
	}
	return fmt.Errorf("postgres: given up after %d attempts: %w", attempts, err)
}

func (e *engine) attempt(ctx context.Context, scope sqlstore.Scope, op func(sqlstore.Tx) error) error {
	tx, err := e.pool.BeginTx(ctx, pgx.TxOptions{BeginQuery: begin(scope)})
	if err != nil {
		return err
	}
	if err := op(runner{e, ctx, tx}); err != nil {
		if rollback := tx.Rollback(ctx); rollback != nil && !errors.Is(rollback, pgx.ErrTxClosed) {
			return errors.Join(err, rollback)
		}
		return err
	}
	return tx.Commit(ctx)
}

// begin is BEGIN and enter in one message, where there can be no parameters:
// the tenant is written in hex.
func begin(scope sqlstore.Scope) string {
	role, tenant := identityOf(scope)
	values := strings.NewReplacer("$1", "'"+role+"'", "$2", "convert_from(decode('"+hex.EncodeToString([]byte(tenant))+"', 'hex'), 'UTF8')")
	return "BEGIN; " + values.Replace(enter)
}

// Read implements [sqlstore.Engine].
func (e *engine) Read(ctx context.Context, scope sqlstore.Scope, op func(sqlstore.Tx) error) error {
	return op(view{e, ctx, scope})
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

// runner implements [sqlstore.Tx] in a transaction.
type runner struct {
	engine *engine
	ctx    context.Context
	tx     pgx.Tx
}

// Exec implements [sqlstore.Tx].
func (r runner) Exec(query string, args ...any) (int64, error) {
	tag, err := r.tx.Exec(r.ctx, r.engine.numbered(query), args...)
	return tag.RowsAffected(), err
}

// Query implements [sqlstore.Tx].
func (r runner) Query(query string, args ...any) (sqlstore.Rows, error) {
	rows, err := r.tx.Query(r.ctx, r.engine.numbered(query), args...)
	return answer{Rows: rows}, err
}

// view implements [sqlstore.Tx] for reads: each query is one round trip, a
// transaction of its own that begins with enter.
type view struct {
	engine *engine
	ctx    context.Context
	scope  sqlstore.Scope
}

// Exec implements [sqlstore.Tx].
func (v view) Exec(string, ...any) (int64, error) {
	return 0, errors.New("postgres: a read cannot write")
}

// Query implements [sqlstore.Tx].
func (v view) Query(query string, args ...any) (sqlstore.Rows, error) {
	role, tenant := identityOf(v.scope)
	batch := &pgx.Batch{}
	batch.Queue(enter, role, tenant)
	batch.Queue(v.engine.numbered(query), args...)
	read := begunRead(v.ctx, v.engine.silence)
	results := v.engine.pool.SendBatch(read.ctx, batch)
	_, err := results.Exec()
	var rows pgx.Rows
	if err == nil {
		rows, err = results.Query()
	}
	if err != nil {
		err = read.words(errors.Join(err, results.Close()))
		read.end()
		return nil, err
	}
	read.alarm.stop()
	return readAnswer{answer{Rows: rows, batch: results}, read}, nil
}

// readAnswer is the answer to a read: it is waited for no longer than an alarm
// allows, each time anew.
type readAnswer struct {
	answer
	read *patientRead
}

// Next implements [sqlstore.Rows].
func (a readAnswer) Next() bool {
	a.read.alarm.start()
	defer a.read.alarm.stop()
	return a.answer.Next()
}

// Err implements [sqlstore.Rows].
func (a readAnswer) Err() error { return a.read.words(a.answer.Err()) }

// Close implements [sqlstore.Rows].
func (a readAnswer) Close() error {
	a.read.alarm.start()
	defer a.read.end()
	return a.read.words(a.answer.Close())
}

// answer makes the driver's rows [sqlstore.Rows].
type answer struct {
	pgx.Rows
	batch pgx.BatchResults // nil within a transaction
}

// Close implements [sqlstore.Rows].
func (a answer) Close() error {
	a.Rows.Close()
	if a.batch != nil {
		return errors.Join(a.Err(), a.batch.Close())
	}
	return a.Err()
}

func code(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
