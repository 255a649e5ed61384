package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// ErrExists says that a backup or restore would overwrite a database.
var ErrExists = errors.New("sqlite: there is a database already")

// Backup writes a consistent, compact copy of the database into the directory,
// which it makes if needed, while the store goes on working. A directory that
// holds a database is refused with [ErrExists]. The copy was checked when
// Backup returns, and holds no master key: keep that one elsewhere.
func (s *Store) Backup(ctx context.Context, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("sqlite: backup directory: %w", err)
	}
	return place(ctx, dir, func(partial string) error {
		// SQLite would create the copy readable by all; an empty file it fills.
		f, err := os.OpenFile(partial, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
		// A log that a killed process left is read, and stays.
		source, err := readOnly(filepath.Join(s.dir, FileName), 1, nil)
		if err != nil {
			return err
		}
		_, err = source.ExecContext(ctx, "VACUUM INTO ?", partial)
		return errors.Join(err, source.Close())
	})
}

// Restore puts the database of a backup into a data directory that has none;
// one that has is refused with [ErrExists], and one in use with [ErrInUse].
// The master key is restored separately, and checked at the next start.
func Restore(ctx context.Context, backup, dir string) (err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("sqlite: data directory: %w", err)
	}
	lock, err := takeLock(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.release()) }()
	return place(ctx, dir, func(partial string) error {
		return copyFile(filepath.Join(backup, FileName), partial)
	})
}

// place lets write make a database under a temporary name in dir, checks it,
// and gives it its name when it is whole and on disk.
func place(ctx context.Context, dir string, write func(partial string) error) (err error) {
	path := filepath.Join(dir, FileName)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = fmt.Errorf("%w at %s: name another directory, or move it away", ErrExists, path)
		}
		return err
	}
	partial := path + ".partial"
	if err := os.Remove(partial); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("sqlite: left over from an earlier attempt: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(partial)
		}
	}()
	if err := write(partial); err != nil {
		return fmt.Errorf("sqlite: copy the database: %w", err)
	}
	if err := check(ctx, partial); err != nil {
		return err
	}
	if err := os.Chmod(partial, 0o600); err != nil {
		return fmt.Errorf("sqlite: copy the database: %w", err)
	}
	if err := syncPath(partial); err != nil {
		return err
	}
	if err := os.Rename(partial, path); err != nil {
		return fmt.Errorf("sqlite: copy the database: %w", err)
	}
	return syncPath(dir)
}

// check makes sure that the file is a sound database.
func check(ctx context.Context, path string) error {
	db, err := connect(path, 1, nil)
	if err != nil {
		return err
	}
	var result string
	err = db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&result)
	if err = errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("sqlite: %s is not a sound database: %w", path, err)
	}
	if result != "ok" {
		return fmt.Errorf("sqlite: %s is not a sound database: %s", path, result)
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// syncPath makes a file's content, or a directory's names, durable.
func syncPath(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("sqlite: sync: %w", err)
	}
	if info.IsDir() && runtime.GOOS == "windows" {
		return nil // there a directory cannot be synced, nor needs to be
	}
	f, err := os.OpenFile(path, map[bool]int{true: os.O_RDONLY, false: os.O_RDWR}[info.IsDir()], 0)
	if err != nil {
		return fmt.Errorf("sqlite: sync: %w", err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("sqlite: sync %s: %w", path, err)
	}
	return nil
}
