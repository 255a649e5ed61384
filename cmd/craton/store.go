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
	Data string `help:"Data directory." env:"CRATON_DATA"`
}

// open returns the directory's store, where its objects lie, and what closes
// it. A running server is asked for a backup, and that is read instead.
func (c storeSource) open(ctx context.Context, s streams) (_ *sqlite.Store, objects string, done func() error, err error) {
	data := c.Data
	if data == "" {
		data = config.DefaultData(s.getenv)
	}
	if _, err := os.Stat(filepath.Join(data, sqlite.FileName)); err != nil {
		return nil, "", nil, fmt.Errorf("there is no store in %s: %w", data, err)
	}
	store, err := sqlite.Open(ctx, data)
	if err == nil {
		return store, filepath.Join(data, "objects"), store.Close, nil
	}
	if !errors.Is(err, sqlite.ErrInUse) {
		return nil, "", nil, err
	}
	// The copy is ours: the name says so, and it goes when we are done.
	var made struct {
		Directory string `json:"directory"`
	}
	name := fmt.Sprintf("store-%d-%d", os.Getpid(), time.Now().UnixNano())
	if err := c.call(ctx, http.MethodPost, "/admin/v1/backup", map[string]string{"name": name}, &made); err != nil {
		return nil, "", nil, err
	}
	if filepath.Base(made.Directory) != name {
		return nil, "", nil, fmt.Errorf("the server backed up to %s, not to a directory %s", made.Directory, name)
	}
	remove := func() error { return os.RemoveAll(made.Directory) }
	if store, err = sqlite.Open(ctx, made.Directory); err != nil {
		return nil, "", nil, errors.Join(err, remove())
	}
	return store, filepath.Join(made.Directory, "objects"), func() error { return errors.Join(store.Close(), remove()) }, nil
}

// storeCheck verifies journals.
type storeCheck struct {
	storeSource
	Postgres string `help:"Check this database instead: postgres://user@host/database."`
}

// Run prints what does not verify, and fails if anything does not.
func (c storeCheck) Run(ctx context.Context, s streams) (err error) {
	var journals transfer.Journals
	var done func() error
	if c.Postgres != "" {
		store, err := postgres.Open(ctx, c.Postgres)
		if err != nil {
			return err
		}
		journals, done = store, store.Close
	} else {
		store, _, closing, err := c.open(ctx, s)
		if err != nil {
			return err
		}
		journals, done = store, closing
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
	To      string `required:"" help:"Database to copy to: postgres://user@host/database."`
	Replace bool   `help:"Replace what the database holds, such as an earlier copy."`
}

// Run copies and says what comes next.
func (c storeMigrate) Run(ctx context.Context, s streams) (err error) {
	source, objects, done, err := c.open(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	target, err := postgres.Open(ctx, c.To)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	copied, err := transfer.Copy(ctx, source.DB, target.DB, c.Replace)
	if err != nil {
		return err
	}
	n, err := copyObjects(ctx, objects, &blob.Documents{Store: target, Now: time.Now})
	if err != nil {
		return fmt.Errorf("objects: %w; run again with --replace", err)
	}
	_, err = fmt.Fprintf(s.out, `Copied and verified %d sessions with %d events, %d documents and %d objects.
What a running server writes from now on is not in the copy: to move, stop it, copy once more with
--replace, and start the servers with store.postgres and the same master key.
`, copied.Target.Sessions, copied.Target.Events, copied.Rows["documents"], n)
	return err
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
