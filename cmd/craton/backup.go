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
	Data string `help:"Data directory of a server that does not run." env:"CRATON_DATA"`
	To   string `help:"New directory for the backup; only of a server that does not run." placeholder:"DIR"`
	Name string `arg:"" optional:"" help:"Name of the backup, in the directory the server keeps them in (backup_dir)."`
}

// Run makes the backup and tells where it lies. The master key is never in it.
func (c backupCommand) Run(ctx context.Context, s streams) error {
	if (c.Name == "") == (c.To == "") {
		return errors.New("name the backup, or say where to put it with --to")
	}
	data := c.Data
	if data == "" {
		data = config.DefaultData(s.getenv)
	}
	var made struct {
		Directory string `json:"directory"`
	}
	store, err := sqlite.Open(ctx, data)
	switch {
	case errors.Is(err, sqlite.ErrInUse) && c.To != "":
		return errors.New("the server runs and puts backups only into its backup_dir: give a name instead of --to")
	case errors.Is(err, sqlite.ErrInUse):
		err = c.call(ctx, http.MethodPost, "/admin/v1/backup", map[string]string{"name": c.Name}, &made)
	case err == nil && c.To != "":
		if made.Directory, err = filepath.Abs(c.To); err == nil {
			err = backUp(ctx, store, data, made.Directory)
		}
		err = errors.Join(err, store.Close())
	case err == nil:
		made.Directory, err = backUpNamed(ctx, store, data, filepath.Join(data, "backups"), c.Name)
		err = errors.Join(err, store.Close())
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "Backed up to %s. The master key is not in it: keep %s safe elsewhere.\n", made.Directory, filepath.Join(data, "master.key"))
	return err
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
	Data string `help:"Data directory." env:"CRATON_DATA"`
	From string `arg:"" help:"Directory of the backup." type:"existingdir"`
}

// Run restores; it overwrites nothing.
func (c restoreCommand) Run(ctx context.Context, s streams) error {
	data := c.Data
	if data == "" {
		data = config.DefaultData(s.getenv)
	}
	if err := sqlite.Restore(ctx, c.From, data); err != nil {
		return err
	}
	if err := copyTree(filepath.Join(c.From, "objects"), filepath.Join(data, "objects")); err != nil {
		return err
	}
	_, err := fmt.Fprintf(s.out, "Restored to %s. Put the master key there as master.key before the server starts. "+
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
