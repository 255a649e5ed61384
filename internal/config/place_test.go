package config_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/config"
)

// TestErrorsNameTheirPlace: each thing that can be wrong with a document is
// told with the file, the line and the field, those that the decoder finds as
// well as those that are found later.
func TestErrorsNameTheirPlace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, want string }{
		// What does not decode.
		{"unknown field", "listen: a:1\nguards:\n  idel: 3s\n", "3: guards.idel: unknown field"},
		{"unknown field in a list", "upstreams:\n  - kind: script\n    rules:\n      - when: {regexp: x}\n", "4: upstreams[0].rules[0].when.regexp: unknown field"},
		{"text for a number", "limits:\n\n  max_concurrent: many\n", "3: limits.max_concurrent: a number is due here, not text"},
		{"list for text", "tools:\n  servers:\n    - name: a\n      tools:\n        x: {class: [1]}\n", "5: tools.servers[0].tools.x.class: text is due here, not a list"},
		{"text for a list", "hosts: a\n", "1: hosts: string was used where sequence is expected"},
		{"block for text", "aliases:\n  a: {b: c}\n", "2: aliases.a: text is due here, not a block of fields"},
		{"text for a switch", "discover: maybe\n", "1: discover: true or false is due here, not text"},
		{"too large", "limits:\n  max_concurrent: 99999999999999999999\n", "2: limits.max_concurrent: 99999999999999999999 is no number that fits"},
		{"no time", "guards:\n  first_event: 3s\n  hedge: null\n  idle: soon\n", `4: guards.idle: "soon" is not a time`},
		{"no time in a pointer", "retention:\n  uploads: 3\n", `2: retention.uploads: "3" is not a time`},
		{"no time but a list", "guards:\n  idle: [3s]\n", `2: guards.idle: "" is not a time`},
		{"no time in a rule", "upstreams:\n  - kind: script\n    rules:\n      - then:\n          delay: x\n", `5: upstreams[0].rules[0].then.delay: "x" is not a time`},
		{"twice", "listen: a:1\nlisten: b:1\n", `2: listen: mapping key "listen" already defined`},
		{"no YAML", "listen: a:1\nhosts: [a\n", "2: sequence end token"},
		{"no document", "\n- a\n", "2: sequence was used where mapping is expected"},
		{"two documents", "listen: 127.0.0.1:1\n---\nlisten: 127.0.0.1:2\n", "3: there is one document"},
		// What decodes, and cannot be.
		{"listen", "\nlisten: here\n", `2: listen: "here" is not HOST:PORT`},
		{"public", "hosts: [a]\nlisten: 0.0.0.0:80\n", "2: listen: 0.0.0.0:80 is reachable"},
		{"tls", "\n\ntls: {cert: a}\n", "3: tls: cert and key go together"},
		{"proxies", "trusted_proxies:\n  - 10.0.0.0/8\n  - here\n", `3: trusted_proxies[1]: "here" is not a CIDR`},
		{"networks", "egress:\n  networks:\n    - here\n", `3: egress.networks[0]: "here" is not a CIDR`},
		{"origins", "cors:\n  origins: ['*']\n", `2: cors.origins[0]: "*" is not an origin`},
		{"master key", "\nmaster_key:\n  env: A\n  file: b\n", "2: master_key: set one of"},
		{"store", "store:\n  postgres:\n    stored: a\n", "2: store.postgres: the store cannot"},
		{"sample", "observe:\n  sample: 2\n", "2: observe.sample: 2 is not between"},
		{"mode", "retention:\n  mode: some\n", `2: retention.mode: "some" is no mode`},
		{"access log", "observe:\n  access_log: xml\n", `2: observe.access_log: "xml" is neither`},
		{"amount", "limits:\n  max_file_bytes: -3\n", "2: limits.max_file_bytes: -3 is less"},
		{"retries", "guards:\n  retries: -3\n", "2: guards.retries: -3 is less"},
		{"time", "guards:\n  hedge: -3s\n", "2: guards.hedge: -3s is less"},
		{"host", "hosts:\n  - a\n  - http://x\n", `3: hosts[1]: "http://x" is not a host`},
		{"name", "upstreams:\n  - kind: script\n    name: A\n", `3: upstreams[0].name: "A" is no name`},
		{"own name", "upstreams:\n  - kind: script\n    name: engine\n", `3: upstreams[0].name: "engine" is the built-in`},
		{"taken by a name left out", "upstreams:\n  - kind: script\n  - kind: script\n", `3: upstreams[1].name: the name "script" is taken`},
		{"kind", "upstreams:\n  - name: a\n    kind: gpt\n", `3: upstreams[0].kind: kind "gpt" is not one of`},
		{"no kind", "upstreams:\n  - name: a\n", `2: upstreams[0].kind: kind "" is not one of`},
		{"address", "upstreams:\n  - kind: openai\n    base_url: ftp://x\n", `3: upstreams[0].base_url: "ftp://x" is not`},
		{"fetching", "upstreams:\n  - kind: openai\n    fetch_urls: maybe\n", `3: upstreams[0].fetch_urls: "maybe" is not one of`},
		{"key", "upstreams:\n  - kind: openai\n    api_key:\n      env: A\n      file: b\n", "3: upstreams[0].api_key: set one of"},
		{"rule", "upstreams:\n  - kind: script\n    rules:\n      - {}\n      - when:\n          regex: (\n", "6: upstreams[0].rules[1].when.regex: "},
		{"circle", "aliases:\n  a: b\n  b: a\n", "2: aliases.a: a runs in a circle"},
		{"alias", "aliases:\n  gpt-4.1: nobody/x\n", `2: aliases.gpt-4.1: nobody/x names the upstream "nobody"`},
		{"fallback", "fallbacks:\n  a.b:\n    - c\n    - nobody/x\n", `4: fallbacks.a.b[1]: nobody/x names`},
		{"fallback of", "fallbacks:\n  nobody/x: []\n", `2: fallbacks.nobody/x: nobody/x names`},
		{"default", "\ndefault_model: nobody/x\n", `2: default_model: nobody/x names`},
		{"engine off", "engine:\n  disabled: true\ndefault_model: engine/x\n", `3: default_model: engine/x is the built-in`},
		{"server's name", "tools:\n  servers:\n    - name: A\n      command: x\n", `3: tools.servers[0].name: "A" is no name`},
		{"server's way", "tools:\n  servers:\n    - name: a\n", "3: tools.servers[0]: set one of url and command"},
		{"server's address", "tools:\n  servers:\n    - name: a\n      url: ftp://x\n", `4: tools.servers[0].url: "ftp://x" is not`},
		{"server's token", "tools:\n  servers:\n    - name: a\n      url: https://x\n      token:\n        stored: b\n", "5: tools.servers[0].token: only keys of upstreams"},
		{"server's secret", "tools:\n  servers:\n    - name: a\n      command: x\n      secrets:\n        B: {}\n", "6: tools.servers[0].secrets.B: it is empty"},
		{"server's approval", "tools:\n  servers:\n    - name: a\n      command: x\n      approval: maybe\n", "5: tools.servers[0].approval: approval is"},
		{"server's rule", "tools:\n  servers:\n    - name: a\n      command: x\n      tools:\n        b: {class: safe}\n", "6: tools.servers[0].tools.b: approval is"},
		{"remote", "tools:\n  remote:\n    - origin: ftp://x\n", "3: tools.remote[0].origin: an origin is"},
		{"remote twice", "tools:\n  remote:\n    - origin: https://x\n    - origin: https://x\n", "4: tools.remote[1].origin: https://x is there twice"},
		{"below an anchor", "upstreams:\n  - &one\n    kind: gpt\n", `3: upstreams[0].kind: kind "gpt"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := write(t, c.text)
			_, err := config.Load(path, env(nil))
			if err == nil || !strings.HasPrefix(err.Error(), path+":"+c.want) {
				t.Errorf("got %v, want it to begin with %s:%s", err, path, c.want)
			}
		})
	}
}

// TestErrorsAreAllPlaced: where several things are wrong each has its line.
func TestErrorsAreAllPlaced(t *testing.T) {
	t.Parallel()
	_, err := config.Load(write(t, "listen: here\nupstreams:\n  - kind: gpt\n    base_url: x\nhosts:\n  - http://x\n"), env(nil))
	for _, line := range strings.Split(err.Error(), "\n") {
		if !regexp.MustCompile(`craton\.yaml:\d+: [a-z_.\[\]0-9]+: `).MatchString(line) {
			t.Errorf("the line %q has no place", line)
		}
	}
}

// TestFlagsHaveNoLine: what a flag says is not looked for in the file.
func TestFlagsHaveNoLine(t *testing.T) {
	t.Parallel()
	_, err := config.Load(write(t, "listen: 127.0.0.1:1\n"), env(nil), func(c *config.Config) { c.Listen = "there" })
	if err == nil || !strings.HasPrefix(err.Error(), `listen: "there"`) {
		t.Errorf("got %v", err)
	}
	cfg, err := config.Load(write(t, "\nprices:\n  a/b: {input: cheap}\n"), env(nil))
	if err != nil || !strings.HasSuffix(cfg.At("prices.a/b.input"), "craton.yaml:3: prices.a/b.input") {
		t.Errorf("got %v, %q", err, cfg.At("prices.a/b.input"))
	}
	if bare, err := config.Load("", env(nil)); err != nil || bare.At("listen") != "listen" {
		t.Errorf("got %v, %q", err, bare.At("listen"))
	}
}

// TestDirectivesAreNoDocument: a document may begin with directives, which are
// none themselves.
func TestDirectivesAreNoDocument(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load(write(t, "# ours\n%YAML 1.2\n---\nhosts: [a.example.com]\n"), env(nil))
	if err != nil || len(cfg.Hosts) != 1 {
		t.Fatalf("got %+v, %v", cfg, err)
	}
	_, err = config.Load(write(t, "%YAML 1.2\n---\nhosts: [a]\n---\nhosts: [b]\n"), env(nil))
	if err == nil || !strings.Contains(err.Error(), "craton.yaml:5: there is one document") {
		t.Errorf("got %v", err)
	}
}
