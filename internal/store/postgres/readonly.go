package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/craton-ai/craton/internal/store/sqlstore"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrReadOnly is the answer to a write where the database was opened to be read.
var ErrReadOnly = errors.New("postgres: the database was opened to be read only")

// Reader is a database that is only read. It is safe for concurrent use, and
// answers writes with [ErrReadOnly].
type Reader struct {
	*sqlstore.DB
	pool *pgxpool.Pool
}

// OpenReadOnly connects to the database at address without migrating it. A schema
// that is not the one this program knows is refused, one from a newer program
// with [sqlstore.ErrNewerSchema].
func OpenReadOnly(ctx context.Context, address string) (*Reader, error) {
	config, err := configure(address)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err == nil {
		if err = inspect(ctx, pool); err == nil {
			return &Reader{DB: sqlstore.New(readEngine{&engine{pool: pool, dialect: dialect, silence: inSilence}}), pool: pool}, nil
		}
		pool.Close()
	}
	return nil, fmt.Errorf("postgres: %s on %s: %w", config.ConnConfig.Database, config.ConnConfig.Host, err)
}

// Close closes all connections. Closing twice is no error.
func (r *Reader) Close() error {
	r.pool.Close()
	return nil
}

// inspect refuses a schema that this program cannot read as it is.
func inspect(ctx context.Context, pool *pgxpool.Pool) error {
	var there bool
	if err := pool.QueryRow(ctx, "SELECT to_regclass('schema_versions') IS NOT NULL").Scan(&there); err != nil {
		return err
	}
	if !there {
		return errors.New("there is no store in it: `craton serve` makes one at its first start")
	}
	var version int64
	if err := pool.QueryRow(ctx, "SELECT coalesce(max(version_id), 0) FROM schema_versions WHERE is_applied").Scan(&version); err != nil {
		return err
	}
	switch known := sqlstore.SchemaVersion(); {
	case version > known:
		return fmt.Errorf("%w: its schema has version %d, this program knows up to %d; run the newer program",
			sqlstore.ErrNewerSchema, version, known)
	case version < known:
		return fmt.Errorf("its schema has version %d, this program reads %d: run the program that serves it, or let `craton serve` bring it forward",
			version, known)
	}
	return nil
}

// readEngine is an engine that refuses writes.
type readEngine struct{ *engine }

// Write implements [sqlstore.Engine].
func (readEngine) Write(context.Context, sqlstore.Scope, func(sqlstore.Tx) error) error {
	return ErrReadOnly
}
