package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/config"
)

func env(pairs map[string]string) func(string) string {
	return func(k string) string { return pairs[k] }
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "craton.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoadDefaults(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load("", env(map[string]string{"HOME": "/home/u"}))
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Listen != config.DefaultListen || cfg.Data != "/home/u/.local/share/craton" || cfg.Region != config.DefaultRegion {
		t.Errorf("defaults are %+v", cfg)
	}
	if !cfg.Loopback() {
		t.Error("the default address must be loopback")
	}
}

func TestLoadDocument(t *testing.T) {
	t.Parallel()
	path := write(t, `
listen: "[::1]:9000"
upstreams:
  - kind: openai
    base_url: http://127.0.0.1:11434/v1
    api_key: {env: KEY}
  - name: demo
    kind: script
    rules:
      - when: {regex: "say (.*)"}
        then: {text: "${1}"}
aliases: {fast: openai/tiny}
guards: {first_event: 30s}
`)
	cfg, err := config.Load(path, env(nil))
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Upstreams[0].Name != "openai" || cfg.Upstreams[1].Rules[0].Then.Text != "${1}" {
		t.Errorf("upstreams are %+v", cfg.Upstreams)
	}
	if got := cfg.Guards.FirstEvent.Or(time.Minute); got != 30*time.Second {
		t.Errorf("first_event is %v", got)
	}
	if got := cfg.Guards.Idle.Or(time.Minute); got != time.Minute {
		t.Errorf("idle falls back to %v", got)
	}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ text, want string }{
		"unknown field":      {"listen: 127.0.0.1:1\nupstream: []\n", "craton.yaml:2: upstream: unknown field"},
		"wrong type":         {"upstreams: 3\n", "craton.yaml:1: upstreams: int was used where sequence is expected"},
		"public plaintext":   {"listen: 0.0.0.0:80\n", "--tls-self-signed"},
		"half a certificate": {"tls: {cert: a.pem}\n", "go together"},
		"unknown kind":       {"upstreams: [{kind: gpt}]\n", `kind "gpt" is not one of`},
		"reserved name":      {"upstreams: [{kind: openai, name: engine}]\n", "built-in"},
		"bad url":            {"upstreams: [{kind: openai, base_url: 'ftp://x'}]\n", "ftp://x"},
		"bad proxy":          {"trusted_proxies: [localhost]\n", "CIDR"},
		"bad duration":       {"guards: {idle: soon}\n", "soon"},
		"two key sources":    {"master_key: {env: A, file: b}\n", "one of"},
		"itself":             {"aliases: {a: a}\n", "aliases.a: a runs in a circle: a -> a"},
		"circle":             {"aliases: {a: b, b: c, c: a, d: a}\n", "b runs in a circle: b -> c -> a -> b"},
		"alias of nobody":    {"upstreams: [{kind: script}]\naliases: {a: nobody/x}\n", `aliases.a: nobody/x names the upstream "nobody", which is not configured; there are script, engine`},
		"fallback of nobody": {"fallbacks: {'*': [nobody/x]}\n", `fallbacks.*[0]: nobody/x names the upstream "nobody"`},
		"fallback to nobody": {"fallbacks: {nobody/x: []}\n", `fallbacks.nobody/x: nobody/x names the upstream "nobody"`},
		"default of nobody":  {"default_model: nobody/x\n", `default_model: nobody/x`},
		"engine off":         {"engine: {disabled: true}\naliases: {a: engine/x}\n", "engine.disabled turns that off"},
		"bad origin":         {"cors: {origins: ['*']}\n", "origin such as"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := config.Load(write(t, c.text), env(nil))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want one naming %q", err, c.want)
			}
		})
	}
}

func TestLoadNames(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"chain":      "upstreams: [{kind: script}]\naliases: {a: b, b: script/x}\nfallbacks: {a: [script/y, b], '*': [engine/z]}\ndefault_model: a\n",
		"bare ids":   "aliases: {a: some-model, b: Qwen/Q-8B, c: 'arn:aws:bedrock:us-east-1::foundation-model/x'}\n",
		"listed":     "upstreams: [{kind: openai, models: [org/m]}]\naliases: {a: org/m}\n",
		"discovered": "discover: true\naliases: {a: ollama/tiny}\n",
	} {
		if _, err := config.Load(write(t, text), env(nil)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSecretResolve(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	get := env(map[string]string{"KEY": "from-env"})
	for _, c := range []struct {
		secret config.Secret
		want   string
		fails  bool
	}{
		{config.Secret{Env: "KEY"}, "from-env", false},
		{config.Secret{File: file}, "from-file", false},
		{config.Secret{}, "", false},
		{config.Secret{Env: "NONE"}, "", true},
		{config.Secret{File: file + "x"}, "", true},
	} {
		got, err := c.secret.Resolve(get)
		if got != c.want || (err != nil) != c.fails {
			t.Errorf("%+v resolves to %q, %v", c.secret, got, err)
		}
	}
}
