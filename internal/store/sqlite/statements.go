package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"github.com/craton-ai/craton/internal/store/sqlstore"
)

// reader runs reads on a pool of connections that cannot write.
type reader struct {
	db    *sql.DB
	mu    sync.RWMutex
	known map[string]*sql.Stmt
}

// maxStatements bounds how many prepared reads are kept; filters make a few
// dozen.
const maxStatements = 256

func newReader(db *sql.DB) *reader {
	return &reader{db: db, known: make(map[string]*sql.Stmt)}
}

// Read implements [sqlstore.Engine].
func (r *reader) Read(ctx context.Context, _ sqlstore.Scope, op func(sqlstore.Tx) error) error {
	return op(view{r, ctx})
}

func (r *reader) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	r.mu.RLock()
	stmt := r.known[query]
	r.mu.RUnlock()
	if stmt != nil {
		return stmt, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if stmt := r.known[query]; stmt != nil {
		return stmt, nil
	}
	if len(r.known) >= maxStatements {
		return nil, nil
	}
	stmt, err := r.db.PrepareContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("prepare %q: %w", query, err)
	}
	r.known[query] = stmt
	return stmt, nil
}

func (r *reader) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for _, stmt := range r.known {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(append(errs, r.db.Close())...)
}

// view is a read under one context.
type view struct {
	r   *reader
	ctx context.Context
}

// Exec implements [sqlstore.Tx]; the connections refuse writes.
func (v view) Exec(query string, args ...any) (int64, error) {
	result, err := v.r.db.ExecContext(v.ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// Query implements [sqlstore.Tx].
func (v view) Query(query string, args ...any) (sqlstore.Rows, error) {
	stmt, err := v.r.stmt(v.ctx, query)
	if err != nil {
		return nil, err
	}
	if stmt == nil {
		return v.r.db.QueryContext(v.ctx, query, args...)
	}
	return stmt.QueryContext(v.ctx, args...)
}
