package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/craton-ai/craton/internal/blob"
	"github.com/craton-ai/craton/internal/config"
	"github.com/craton-ai/craton/internal/store/postgres"
	"github.com/craton-ai/craton/internal/store/sqlite"
	"github.com/craton-ai/craton/internal/store/sqlstore"
	"github.com/craton-ai/craton/internal/store/transfer"
)

// storeCommand looks after the store itself.
type storeCommand struct {
	Check   storeCheck   `cmd:"" help:"Verify the hash chain of every journal."`
	Migrate storeMigrate `cmd:"" help:"Copy everything from the data directory to PostgreSQL."`
}

// storeSource is a data directory, read from a backup while a server has it.
type storeSource struct {
	remote
	place
}

// source is an open store, where its objects lie, and what closes it.
type source struct {
	*sqlite.Store
	objects string
	close   func() error
}

// open returns the directory's store, which it leaves as it is. What cannot be
// read as it is, is copied first and the copy read: a running server is asked for
// a backup, and an older schema is brought forward in one.
func (c storeSource) open(ctx context.Context, cfg *config.Config, s streams) (*source, error) {
	if err := needsDatabase(cfg.Data); err != nil {
		return nil, err
	}
	store, version, err := sqlite.OpenReadOnly(ctx, cfg.Data)
	if errors.Is(err, sqlite.ErrInUse) {
		return c.backedUp(ctx)
	}
	if err != nil {
		return nil, err
	}
	known, objects := sqlstore.SchemaVersion(), filepath.Join(cfg.Data, "objects")
	switch {
	case version == known:
		return &source{store, objects, store.Close}, nil
	case version > known:
		err := store.Close()
		if err == nil {
			_, err = sqlite.Look(ctx, cfg.Data) // says what to do
		}
		return nil, err
	}
	dir := filepath.Join(cfg.BackupDir, copyName())
	fmt.Fprintf(s.err, "The schema in %s has version %d, this program's %d: a copy in %s is brought forward and read, and removed again; the store stays as it is.\n",
		cfg.Data, version, known, dir)
	if err := store.Backup(ctx, dir); err != nil {
		return nil, errors.Join(err, store.Close(), os.RemoveAll(dir))
	}
	copied, err := openCopy(ctx, dir)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	// The store itself is kept from starting meanwhile: its objects are read.
	return &source{copied.Store, objects, func() error { return errors.Join(copied.close(), store.Close()) }}, nil
}

// backedUp asks the running server for a backup and opens that.
func (c storeSource) backedUp(ctx context.Context) (*source, error) {
	var made struct {
		Directory string `json:"directory"`
	}
	name := copyName()
	if err := c.call(ctx, http.MethodPost, "/admin/v1/backup", map[string]string{"name": name}, &made); err != nil {
		return nil, err
	}
	if filepath.Base(made.Directory) != name {
		return nil, fmt.Errorf("the server backed up to %s, not to a directory %s", made.Directory, name)
	}
	return openCopy(ctx, made.Directory)
}

// copyName names a copy that is ours: it goes when we are done.
func copyName() string { return fmt.Sprintf("store-%d-%d", os.Getpid(), time.Now().UnixNano()) }

// openCopy opens a copy, bringing it forward, that is removed with its closing.
func openCopy(ctx context.Context, dir string) (*source, error) {
	store, err := sqlite.Open(ctx, dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &source{store, filepath.Join(dir, "objects"), func() error { return errors.Join(store.Close(), os.RemoveAll(dir)) }}, nil
}

// storeCheck verifies journals.
type storeCheck struct {
	storeSource
	Postgres string `help:"Check this database instead: postgres://user@host/database." env:"-"`
}

// journals opens what is to be checked.
func (c storeCheck) journals(ctx context.Context, s streams) (transfer.Journals, func() error, error) {
	cfg, err := c.load(s)
	if err != nil {
		return nil, nil, err
	}
	address := c.Postgres
	if address == "" {
		if address, err = cfg.Store.Postgres.Resolve(s.getenv); err != nil {
			return nil, nil, fmt.Errorf("store.postgres: %w", err)
		}
	}
	if address != "" {
		store, err := postgres.OpenReadOnly(ctx, address)
		if err != nil {
			return nil, nil, err
		}
		return store, store.Close, nil
	}
	source, err := c.open(ctx, cfg, s)
	if err != nil {
		return nil, nil, err
	}
	return source, source.close, nil
}

// Run prints what does not verify, and fails if anything does not.
func (c storeCheck) Run(ctx context.Context, s streams) (err error) {
	journals, done, err := c.journals(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	report, err := transfer.Check(ctx, journals)
	if err != nil {
		return err
	}
	for _, fault := range report.Faults {
		if _, err := fmt.Fprintln(s.err, fault); err != nil {
			return err
		}
	}
	if report.Faulty > 0 {
		return fmt.Errorf("%d of %d sessions do not verify: restore a backup, and keep this store to find out why",
			report.Faulty, report.Sessions)
	}
	_, err = fmt.Fprintf(s.out, "%d sessions with %d events verify; %d events are erased.\n", report.Sessions, report.Events, report.Erased)
	return err
}

// storeMigrate copies to PostgreSQL.
type storeMigrate struct {
	storeSource
	To      string `help:"Database to copy to: postgres://user@host/database; default store.postgres of the configuration."`
	Replace bool   `help:"Replace what the database holds, such as an earlier copy."`
}

// Run copies and says what comes next.
func (c storeMigrate) Run(ctx context.Context, s streams) (err error) {
	cfg, err := c.load(s)
	if err != nil {
		return err
	}
	to, err := c.target(cfg, s)
	if err != nil {
		return err
	}
	source, err := c.open(ctx, cfg, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.close()) }()
	target, err := postgres.Open(ctx, to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	copied, err := transfer.Copy(ctx, source.DB, target.DB, c.Replace)
	if err != nil {
		return err
	}
	n, err := copyObjects(ctx, source.objects, &blob.Documents{Store: target, Now: time.Now})
	if err != nil {
		return fmt.Errorf("objects: %w; run again with --replace", err)
	}
	_, err = fmt.Fprintf(s.out, `Copied and verified %d sessions with %d events, %d documents and %d objects.
What a running server writes from now on is not in the copy: to move, stop it, copy once more with
--replace, and start the servers with store.postgres and the same master key.
`, copied.Target.Sessions, copied.Target.Events, copied.Rows["documents"], n)
	return err
}

// target is the database to copy to.
func (c storeMigrate) target(cfg *config.Config, s streams) (string, error) {
	if c.To != "" {
		return c.To, nil
	}
	if c.Replace {
		return "", errors.New("--replace empties the database that is copied to: name it with --to postgres://user@host/database")
	}
	address, err := cfg.Store.Postgres.Resolve(s.getenv)
	if err != nil {
		return "", fmt.Errorf("store.postgres: %w", err)
	}
	if address == "" {
		return "", errors.New("say where to copy to: --to postgres://user@host/database, or a configuration with store.postgres")
	}
	return address, nil
}

// copyObjects writes the files of an objects directory, which may be missing,
// under their names.
func copyObjects(ctx context.Context, dir string, to blob.Content) (n int, err error) {
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	err = fs.WalkDir(root.FS(), ".", func(path string, entry fs.DirEntry, err error) error {
		// What is half written has another kind of name.
		if err != nil || entry.IsDir() || filepath.Ext(path) != "" {
			return err
		}
		f, err := root.Open(path)
		if err != nil {
			return err
		}
		_, err = to.Write(ctx, entry.Name(), f)
		n++
		return errors.Join(err, f.Close())
	})
	return n, err
}
