package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/craton-ai/craton/internal/config"
	"github.com/craton-ai/craton/internal/store/sqlite"
)

// backupCommand copies the state: by the running server where there is one,
// else from the data directory itself.
type backupCommand struct {
	remote
	place
	To   string `help:"New directory for the backup; only of a server that does not run." placeholder:"DIR"`
	Name string `arg:"" optional:"" help:"Name of the backup, in the directory the server keeps them in (backup_dir)."`
}

// Run makes the backup and tells where it lies. The master key is never in it.
func (c backupCommand) Run(ctx context.Context, s streams) error {
	if (c.Name == "") == (c.To == "") {
		return errors.New("name the backup, or say where to put it with --to")
	}
	cfg, err := c.load(s)
	if err != nil {
		return err
	}
	if cfg.Store.Postgres.Set() {
		return errPostgres
	}
	if err := needsDatabase(cfg.Data); err != nil {
		return err
	}
	made, err := c.backUp(ctx, cfg)
	if err != nil {
		return err
	}
	key := "it"
	if source := keySource(cfg, s.getenv); source.Value == "" && len(source.Command) == 0 {
		key = source.File
	}
	_, err = fmt.Fprintf(s.out, "Backed up to %s. The master key is not in it: keep %s safe elsewhere.\n", made, key)
	return err
}

// backUp copies the state, of whatever schema, and returns where to.
func (c backupCommand) backUp(ctx context.Context, cfg *config.Config) (string, error) {
	store, _, err := sqlite.OpenReadOnly(ctx, cfg.Data)
	if errors.Is(err, sqlite.ErrInUse) {
		if c.To != "" {
			return "", errors.New("the server runs and puts backups only into its backup_dir: give a name instead of --to")
		}
		var made struct {
			Directory string `json:"directory"`
		}
		err := c.call(ctx, http.MethodPost, "/admin/v1/backup", map[string]string{"name": c.Name}, &made)
		return made.Directory, err
	}
	if err != nil {
		return "", err
	}
	var made string
	if c.To == "" {
		made, err = backUpNamed(ctx, store, cfg.Data, cfg.BackupDir, c.Name)
	} else if made, err = filepath.Abs(c.To); err == nil {
		err = backUp(ctx, store, cfg.Data, made)
	}
	return made, errors.Join(err, store.Close())
}

// backUpNamed copies the state into a new directory of a name below dir, and
// nowhere else: the name is taken in dir, whatever it says and wherever a link
// of that name leads.
func backUpNamed(ctx context.Context, store *sqlite.Store, data, dir, name string) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", err
	}
	defer root.Close() // read only: nothing can be lost
	if filepath.Base(name) != name {
		return "", fmt.Errorf("%q is not the name of a directory", name)
	}
	if err := root.Mkdir(name, 0o700); err != nil {
		return "", err
	}
	to, err := filepath.Abs(filepath.Join(dir, name))
	if err == nil {
		err = backUp(ctx, store, data, to)
	}
	if err != nil {
		return "", errors.Join(err, root.RemoveAll(name))
	}
	return to, nil
}

// backUp copies the database first and the objects it names after it: an object
// deleted in between is missing from the copy, one added is surplus.
func backUp(ctx context.Context, store *sqlite.Store, data, to string) error {
	if err := store.Backup(ctx, to); err != nil {
		return err
	}
	return copyTree(filepath.Join(data, "objects"), filepath.Join(to, "objects"))
}

// restoreCommand puts a backup into an empty data directory.
type restoreCommand struct {
	place
	From string `arg:"" help:"Directory of the backup." type:"existingdir"`
}

// Run restores; it overwrites nothing.
func (c restoreCommand) Run(ctx context.Context, s streams) error {
	cfg, err := c.load(s)
	if err != nil {
		return err
	}
	data := cfg.Data
	if err := sqlite.Restore(ctx, c.From, data); err != nil {
		return err
	}
	if err := copyTree(filepath.Join(c.From, "objects"), filepath.Join(data, "objects")); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "Restored to %s. Put the master key there as master.key before the server starts. "+
		"Models are not in a backup: `craton engine install --data %[1]s` and `craton models pull` fetch them.\n", data)
	return err
}

// copyTree copies a directory of objects, which may not exist and may change
// meanwhile: what is still being written is left out, and so is what is gone
// when its turn comes. Files that exist are kept.
func copyTree(from, to string) error {
	if _, err := os.Stat(from); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fs.WalkDir(os.DirFS(from), ".", func(name string, entry fs.DirEntry, err error) error {
		target := filepath.Join(to, filepath.FromSlash(name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case entry.IsDir():
			return os.MkdirAll(target, 0o700)
		case filepath.Ext(name) == ".part":
			return nil
		}
		return copyFile(filepath.Join(from, filepath.FromSlash(name)), target)
	})
}

// copyFile copies one file, if it is there and its copy is not.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer in.Close() // read only: nothing can be lost
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

// backupTimeout bounds a backup asked for over HTTP.
const backupTimeout = time.Hour
