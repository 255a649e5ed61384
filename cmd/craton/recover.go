package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/craton-ai/craton/internal/config"
)

// keysRecover is the way back in for whoever has the data but no key.
type keysRecover struct {
	Data     string `help:"Data directory." env:"CRATON_DATA"`
	Config   string `help:"Configuration file, where the master key or the store is named in one." type:"path" env:"CRATON_CONFIG"`
	Postgres string `help:"Name of the environment variable that holds a PostgreSQL URL." env:"CRATON_POSTGRES" placeholder:"VARIABLE"`
}

// Run issues administrator's credentials in the store itself.
func (c keysRecover) Run(ctx context.Context, s streams) error {
	cfg, err := config.Load(c.Config, s.getenv, func(cfg *config.Config) {
		overlay(&cfg.Data, c.Data)
		overlay(&cfg.Store.Postgres.Env, c.Postgres)
	})
	if err != nil {
		return err
	}
	if !cfg.Store.Postgres.Set() && !hasDatabase(cfg.Data) {
		return fmt.Errorf("there is no database in %s: name the server's data directory with --data", cfg.Data)
	}
	st, err := openState(ctx, cfg, s)
	if err != nil {
		return errors.Join(inUse(err, cfg.Data), errors.New("`craton keys recover` works on a server that is stopped"))
	}
	defer st.close(context.WithoutCancel(ctx), slog.New(slog.NewTextHandler(s.err, nil)))
	bearer, aws, err := st.directory.Recover(ctx)
	if err != nil {
		return err
	}
	_, err = io.WriteString(s.out, fmt.Sprintf(recovered, bearer.Key.ID, aws.Key.ID, bearer.Token, aws.AccessKeyID, aws.SecretAccessKey))
	return err
}

const recovered = `# New administrator's credentials %s and %s, shown once. Earlier ones still work:
# revoke those you lost with craton keys list and craton keys revoke.
export CRATON_API_KEY=%s
export CRATON_ACCESS_KEY_ID=%s
export CRATON_SECRET_ACCESS_KEY=%s
`
