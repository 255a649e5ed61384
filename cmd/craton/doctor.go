package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/craton-ai/craton/internal/config"
	"github.com/craton-ai/craton/internal/pull"
	"github.com/craton-ai/craton/internal/secret"
	"github.com/craton-ai/craton/internal/store/sqlite"
	"github.com/craton-ai/craton/internal/store/sqlstore"
)

// doctorCommand looks at everything a server needs and says what to do.
type doctorCommand struct {
	remote
	Data     string `help:"Data directory, where the configuration names another." env:"CRATON_DATA"`
	Config   string `help:"Configuration file to check." type:"path" env:"CRATON_CONFIG"`
	Postgres string `help:"Name of the environment variable that holds a PostgreSQL URL." env:"CRATON_POSTGRES" placeholder:"VARIABLE"`
}

// finding is one line of the doctor's report.
type finding struct {
	what, state, remedy string
	bad                 bool
}

// Run reports; it fails when something is broken. A configuration that the
// server refuses says nothing of where its data are or whom it would ask.
func (c doctorCommand) Run(ctx context.Context, s streams) error {
	cfg, err := c.load(s)
	findings := []finding{c.configuration(err)}
	if err == nil {
		findings = append(findings, stored(ctx, cfg, s)...)
		findings = append(findings, c.upstreams(ctx, cfg, s)...)
		findings = append(findings, toolServers(ctx, cfg, s)...)
	}
	findings = append(findings, c.server(ctx, s))
	return report(s, findings)
}

// load reads the configuration as the server would.
func (c doctorCommand) load(s streams) (*config.Config, error) {
	return config.Load(c.Config, s.getenv, func(cfg *config.Config) {
		overlay(&cfg.Data, c.Data)
		overlay(&cfg.Store.Postgres.Env, c.Postgres)
	})
}

// stored looks at what the server keeps.
func stored(ctx context.Context, cfg *config.Config, s streams) []finding {
	return []finding{lookAtStore(ctx, cfg, s), masterKey(cfg, s), library(cfg.Data), localModels(cfg.Data)}
}

// report prints the findings; it fails when something is broken.
func report(s streams, findings []finding) error {
	var broken bool
	for _, f := range findings {
		mark := "ok  "
		if f.bad {
			mark, broken = "FAIL", true
		} else if f.remedy != "" {
			mark = "note"
		}
		fmt.Fprintf(s.out, "%s  %-15s %s\n", mark, f.what, f.state)
		if f.remedy != "" {
			fmt.Fprintf(s.out, "      %-15s -> %s\n", "", f.remedy)
		}
	}
	if broken {
		return errors.New("something is broken; the lines marked FAIL say what")
	}
	return nil
}

func (c doctorCommand) configuration(err error) finding {
	f := finding{what: "configuration", state: "none; the defaults hold"}
	if c.Config != "" {
		f.state = c.Config + " is valid"
	}
	if err != nil {
		f.bad, f.state, f.remedy = true, err.Error(), "correct it; the server refuses it whole, and what it names was not looked at"
	}
	return f
}

// lookAtStore looks into the store without changing it: a newer program than the
// server's would bring it to where the server's own refuses it.
func lookAtStore(ctx context.Context, cfg *config.Config, s streams) finding {
	f := finding{what: "data", state: cfg.Data + " is there and can be opened"}
	if cfg.Store.Postgres.Set() {
		f.state = "the store is in PostgreSQL, which was not asked"
		if _, err := cfg.Store.Postgres.Resolve(s.getenv); err != nil {
			f.bad, f.state, f.remedy = true, "store.postgres: "+err.Error(), "set it where the server starts"
		}
		return f
	}
	if !hasDatabase(cfg.Data) {
		f.state, f.remedy = cfg.Data+" has no database yet", "`craton serve` makes it at its first start"
		return f
	}
	version, err := sqlite.Look(ctx, cfg.Data)
	switch {
	case errors.Is(err, sqlite.ErrInUse):
		f.state = strings.TrimSpace(cfg.Data + " is in use by a running server " + announced(cfg.Data))
	case err != nil:
		f.bad, f.state, f.remedy = true, err.Error(), "restore a backup with `craton restore`, or upgrade the program if it is older than the data"
	case version < sqlstore.SchemaVersion():
		f.state = fmt.Sprintf("%s can be opened; its schema has version %d, this program's %d", cfg.Data, version, sqlstore.SchemaVersion())
		f.remedy = "this program brings it forward when it serves, and older ones refuse it then: copy the directory first to be able to go back"
	}
	return f
}

func hasDatabase(data string) bool {
	_, err := os.Stat(filepath.Join(data, sqlite.FileName))
	return !errors.Is(err, os.ErrNotExist)
}

// masterKey looks where the server would take it from.
func masterKey(cfg *config.Config, s streams) finding {
	source := keySource(cfg, s.getenv)
	f := finding{what: "master key", state: source.File + " is private"}
	switch {
	case source.Value != "":
		f.state = "given in the environment"
		if _, err := secret.ParseMasterKeys(source.Value); err != nil {
			f.bad, f.state, f.remedy = true, "the environment's: "+err.Error(), "set it where the server starts, or name another place under `master_key`"
		}
		return f
	case len(source.Command) > 0:
		f.state = "told by the command " + source.Command[0] + ", which was not run"
		return f
	}
	info, err := os.Stat(source.File)
	switch {
	case errors.Is(err, os.ErrNotExist) && source.Create:
		f.state, f.remedy = "none at "+source.File, "it is made at the first start on loopback, or named by master_key in the configuration"
	case errors.Is(err, os.ErrNotExist):
		f.bad, f.state, f.remedy = true, "none at "+source.File, "restore it from where you keep it, or name its place under `master_key`: a server that others can reach makes none"
	case err != nil:
		f.bad, f.state = true, err.Error()
	case info.Mode().Perm()&0o077 != 0:
		f.bad, f.state, f.remedy = true, source.File+" can be read by others", "chmod 600 "+source.File
	}
	return f
}

func library(data string) finding {
	if pull.LibraryInstalled(pull.LibraryDir(data)) {
		return finding{what: "engine", state: "the inference library " + pull.LibraryVersion + " is installed"}
	}
	return finding{what: "engine", state: "the inference library is not installed", remedy: "`craton engine install`, or --from DIR without a network"}
}

func localModels(data string) finding {
	f := finding{what: "models"}
	store, err := pull.Open(filepath.Join(data, "models"), nil, time.Now, nil)
	if err != nil {
		return finding{what: "models", state: err.Error(), bad: true}
	}
	models, err := store.List()
	if err != nil {
		return finding{what: "models", state: err.Error(), bad: true}
	}
	if len(models) == 0 {
		f.state, f.remedy = "none for the engine", "`craton engine install` fetches a small one, `craton models pull` any other"
		return f
	}
	var names []string
	for _, m := range models {
		names = append(names, fmt.Sprintf("%s (%d MB)", m.Name, m.Size>>20))
	}
	f.state = strings.Join(names, ", ")
	return f
}

func (c doctorCommand) server(ctx context.Context, _ streams) finding {
	f := finding{what: "server", state: c.URL + " answers"}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	base, err := c.base()
	if err != nil {
		return finding{what: "server", state: err.Error(), bad: true}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/readyz", nil)
	if err != nil {
		return finding{what: "server", state: err.Error(), bad: true}
	}
	resp, err := c.send(req)
	var wrong *otherScheme
	if errors.As(err, &wrong) {
		f.bad, f.state, f.remedy = true, wrong.Error(), "correct the address"
		return f
	}
	var untrusted *tls.CertificateVerificationError
	if errors.As(err, &untrusted) {
		f.bad, f.state = true, "the certificate of "+c.URL+" is not trusted: "+untrusted.Err.Error()
		f.remedy = "--insecure accepts one of its own (--tls-self-signed), SSL_CERT_FILE=DATA/tls.crt trusts it"
		return f
	}
	if err != nil {
		f.state, f.remedy = "nothing answers at "+c.URL, "`craton serve`, or CRATON_URL for another address"
		return f
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		f.bad, f.state, f.remedy = true, c.URL+" is not ready: "+resp.Status, "its log says why"
		return f
	}
	if c.APIKey == "" {
		f.remedy = "set CRATON_API_KEY to use it from here"
		return f
	}
	if err := c.call(ctx, http.MethodGet, "/v1/models", nil, nil); err != nil {
		f.bad, f.state, f.remedy = true, "the key is refused: "+err.Error(), "`craton keys create` with a key that works makes another"
	}
	return f
}
