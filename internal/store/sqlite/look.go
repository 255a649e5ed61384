package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"time"

	"github.com/craton-ai/craton/internal/store/sqlstore"
)

// Look returns the version of the schema of the directory's database, 0 where
// it has none yet, and changes nothing in it: unlike [Open] it does not migrate.
// It answers [ErrInUse] if another process has the directory,
// [sqlstore.ErrNewerSchema] if a newer program wrote it, and an error where
// there is no database.
func Look(ctx context.Context, dir string) (version int64, err error) {
	lock, err := takeLock(dir)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, lock.release()) }()
	path := filepath.Join(dir, FileName)
	db, err := readOnly(path, 1, readerPragmas)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if version, err = schemaVersion(ctx, db); err != nil {
		return 0, fmt.Errorf("sqlite: look into %s: %w", path, err)
	}
	return version, tooNew(path, version)
}

// tooNew refuses the schema of a newer program.
func tooNew(path string, version int64) error {
	known := sqlstore.SchemaVersion()
	if version <= known {
		return nil
	}
	return fmt.Errorf("%s: %w: its schema has version %d, this program knows up to %d; run the newer program, or restore a backup made with this one",
		path, sqlstore.ErrNewerSchema, version, known)
}

// ErrReadOnly is the answer to a write where the database was opened to be read.
var ErrReadOnly = errors.New("sqlite: the database was opened to be read only")

// OpenReadOnly takes the directory and opens its database, which must be there,
// without changing anything in it: what a process that was killed left in the log
// stays there. Whatever the schema's version, which it returns, [Store.Backup]
// copies the database as it is; other methods read a schema of the version
// [sqlstore.SchemaVersion] and answer writes with [ErrReadOnly]. It answers
// [ErrInUse] if another process has the directory.
func OpenReadOnly(ctx context.Context, dir string) (_ *Store, version int64, err error) {
	lock, err := takeLock(dir)
	if err != nil {
		return nil, 0, err
	}
	s := &Store{dir: dir, lock: lock, clock: time.Now}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	path := filepath.Join(dir, FileName)
	reads, err := readOnly(path, readers, readerPragmas)
	if err != nil {
		return nil, 0, err
	}
	s.read = newReader(reads)
	if version, err = schemaVersion(ctx, reads); err != nil {
		return nil, 0, fmt.Errorf("sqlite: read %s: %w", path, err)
	}
	words := dialect
	words.Clock = s.clock
	s.DB = sqlstore.New(readEngine{s.read, words})
	return s, version, nil
}

// readEngine is an engine that refuses writes.
type readEngine struct {
	*reader
	dialect sqlstore.Dialect
}

// Dialect implements [sqlstore.Engine].
func (e readEngine) Dialect() sqlstore.Dialect { return e.dialect }

// Write implements [sqlstore.Engine].
func (readEngine) Write(context.Context, sqlstore.Scope, func(sqlstore.Tx) error) error {
	return ErrReadOnly
}

// readOnly opens a pool of connections that can change nothing in the database.
func readOnly(path string, size int, more []string) (*sql.DB, error) {
	return pool(path, url.Values{"mode": {"ro"}, "_pragma": slices.Concat(pragmas, more)}, size)
}

func schemaVersion(ctx context.Context, db *sql.DB) (version int64, err error) {
	var tables int
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE name = 'schema_versions'").Scan(&tables); err != nil || tables == 0 {
		return 0, err
	}
	err = db.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM schema_versions WHERE is_applied").Scan(&version)
	return version, err
}
