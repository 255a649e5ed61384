package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/provider/script"
)

// Kinds are the kinds of upstream a document may name.
var kinds = []string{"openai", "anthropic", "bedrock", "script"}

// fetches are the values of fetch_urls.
var fetches = []string{"egress", "pass", "never"}

// Load reads and validates the document at path. An empty path gives the
// defaults. getenv is os.Getenv, or a map's lookup in tests. The overlays change
// what the document says before defaults are filled in, as flags do. Errors name
// the file, the line and the field.
func Load(path string, getenv func(string) string, overlays ...func(*Config)) (*Config, error) {
	cfg := &Config{}
	if path != "" {
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("cannot read the configuration: %w", err)
		}
		if cfg, err = parse(path, raw); err != nil {
			return nil, err
		}
	}
	said := *cfg
	for _, change := range overlays {
		change(cfg)
	}
	if cfg.source != nil {
		cfg.source.elsewhere = said.Differs(cfg)
	}
	cfg.fill(getenv)
	return cfg, cfg.validate()
}

// parse decodes a document strictly, without defaults or validation. The reader
// of YAML breaks down over some odd documents, which a reload must survive.
func parse(file string, raw []byte) (cfg *Config, err error) {
	defer func() {
		if p := recover(); p != nil {
			cfg, err = nil, fmt.Errorf("%s: it is not YAML that can be read: write it without tags, such as !!str", file)
		}
	}()
	from, err := read(file, raw)
	if err != nil {
		return nil, err
	}
	cfg = &Config{}
	if err := yaml.NewDecoder(bytes.NewReader(raw), yaml.Strict()).Decode(cfg); err != nil && !errors.Is(err, io.EOF) {
		return nil, from.explain(err)
	}
	cfg.source = from
	return cfg, nil
}

// At is where a field stands in the file, and the field, as errors begin:
// "craton.yaml:7: upstreams[0].kind". It is the field alone where a flag or
// nobody set it.
func (c *Config) At(field string) string { return c.source.at(field) }

func (c *Config) fill(getenv func(string) string) {
	if c.Listen == "" {
		c.Listen = DefaultListen
	}
	if c.Data == "" {
		c.Data = DefaultData(getenv)
	}
	if c.BackupDir == "" {
		c.BackupDir = filepath.Join(c.Data, "backups")
	}
	if c.Region == "" {
		c.Region = DefaultRegion
	}
	if c.Limits.MaxBodyBytes == 0 {
		c.Limits.MaxBodyBytes = DefaultMaxBodyBytes
	}
	if c.Limits.MaxHeaderBytes == 0 {
		c.Limits.MaxHeaderBytes = DefaultMaxHeader
	}
	if c.Limits.MaxConcurrent == 0 {
		c.Limits.MaxConcurrent = 4096
	}
	for i := range c.Upstreams {
		if c.Upstreams[i].Name == "" {
			c.Upstreams[i].Name = c.Upstreams[i].Kind
		}
	}
}

// DefaultData is $XDG_DATA_HOME/craton, else ~/.local/share/craton.
func DefaultData(getenv func(string) string) string {
	if dir := getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "craton")
	}
	return filepath.Join(getenv("HOME"), ".local", "share", "craton")
}

var upstreamName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

// refusal notes what is wrong with a field.
type refusal func(field, format string, args ...any)

// validate reports everything that is wrong with the configuration, joined.
func (c *Config) validate() error {
	var errs []error
	bad := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %w", c.At(field), fmt.Errorf(format, args...)))
	}

	if _, port, err := net.SplitHostPort(c.Listen); err != nil || port == "" {
		bad("listen", "%q is not HOST:PORT", c.Listen)
	}
	if !c.Loopback() && !c.TLS.On() && !c.Plaintext {
		bad("listen", "%s is reachable from other machines and TLS is off: set tls.cert and tls.key, "+
			"or --tls-self-signed, or, behind a proxy that terminates TLS, --plaintext", c.Listen)
	}
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		bad("tls", "cert and key go together")
	}
	for i, p := range c.TrustedProxies {
		if _, err := netip.ParsePrefix(p); err != nil {
			bad(fmt.Sprintf("trusted_proxies[%d]", i), "%q is not a CIDR such as 10.0.0.0/8", p)
		}
	}
	for i, p := range c.Egress.Networks {
		if _, err := netip.ParsePrefix(p); err != nil {
			bad(fmt.Sprintf("egress.networks[%d]", i), "%q is not a CIDR such as 10.0.0.0/8", p)
		}
	}
	for i, o := range c.CORS.Origins {
		if u, err := url.Parse(o); err != nil || u.Scheme == "" || u.Host == "" || u.Path != "" {
			bad(fmt.Sprintf("cors.origins[%d]", i), "%q is not an origin such as https://app.example.com", o)
		}
	}
	if n := count(c.MasterKey.File != "", c.MasterKey.Env != "", len(c.MasterKey.Command) > 0); n > 1 {
		bad("master_key", "set one of file, env and command")
	}
	if c.Store.Postgres.Stored != "" {
		bad("store.postgres", "the store cannot keep the way to itself: set env or file")
	}
	if s := c.Observe.Sample; s != nil && (*s < 0 || *s > 1 || math.IsNaN(*s)) {
		bad("observe.sample", "%v is not between 0 and 1", *s)
	}
	if m := c.Retention.Mode; m != "" && m != "none" {
		bad("retention.mode", "%q is no mode; write none, or leave it out", m)
	}
	if a := c.Observe.AccessLog; a != "" && a != "json" && a != "off" {
		bad("observe.access_log", "%q is neither json nor off", a)
	}
	c.validateNumbers(bad)
	c.validateUpstreams(bad)
	c.validateNames(bad)
	c.validateTools(bad)
	c.validateRemote(bad)
	return errors.Join(errs...)
}

// validateNumbers refuses amounts and times below nothing.
func (c *Config) validateNumbers(bad refusal) {
	for _, n := range []struct {
		field string
		value int64
		leave string // what leaving it out means
	}{
		{"limits.max_body_bytes", c.Limits.MaxBodyBytes, "the default"},
		{"limits.max_header_bytes", int64(c.Limits.MaxHeaderBytes), "the default"},
		{"limits.max_concurrent", int64(c.Limits.MaxConcurrent), "4096"},
		{"limits.max_file_bytes", c.Limits.MaxFileBytes, "536870912"},
		{"limits.tenant_file_bytes", c.Limits.TenantFileBytes, "no limit"},
		{"limits.tenant_object_bytes", c.Limits.TenantObjectBytes, "no limit"},
		{"engine.threads", int64(c.Engine.Threads), "as many as there are"},
		{"tools.file_search.parsers", int64(c.Tools.FileSearch.Parsers), "2"},
		{"tools.file_search.parser_memory_mb", int64(c.Tools.FileSearch.ParserMemoryMB), "320"},
	} {
		if n.value < 0 {
			bad(n.field, "%d is less than nothing; leave it out for %s", n.value, n.leave)
		}
	}
	if m := c.Tools.FileSearch.ParserMemoryMB; m > 0 && m < minParserMemory {
		bad("tools.file_search.parser_memory_mb", "%d MiB are too few to read anything; give %d or more", m, minParserMemory)
	}
	if r := c.Guards.Retries; r != nil && *r < 0 {
		bad("guards.retries", "%d is less than nothing; 0 tries once", *r)
	}
	for field, d := range map[string]Duration{"first_event": c.Guards.FirstEvent, "idle": c.Guards.Idle,
		"hedge": c.Guards.Hedge, "queue_wait": c.Guards.QueueWait} {
		if d < 0 {
			bad("guards."+field, "%v is less than no time", time.Duration(d))
		}
	}
	for i, host := range c.Hosts {
		if strings.ContainsAny(host, "/ ") {
			bad(fmt.Sprintf("hosts[%d]", i), "%q is not a host name such as craton.example.com", host)
		}
	}
}

func (c *Config) validateUpstreams(bad refusal) {
	seen := map[string]bool{}
	for i, u := range c.Upstreams {
		at := fmt.Sprintf("upstreams[%d]", i)
		if !upstreamName.MatchString(u.Name) {
			bad(at+".name", "%q is no name: one is lower-case letters, digits, - and _", u.Name)
		}
		if u.Name == engineName {
			bad(at+".name", "%q is the built-in engine's name", u.Name)
		}
		if seen[u.Name] {
			bad(at+".name", "the name %q is taken", u.Name)
		}
		seen[u.Name] = true
		if !slices.Contains(kinds, u.Kind) {
			bad(at+".kind", "kind %q is not one of %s", u.Kind, strings.Join(kinds, ", "))
		}
		if u.BaseURL != "" {
			if b, err := url.Parse(u.BaseURL); err != nil || (b.Scheme != "http" && b.Scheme != "https") || b.Host == "" {
				bad(at+".base_url", "%q is not an http or https address", u.BaseURL)
			}
		}
		if u.FetchURLs != "" && !slices.Contains(fetches, u.FetchURLs) {
			bad(at+".fetch_urls", "%q is not one of %s", u.FetchURLs, strings.Join(fetches, ", "))
		}
		if count(u.APIKey.Env != "", u.APIKey.File != "", u.APIKey.Stored != "") > 1 {
			bad(at+".api_key", "set one of env, file and stored")
		}
		if _, err := script.New(script.Config{Rules: u.Rules}); err != nil && u.Kind == "script" {
			bad(at+"."+ruleField(err), "%v", err)
		}
	}
}

// ruleField is the field that a scripted upstream's rules are refused for.
func ruleField(err error) string {
	var e *model.Error
	if !errors.As(err, &e) {
		return "rules"
	}
	return ruleNumber.ReplaceAllString(e.Subject, "rules[$1]")
}

var ruleNumber = regexp.MustCompile(`^rules\.(\d+)`)

// Loopback reports whether the listen address is reachable from this machine only.
func (c *Config) Loopback() bool {
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// Resolve reads a secret's value, without surrounding white space. An unset
// Secret gives an empty string.
func (s Secret) Resolve(getenv func(string) string) (string, error) {
	switch {
	case s.Env != "":
		v := getenv(s.Env)
		if v == "" {
			return "", fmt.Errorf("the environment variable %s is empty", s.Env)
		}
		return v, nil
	case s.File != "":
		raw, err := os.ReadFile(s.File)
		if err != nil {
			return "", fmt.Errorf("cannot read a secret: %w", err)
		}
		return strings.TrimSpace(string(raw)), nil
	}
	return "", nil
}

func count(conditions ...bool) (n int) {
	for _, c := range conditions {
		if c {
			n++
		}
	}
	return n
}
