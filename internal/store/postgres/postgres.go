// Package postgres keeps everything in a PostgreSQL database (15 or newer):
// the store of an installation with several replicas.
//
// It is for the command that starts the server.
//
// It guarantees what package sqlstore asks of an engine: a write is one
// transaction, durable when acknowledged (synchronous_commit is set on each
// connection, whatever the server's default), and repeated if the database
// chose it as the victim of a deadlock; replicas that start together migrate
// the schema once.
//
// Example:
//
//	store, err := postgres.Open(ctx, "postgres://craton@db/craton")
//	if err != nil {
//		return err
//	}
//	defer store.Close()
package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/craton-ai/craton/internal/store/sqlstore"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// migrationLock is the advisory lock under which the schema is changed. It is
// part of the contract between replicas: never change it.
const migrationLock = 0x63726174 // "crat"

// maxConnections bounds the pool; beyond, operations take turns.
const maxConnections = 32

// SQLSTATE codes, from PostgreSQL's appendix A.
const (
	codeUniqueViolation      = "23505"
	codeSerializationFailure = "40001"
	codeDeadlockDetected     = "40P01"
)

// attempts is how often a write is tried that the database aborted in favour
// of another.
const attempts = 5

var dialect = sqlstore.Dialect{
	Name: "postgres",
	// Bytewise order, whatever the database's locale: cursors and prefixes
	// count on it.
	Text: `TEXT COLLATE "C"`, Bytes: "BYTEA", JSON: "JSONB",
	Member: func(column string) string { return "(" + column + " ->> CAST(? AS TEXT))" },
	// Not now(), which stands still within a transaction.
	Now:        "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)",
	ForUpdate:  " FOR UPDATE",
	SkipLocked: " FOR UPDATE SKIP LOCKED",
	IsConflict: func(err error) bool { return code(err) == codeUniqueViolation },
}

func code(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// Store is an open database. It implements the contracts of packages document,
// identity, session and usage, and is safe for concurrent use.
type Store struct {
	*sqlstore.DB
	db *sql.DB
}

// Option changes what [Open] opens.
type Option func(*engine)

// withClock replaces the query for the database's clock, for tests.
func withClock(query string) Option { return func(e *engine) { e.dialect.Now = query } }

// Open connects to the database at address (a URL or keywords and values) and
// migrates it. A schema from a newer program is refused with
// [sqlstore.ErrNewerSchema].
func Open(ctx context.Context, address string, options ...Option) (*Store, error) {
	config, err := pgx.ParseConfig(address)
	if err != nil {
		// The driver's error would show the password.
		return nil, errors.New("postgres: the database address is malformed: it should look like postgres://user@host/database")
	}
	if _, set := config.RuntimeParams["synchronous_commit"]; !set {
		config.RuntimeParams["synchronous_commit"] = "on"
	}
	if _, set := config.RuntimeParams["application_name"]; !set {
		config.RuntimeParams["application_name"] = "craton"
	}
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(maxConnections)
	db.SetMaxIdleConns(maxConnections)
	if err := prepare(ctx, db); err != nil {
		return nil, errors.Join(fmt.Errorf("postgres: %s on %s: %w", config.Database, config.Host, err), db.Close())
	}
	e := &engine{db: db, dialect: dialect}
	for _, option := range options {
		option(e)
	}
	return &Store{DB: sqlstore.New(e), db: db}, nil
}

func prepare(ctx context.Context, db *sql.DB) error {
	if err := db.PingContext(ctx); err != nil {
		return err
	}
	// Look every second, for five minutes, whether another replica is done.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockID(migrationLock), lock.WithLockTimeout(1, 300))
	if err != nil {
		return err
	}
	return sqlstore.Migrate(ctx, db, dialect, goose.WithSessionLocker(locker))
}

// Close closes all connections, waiting for operations to end.
func (s *Store) Close() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("postgres: close: %w", err)
	}
	return nil
}
