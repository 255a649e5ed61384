package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/craton-ai/craton/internal/store/sqlstore"
	_ "modernc.org/sqlite" // registers the driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// FileName is the database's name within the data directory.
const FileName = "craton.db"

// readers is how many reads run at once; more would only take turns.
const readers = 8

// pragmas are set on every connection; the writer's and the readers' follow.
var (
	pragmas = []string{
		// Wait for a lock instead of failing; only start-up and backup meet one.
		"busy_timeout(10000)",
		// No foreign keys are declared; references are kept by transactions.
		"foreign_keys(OFF)",
		// Sorting and temporary indexes need not touch the disk.
		"temp_store(MEMORY)",
	}
	writerPragmas = []string{
		// Readers and the writer do not wait for each other.
		"journal_mode(WAL)",
		// Sync the log at each commit: acknowledged is durable.
		"synchronous(FULL)",
		// Overwrite what is deleted: erased must be gone, not only unlinked.
		"secure_delete(ON)",
		// Copy the log into the database every 16 MiB rather than every 4: the
		// commit that does it waits for two more syncs.
		"wal_autocheckpoint(4000)",
		// Give back what a burst made the log grow to.
		"journal_size_limit(67108864)",
		// 16 MiB of pages; the negative number means KiB.
		"cache_size(-16384)",
	}
	readerPragmas = []string{
		// A read that writes is a mistake.
		"query_only(ON)",
		"cache_size(-4096)",
	}
)

var dialect = sqlstore.Dialect{
	Name: "sqlite",
	// SQLite compares text bytewise by default.
	Text: "TEXT", Bytes: "BLOB", JSON: "TEXT",
	Members: "json_each(?)",
	// json_each, unlike a path, takes any name as it is.
	Member: func(column string) string {
		return "(SELECT CAST(value AS TEXT) FROM json_each(" + column + ") WHERE key = ?)"
	},
	IsConflict: func(err error) bool {
		var f *failure
		return errors.As(err, &f) &&
			(f.code == sqlite3.SQLITE_CONSTRAINT_UNIQUE || f.code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
	},
}

// Store is an open database. It implements the contracts of packages document,
// identity, session and usage, and is safe for concurrent use.
type Store struct {
	*sqlstore.DB
	dir   string
	lock  *lock
	read  *reader
	write *writer
	clock func() time.Time
	// migrating is told of a migration, if not nil.
	migrating func(from, to int64)
}

// Option changes what [Open] opens.
type Option func(*Store)

// WithClock sets the clock of leases, timers and expiry; without it that is
// the machine's.
func WithClock(clock func() time.Time) Option { return func(s *Store) { s.clock = clock } }

// WithMigrating has [Open] say that it brings the schema forward, and from which
// version to which: that may take long.
func WithMigrating(told func(from, to int64)) Option { return func(s *Store) { s.migrating = told } }

// Open takes the directory, which it makes if needed (mode 0700), and opens
// and migrates its database. It answers [ErrInUse] if another process has the
// directory, and [sqlstore.ErrNewerSchema] if a newer program wrote it.
func Open(ctx context.Context, dir string, options ...Option) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("sqlite: data directory: %w", err)
	}
	lock, err := takeLock(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{dir: dir, lock: lock, clock: time.Now}
	for _, option := range options {
		option(s)
	}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) error {
	path := filepath.Join(s.dir, FileName)
	// SQLite would create the file readable by all.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("sqlite: database file: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("sqlite: database file: %w", err)
	}
	// SQLite makes the file's content durable, its name is up to us.
	if err := syncPath(s.dir); err != nil {
		return err
	}
	if err := migrate(ctx, path, s.migrating); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	reads, err := connect(path, readers, readerPragmas)
	if err != nil {
		return err
	}
	s.read = newReader(reads)
	if s.write, err = startWriter(path); err != nil {
		return err
	}
	words := dialect
	words.Clock = s.clock
	s.DB = sqlstore.New(engine{s.read, s.write, words})
	return nil
}

// migrate brings the database forward, before anybody else uses it.
func migrate(ctx context.Context, path string, told func(from, to int64)) (err error) {
	db, err := connect(path, 1, writerPragmas)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	words := dialect
	words.Migrating = told
	if err := sqlstore.Migrate(ctx, db, words); err != nil {
		return err
	}
	// Statistics of a store that was small mislead when it is large: joins that
	// scan a table of one row are chosen, and take minutes once it has thousands.
	// Without any, SQLite goes by indexes.
	if _, err := db.ExecContext(ctx, "DROP TABLE IF EXISTS sqlite_stat1; DROP TABLE IF EXISTS sqlite_stat4"); err != nil {
		return fmt.Errorf("sqlite: drop statistics: %w", err)
	}
	return nil
}

// connect opens a pool of connections with the common pragmas and more.
func connect(path string, size int, more []string) (*sql.DB, error) {
	return pool(path, url.Values{"_pragma": slices.Concat(pragmas, more)}, size)
}

// pool opens a pool of connections with options as the driver and SQLite know them.
func pool(path string, options url.Values, size int) (*sql.DB, error) {
	db, err := sql.Open("sqlite", uri(path)+"?"+options.Encode())
	if err != nil {
		return nil, fmt.Errorf("sqlite: open %s: %w", path, err)
	}
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	db.SetConnMaxIdleTime(time.Minute) // with its pages
	return db, nil
}

// uri is how SQLite is told a path in which any character may be.
func uri(path string) string {
	name := "file:" + (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath()
	if strings.HasPrefix(name, "file://") { // a relative path that begins with a slash there would name a host
		name = "file:" + strings.TrimPrefix(name, "file://")
	}
	return name
}

// Close finishes the writes that were accepted, empties the log into the
// database, and gives up the directory. Later writes are refused. Closing
// twice is no error.
func (s *Store) Close() error {
	var errs []error
	if s.write != nil {
		errs = append(errs, s.write.close())
		s.write = nil
	}
	if s.read != nil {
		errs = append(errs, s.read.close())
		s.read = nil
	}
	if s.lock != nil {
		errs = append(errs, s.lock.release())
		s.lock = nil
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("sqlite: close: %w", err)
	}
	return nil
}

// engine joins the two halves for package sqlstore.
type engine struct {
	*reader
	*writer
	dialect sqlstore.Dialect
}

// Dialect implements [sqlstore.Engine].
func (e engine) Dialect() sqlstore.Dialect { return e.dialect }
