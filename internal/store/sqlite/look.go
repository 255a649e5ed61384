package sqlite

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"

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
	if version, err = schemaVersion(ctx, path); err != nil {
		return 0, fmt.Errorf("sqlite: look into %s: %w", path, err)
	}
	if known := sqlstore.SchemaVersion(); version > known {
		return version, fmt.Errorf("%s: %w: its schema has version %d, this program knows up to %d; run the newer program, or restore a backup made with this one",
			path, sqlstore.ErrNewerSchema, version, known)
	}
	return version, nil
}

func schemaVersion(ctx context.Context, path string) (version int64, err error) {
	db, err := pool(path, url.Values{"mode": {"ro"}, "_pragma": slices.Concat(pragmas, readerPragmas)}, 1)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var tables int
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE name = 'schema_versions'").Scan(&tables); err != nil || tables == 0 {
		return 0, err
	}
	err = db.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM schema_versions WHERE is_applied").Scan(&version)
	return version, err
}
