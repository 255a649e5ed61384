package main

import (
	"errors"
	"fmt"

	"github.com/craton-ai/craton/internal/config"
)

// place is where a command finds what a server keeps: where the server would.
type place struct {
	Data   string `help:"Data directory, where the configuration names another." env:"CRATON_DATA"`
	Config string `help:"Configuration file of the server." type:"path" env:"CRATON_CONFIG"`
}

// load reads the configuration as the server would, flags winning. How it
// listens does not matter here.
func (p place) load(s streams) (*config.Config, error) {
	return config.Load(p.Config, s.getenv, func(cfg *config.Config) {
		overlay(&cfg.Data, p.Data)
		overlay(&cfg.Store.Postgres.Env, s.getenv("CRATON_POSTGRES"))
		cfg.Plaintext = true
	})
}

// needsDatabase says what is wrong where there is no store.
func needsDatabase(data string) error {
	if hasDatabase(data) {
		return nil
	}
	return fmt.Errorf("there is no store in %s: name its directory with --data, or the server's configuration with --config", data)
}

// errPostgres says that a command cannot copy what the database keeps.
var errPostgres = errors.New("the store is in PostgreSQL (store.postgres): back the database up with its own tools, such as pg_dump, and keep the master key elsewhere")
