package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// ErrNewerSchema says that the data was written by a newer version of the
// program. Nothing was changed.
var ErrNewerSchema = errors.New("sqlstore: the data was written by a newer version")

// Migrate brings the database's schema forward to the one this program knows,
// one transaction for each step, and does nothing if it is there already. A
// schema from a newer program is refused with [ErrNewerSchema] naming both
// versions. The options are goose's, for engines that need a lock.
func Migrate(ctx context.Context, db *sql.DB, dialect Dialect, options ...goose.ProviderOption) error {
	migrations, err := migrations(dialect)
	if err != nil {
		return err
	}
	return migrate(ctx, db, dialect, migrations, options...)
}

func migrate(ctx context.Context, db *sql.DB, dialect Dialect, migrations []*goose.Migration, options ...goose.ProviderOption) error {
	kind := goose.DialectSQLite3
	if dialect.Name == "postgres" {
		kind = goose.DialectPostgres
	}
	options = append(options,
		goose.WithGoMigrations(migrations...),
		goose.WithDisableGlobalRegistry(true),
		goose.WithTableName("schema_versions"))
	provider, err := goose.NewProvider(kind, db, nil, options...)
	if err != nil {
		return fmt.Errorf("sqlstore: prepare migrations: %w", err)
	}
	stored, err := provider.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("sqlstore: read the schema version: %w", err)
	}
	known := int64(0)
	if n := len(migrations); n > 0 {
		known = migrations[n-1].Version
	}
	if stored > known {
		return fmt.Errorf("%w: its schema has version %d, this program knows up to %d; "+
			"run the newer program, or restore a backup made with this one", ErrNewerSchema, stored, known)
	}
	if dialect.Migrating != nil && stored > 0 && stored < known {
		dialect.Migrating(stored, known)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("sqlstore: bring the schema from version %d to %d: %w", stored, known, err)
	}
	return nil
}

// SchemaVersion is the version of the schema this program writes.
func SchemaVersion() int64 {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		return 0
	}
	return int64(len(names))
}

// migrations are the embedded files in order, in the words of the dialect.
func migrations(dialect Dialect) ([]*goose.Migration, error) {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		return nil, fmt.Errorf("sqlstore: list migrations: %w", err)
	}
	words := strings.NewReplacer("{{TEXT}}", dialect.Text, "{{BYTES}}", dialect.Bytes, "{{JSON}}", dialect.JSON)
	var all []*goose.Migration
	for i, name := range names {
		number, _, _ := strings.Cut(path.Base(name), "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil || version != int64(i+1) {
			return nil, fmt.Errorf("sqlstore: migration %s should be number %d", name, i+1)
		}
		text, err := migrationFiles.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("sqlstore: read migration: %w", err)
		}
		// A file may be for one dialect only; for the others that step is empty.
		if _, only, ok := strings.Cut(strings.TrimSuffix(path.Base(name), ".sql"), "."); ok && only != dialect.Name {
			text = nil
		}
		all = append(all, migration(version, words.Replace(string(text))))
	}
	return all, nil
}

// migration runs statements, each ending with a semicolon at the end of a
// line, in one transaction.
func migration(version int64, text string) *goose.Migration {
	run := func(ctx context.Context, tx *sql.Tx) error {
		for statement := range strings.SplitSeq(text, ";\n") {
			if strings.TrimSpace(statement) == "" {
				continue
			}
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("%w in: %s", err, statement)
			}
		}
		return nil
	}
	return goose.NewGoMigration(version, &goose.GoFunc{RunTx: run}, nil)
}
