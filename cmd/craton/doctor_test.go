package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/config"
	"github.com/craton-ai/craton/internal/store/sqlite"
)

// doctorConfig is the configuration the doctor looks at.
func doctorConfig(t *testing.T, path string, s streams) *config.Config {
	t.Helper()
	cfg, err := (doctorCommand{Config: path}).load(s)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// TestDoctorLooksWhereTheServerWould takes the data directory, the store and
// the master key's place from the configuration.
func TestDoctorLooksWhereTheServerWould(t *testing.T) {
	t.Parallel()
	data, other := t.TempDir(), t.TempDir()
	store, err := sqlite.Open(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(other, "sealed.key")
	if err := os.WriteFile(key, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"PG": "postgres://db", "KEY": "nonsense"}
	s := streams{out: io.Discard, err: io.Discard, getenv: func(name string) string { return env[name] }}
	path := filepath.Join(t.TempDir(), "craton.yaml")
	for _, c := range []struct {
		text, flag, data, key string
		bad                   bool
	}{
		{"data: " + data + "\nmaster_key: {file: " + key + "}", "", data + " is there and can be opened", key + " is private", false},
		{"data: " + data, other, other + " has no database yet", "none at " + filepath.Join(other, "master.key"), false},
		{"data: " + other + "\nstore: {postgres: {env: PG}}\nmaster_key: {command: [/bin/keys]}", "", "in PostgreSQL, which was not asked", "the command /bin/keys", false},
		{"data: " + other + "\nstore: {postgres: {env: NONE}}\nmaster_key: {env: KEY}", "", "NONE is empty", "the environment's: ", true},
		{"data: " + other + "\nlisten: 0.0.0.0:8080\nplaintext: true", "", "has no database yet", "none at", false},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := (doctorCommand{Config: path, Data: c.flag}).load(s)
		if err != nil {
			t.Fatal(err)
		}
		found := stored(t.Context(), cfg, s)
		if !strings.Contains(found[0].state, c.data) || found[0].bad != c.bad {
			t.Errorf("%q: data: %+v", c.text, found[0])
		}
		if !strings.Contains(found[1].state, c.key) || found[1].bad != (c.bad || !cfg.Loopback()) {
			t.Errorf("%q: master key: %+v", c.text, found[1])
		}
	}
	if _, err := os.Stat(filepath.Join(other, sqlite.FileName)); err == nil {
		t.Error("the doctor made a database")
	}
}
