package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/craton-ai/craton/internal/agent/roster"
	"github.com/craton-ai/craton/internal/blob"
	"github.com/craton-ai/craton/internal/config"
	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/egress"
	"github.com/craton-ai/craton/internal/environment"
	"github.com/craton-ai/craton/internal/file"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/secret"
	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/session/conversation"
	"github.com/craton-ai/craton/internal/session/response"
	"github.com/craton-ai/craton/internal/store/postgres"
	"github.com/craton-ai/craton/internal/store/sqlite"
	"github.com/craton-ai/craton/internal/usage"
	"github.com/craton-ai/craton/internal/vault"
)

// database is what the server needs of a store of either kind.
type database interface {
	document.Store
	identity.Store
	session.Store
	session.Leaser
	session.Snapshots
	session.Buffer
	session.Index
	usage.Store
	Close() error
}

// state is everything durable, opened and checked.
type state struct {
	db      database
	sealer  *secret.Sealer
	keyring *secret.Keyring
	vault   *secret.Vault
	// keyFile is the master key's file; empty where it comes from elsewhere.
	keyFile string
	// rotating is held while the master key is replaced.
	rotating  sync.Mutex
	directory *identity.Directory
	journal   *session.Journal
	responses *response.Store
	// conversations keeps Conversations.
	conversations *conversation.Store
	objects       *blob.Space
	agents        *roster.Roster
	// environments keeps their files and secrets in objects and keyring.
	environments *environment.Store
	vaults       *vault.Store
	files        *file.Store
	// tokens reaches the token endpoints of vaults' credentials.
	tokens *http.Client
	// content is closed with the state where it is a directory.
	content io.Closer
}

// openState opens the store, checks the master key against it, and builds what
// stands on both.
func openState(ctx context.Context, cfg *config.Config, s streams) (*state, error) {
	db, err := openDatabase(ctx, cfg, s)
	if err != nil {
		return nil, err
	}
	st := &state{db: db}
	if err := st.unlock(ctx, cfg, s); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return st, nil
}

func openDatabase(ctx context.Context, cfg *config.Config, s streams) (database, error) {
	url, err := cfg.Store.Postgres.Resolve(s.getenv)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cfg.At("store.postgres"), err)
	}
	if url != "" {
		return postgres.Open(ctx, url)
	}
	return sqlite.Open(ctx, cfg.Data, sqlite.WithMigrating(func(from, to int64) {
		fmt.Fprintf(s.err, "craton: bringing the store in %s from schema %d to %d; the server is ready once that is done\n", cfg.Data, from, to)
	}))
}

// recentResponses is how many bytes of chains of responses are kept at hand
// where this process alone has the store.
const recentResponses = 16 << 20

// keySource says where the master key comes from.
func keySource(cfg *config.Config, getenv func(string) string) secret.Source {
	source := secret.Source{Value: getenv(secret.EnvMasterKey), Command: cfg.MasterKey.Command, File: cfg.MasterKey.File, Create: cfg.Loopback()}
	if cfg.MasterKey.Env != "" {
		source.Value = getenv(cfg.MasterKey.Env)
	}
	if source.File == "" {
		source.File = filepath.Join(cfg.Data, "master.key")
	}
	return source
}

func (st *state) unlock(ctx context.Context, cfg *config.Config, s streams) error {
	source := keySource(cfg, s.getenv)
	var err error
	if st.sealer, err = secret.Unlock(ctx, source, st.db, rand.Reader, time.Now()); err != nil {
		return err
	}
	if source.Value == "" && len(source.Command) == 0 {
		st.keyFile = source.File
	}
	st.vault = secret.NewVault(st.db, st.sealer, time.Now)
	st.keyring = secret.NewKeyring(st.db, st.sealer, time.Now)
	if st.directory, err = identity.NewDirectory(identity.Config{Store: st.db, Sealer: st.sealer, Now: time.Now, Random: rand.Reader}); err != nil {
		return err
	}
	st.journal, err = session.New(session.Config{Store: st.db, Now: time.Now, Random: rand.Reader,
		ContentKey: func(ctx context.Context, tenant string) ([]byte, error) {
			return st.keyring.Key(ctx, tenant, "content")
		}})
	if err != nil {
		return err
	}
	st.responses = response.New(st.journal)
	if _, embedded := st.db.(*sqlite.Store); embedded {
		st.responses = response.Remembering(st.journal, recentResponses)
	}
	st.conversations = conversation.New(conversation.Config{Journal: st.journal, Journals: st.db, Index: st.db})
	st.agents = roster.New(roster.Config{Documents: st.db, Now: time.Now, NewID: uuid.NewString})
	st.openVaults(cfg, s)
	return st.openObjects(cfg)
}

// openVaults keeps tenants' credentials. Their audit lines are written whatever
// the level of the log.
func (st *state) openVaults(cfg *config.Config, s streams) {
	policy := egressPolicy(cfg)
	st.tokens = egress.New(policy)
	st.vaults = vault.New(vault.Config{Documents: st.db, Sealer: st.sealer, Client: st.tokens, Now: time.Now, NewID: uuid.NewString,
		Log: slog.New(slog.NewJSONHandler(s.err, nil)), Plain: policy.Admits})
}

// rewrapVaults protects every tenant's vaults with the current master key.
func (st *state) rewrapVaults(ctx context.Context) (changed int, err error) {
	filter := identity.TenantFilter{}
	for {
		tenants, err := st.db.Tenants(ctx, filter)
		if err != nil || len(tenants) == 0 {
			return changed, err
		}
		for _, t := range tenants {
			filter.After = t.ID
			n, err := st.vaults.Rewrap(ctx, t.ID)
			if changed += n; err != nil {
				return changed, err
			}
		}
	}
}

// openObjects puts the bytes of objects beside SQLite's database, or into the
// database that replicas share.
func (st *state) openObjects(cfg *config.Config) error {
	var content blob.Content = &blob.Documents{Store: st.db, Now: time.Now}
	if !cfg.Store.Postgres.Set() {
		dir, err := blob.OpenDirectory(filepath.Join(cfg.Data, "objects"))
		if err != nil {
			return err
		}
		content, st.content = dir, dir
	}
	st.objects = blob.New(blob.Config{Documents: st.db, Content: content, Now: time.Now, NewID: uuid.NewString,
		Quota: cfg.Limits.TenantObjectBytes})
	st.openFiles(cfg, content)
	st.environments = environment.New(environment.Config{Documents: st.db, Objects: st.objects, Box: st.keyring, Now: time.Now, NewID: uuid.NewString})
	return nil
}

// close writes what is still to be written and closes the store.
func (st *state) close(ctx context.Context, log *slog.Logger) {
	if err := st.directory.Flush(ctx); err != nil {
		log.Error("when keys were last used was not written", "err", err)
	}
	st.tokens.CloseIdleConnections()
	if st.content != nil {
		if err := st.content.Close(); err != nil {
			log.Error("the object space did not close cleanly", "err", err)
		}
	}
	if err := st.db.Close(); err != nil {
		log.Error("the store did not close cleanly", "err", err)
	}
}
