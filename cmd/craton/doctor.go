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
	"github.com/craton-ai/craton/internal/store/sqlite"
)

// doctorCommand looks at everything a server needs and says what to do.
type doctorCommand struct {
	remote
	Data   string `help:"Data directory." env:"CRATON_DATA"`
	Config string `help:"Configuration file to check." type:"path" env:"CRATON_CONFIG"`
}

// finding is one line of the doctor's report.
type finding struct {
	what, state, remedy string
	bad                 bool
}

// Run reports; it fails when something is broken.
func (c doctorCommand) Run(ctx context.Context, s streams) error {
	if c.Data == "" {
		c.Data = config.DefaultData(s.getenv)
	}
	var findings []finding
	for _, check := range []func(context.Context, streams) finding{c.configuration, c.directory, c.masterKey, c.library, c.models} {
		findings = append(findings, check(ctx, s))
	}
	findings = append(findings, c.upstreams(ctx, s)...)
	findings = append(findings, c.tools(ctx, s)...)
	findings = append(findings, c.server(ctx, s))
	return report(s, findings)
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

func (c doctorCommand) configuration(_ context.Context, s streams) finding {
	f := finding{what: "configuration", state: "none; the defaults hold"}
	if c.Config == "" {
		return f
	}
	f.state = c.Config + " is valid"
	if _, err := config.Load(c.Config, s.getenv); err != nil {
		f.bad, f.state, f.remedy = true, err.Error(), "correct the file; the server refuses it whole"
	}
	return f
}

func (c doctorCommand) directory(ctx context.Context, _ streams) finding {
	f := finding{what: "data", state: c.Data + " is there and can be opened"}
	if !hasDatabase(c.Data) {
		f.state, f.remedy = c.Data+" has no database yet", "`craton serve` makes it at its first start"
		return f
	}
	store, err := sqlite.Open(ctx, c.Data)
	switch {
	case errors.Is(err, sqlite.ErrInUse):
		f.state = strings.TrimSpace(c.Data + " is in use by a running server " + announced(c.Data))
	case err != nil:
		f.bad, f.state, f.remedy = true, err.Error(), "restore a backup with `craton restore`, or upgrade the program if it is older than the data"
	default:
		if err := store.Close(); err != nil {
			f.bad, f.state = true, err.Error()
		}
	}
	return f
}

func hasDatabase(data string) bool {
	_, err := os.Stat(filepath.Join(data, sqlite.FileName))
	return !errors.Is(err, os.ErrNotExist)
}

func (c doctorCommand) masterKey(context.Context, streams) finding {
	path := filepath.Join(c.Data, "master.key")
	f := finding{what: "master key", state: path + " is private"}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		f.state, f.remedy = "none in the data directory", "it is made at the first start on loopback, or named by master_key in the configuration"
	case err != nil:
		f.bad, f.state = true, err.Error()
	case info.Mode().Perm()&0o077 != 0:
		f.bad, f.state, f.remedy = true, path+" can be read by others", "chmod 600 "+path
	}
	return f
}

func (c doctorCommand) library(context.Context, streams) finding {
	dir := pull.LibraryDir(c.Data)
	if pull.LibraryInstalled(dir) {
		return finding{what: "engine", state: "the inference library " + pull.LibraryVersion + " is installed"}
	}
	return finding{what: "engine", state: "the inference library is not installed", remedy: "`craton engine install`, or --from DIR without a network"}
}

func (c doctorCommand) models(context.Context, streams) finding {
	f := finding{what: "models"}
	store, err := pull.Open(filepath.Join(c.Data, "models"), nil, time.Now, nil)
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
	resp, err := c.client().Do(req)
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
