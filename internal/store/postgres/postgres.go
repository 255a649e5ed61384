// Package postgres keeps everything in a PostgreSQL database (15 or newer):
// the store of an installation with several replicas.
//
// It is for the command that starts the server.
//
// It guarantees what package sqlstore asks of an engine: a write is one
// transaction, durable when acknowledged (synchronous_commit is set in each,
// whatever the server's default), and repeated if the database chose it
// as the victim of a deadlock; replicas that start together migrate the schema
// once.
// Appends of many sessions are committed together, one statement for all; a
// database that does not answer one within ten seconds leaves its outcome unknown,
// and is asked on new connections from then on. A read is given up when the
// database says nothing for half a minute, and any connection whose server does
// not acknowledge for a quarter of one. A
// tenant's rows are visible to transactions that name the tenant, which the
// database enforces (forced row-level security). Nothing outlives a
// transaction on a connection, so that a pooler may stand in between.
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
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/craton-ai/craton/internal/store/sqlstore"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
)

// migrationLock is the advisory lock under which the schema is changed. It is
// part of the contract between replicas: never change it.
const migrationLock = 0x63726174 // "crat"

// migrationTimeout is how long a replica waits for another's migration.
const migrationTimeout = 5 * time.Minute

// pingTimeout is how long a connection that was idle may take to prove that it is
// alive, before another is tried.
const pingTimeout = 2 * time.Second

// maxConnections bounds the pool; beyond, operations take turns.
const maxConnections = 32

// SQLSTATE codes, from PostgreSQL's appendix A.
const (
	codeUniqueViolation      = "23505"
	codeSerializationFailure = "40001"
	codeDeadlockDetected     = "40P01"

	codeInsufficientPrivilege = "42501"
)

// attempts is how often a write is tried that the database aborted in favour
// of another.
const attempts = 5

var dialect = sqlstore.Dialect{
	Name: "postgres",
	// Bytewise order, whatever the database's locale: cursors and prefixes
	// count on it.
	Text: `TEXT COLLATE "C"`, Bytes: "BYTEA", JSON: "JSONB",
	Members: "jsonb_each_text(CAST(? AS JSONB))",
	Member:  func(column string) string { return "(" + column + " ->> CAST(? AS TEXT))" },
	// Not now(), which stands still within a transaction.
	Now:        "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)",
	ForUpdate:  " FOR UPDATE",
	SkipLocked: " FOR UPDATE SKIP LOCKED",
	IsConflict: func(err error) bool { return code(err) == codeUniqueViolation },
}

// Store is an open database. It implements the contracts of packages document,
// identity, session and usage, and is safe for concurrent use.
type Store struct {
	*sqlstore.DB
	pool *pgxpool.Pool
	// appends and deltas commit what many sessions append together.
	appends, deltas *group
	// stop ends the goroutines that pass on hints, hinting waits for them.
	stop    context.CancelFunc
	hinting sync.WaitGroup
}

// Option changes what [Open] opens.
type Option func(*settings)

// settings are what options change; all are for tests.
type settings struct {
	// clock is the query for the database's clock; empty for its own.
	clock string
	// pool changes the pool; nil for not.
	pool func(*pgxpool.Config)
	// bound makes the context of a group's statement.
	bound func() (context.Context, context.CancelFunc)
	// silence makes the alarm of a read.
	silence func(giveUp func()) alarm
}

func withClock(query string) Option { return func(s *settings) { s.clock = query } }

func withPool(change func(*pgxpool.Config)) Option { return func(s *settings) { s.pool = change } }

func withBound(bound func() (context.Context, context.CancelFunc)) Option {
	return func(s *settings) { s.bound = bound }
}

func withSilence(silence func(giveUp func()) alarm) Option {
	return func(s *settings) { s.silence = silence }
}

// Open connects to the database at address (a URL or keywords and values) and
// migrates it. A schema from a newer program is refused with
// [sqlstore.ErrNewerSchema].
func Open(ctx context.Context, address string, options ...Option) (*Store, error) {
	config, err := configure(address)
	if err != nil {
		return nil, err
	}
	set := settings{bound: patient, silence: inSilence}
	for _, option := range options {
		option(&set)
	}
	if set.pool != nil {
		set.pool(config)
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("postgres: %s on %s: %w", config.ConnConfig.Database, config.ConnConfig.Host, err)
	}
	if err := prepare(ctx, pool); err != nil {
		pool.Close()
		return nil, fmt.Errorf("postgres: %s on %s: %w", config.ConnConfig.Database, config.ConnConfig.Host, err)
	}
	words := dialect
	words.Now = cmp.Or(set.clock, words.Now)
	s := &Store{
		DB: sqlstore.New(&engine{pool: pool, dialect: words, silence: set.silence}), pool: pool,
		appends: startGroup(pool, committers, appendsBy(words.Now), set.bound),
		deltas:  startGroup(pool, deltaCommitter, deltasBy(words.Now), set.bound),
	}
	n := &notifier{pool: pool, hint: s.Hint, out: make(chan struct{}, 1)}
	s.Tell(n.tell)
	// They end with the store, not with the opening.
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	s.hinting.Go(func() { n.send(background) })
	s.hinting.Go(func() { n.listen(background) })
	return s, nil
}

// configure reads the address and sets what does not depend on it.
func configure(address string) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(address)
	if err != nil {
		// The driver's error would show the password.
		return nil, errors.New("postgres: the database address is malformed: it should look like postgres://user@host/database")
	}
	params := config.ConnConfig.RuntimeParams
	if _, set := params["application_name"]; !set {
		params["application_name"] = "craton"
	}
	// Statements are described once and never prepared by name: the next
	// transaction may be on another of a pooler's connections.
	if !strings.Contains(address, "default_query_exec_mode") {
		config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	config.MaxConns = maxConnections
	config.ConnConfig.DialFunc = attentive(config.ConnConfig.DialFunc)
	if config.PingTimeout == 0 {
		config.PingTimeout = pingTimeout
	}
	return config, nil
}

// prepare migrates the schema, one replica at a time: the others wait for the
// lock, which a transaction holds because a pooler allows no longer.
func prepare(ctx context.Context, pool *pgxpool.Pool) (err error) {
	ctx, cancel := context.WithTimeout(ctx, migrationTimeout)
	defer cancel()
	tx, err := pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tx.Rollback(context.WithoutCancel(ctx))) }()
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", migrationLock); err != nil {
		return err
	}
	db := stdlib.OpenDBFromPool(pool)
	err = errors.Join(sqlstore.Migrate(ctx, db, dialect), db.Close())
	if code(err) == codeInsufficientPrivilege {
		return fmt.Errorf("%w; let an administrator run: CREATE ROLE craton_tenant NOLOGIN; CREATE ROLE craton_append NOLOGIN; "+
			"GRANT craton_tenant, craton_append TO this user", err)
	}
	return err
}

// Close finishes the appends that were accepted and closes all connections,
// waiting for operations to end. Closing twice is no error.
func (s *Store) Close() error {
	s.appends.close()
	s.deltas.close()
	s.stop()
	s.hinting.Wait()
	s.pool.Close()
	return nil
}
