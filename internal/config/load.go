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

	"github.com/craton-ai/craton/internal/provider/script"
)

// Kinds are the kinds of upstream a document may name.
var kinds = []string{"openai", "anthropic", "bedrock", "script"}

// fetches are the values of fetch_urls.
var fetches = []string{"egress", "pass", "never"}

// Load reads and validates the document at path. An empty path gives the
// defaults. getenv is os.Getenv, or a map's lookup in tests. The overlays change
// what the document says before defaults are filled in, as flags do.
func Load(path string, getenv func(string) string, overlays ...func(*Config)) (*Config, error) {
	cfg := &Config{}
	if path != "" {
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("cannot read the configuration: %w", err)
		}
		if cfg, err = Parse(raw); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	for _, change := range overlays {
		change(cfg)
	}
	cfg.fill(getenv)
	return cfg, cfg.Validate()
}

// Parse decodes a document strictly, without defaults or validation.
func Parse(raw []byte) (*Config, error) {
	cfg := &Config{}
	err := yaml.NewDecoder(bytes.NewReader(raw), yaml.Strict()).Decode(cfg)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return cfg, nil
}

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

// Validate reports everything that is wrong with the configuration, joined.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	if _, port, err := net.SplitHostPort(c.Listen); err != nil || port == "" {
		bad("listen: %q is not HOST:PORT", c.Listen)
	}
	if !c.Loopback() && !c.TLS.On() && !c.Plaintext {
		bad("listen: %s is reachable from other machines and TLS is off: set tls.cert and tls.key, "+
			"or --tls-self-signed, or, behind a proxy that terminates TLS, --plaintext", c.Listen)
	}
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		bad("tls: cert and key go together")
	}
	for _, p := range c.TrustedProxies {
		if _, err := netip.ParsePrefix(p); err != nil {
			bad("trusted_proxies: %q is not a CIDR such as 10.0.0.0/8", p)
		}
	}
	for _, p := range c.Egress.Networks {
		if _, err := netip.ParsePrefix(p); err != nil {
			bad("egress.networks: %q is not a CIDR such as 10.0.0.0/8", p)
		}
	}
	for _, o := range c.CORS.Origins {
		if u, err := url.Parse(o); err != nil || u.Scheme == "" || u.Host == "" || u.Path != "" {
			bad("cors.origins: %q is not an origin such as https://app.example.com", o)
		}
	}
	if n := count(c.MasterKey.File != "", c.MasterKey.Env != "", len(c.MasterKey.Command) > 0); n > 1 {
		bad("master_key: set one of file, env and command")
	}
	if c.Store.Postgres.Stored != "" {
		bad("store.postgres: the store cannot keep the way to itself: set env or file")
	}
	if s := c.Observe.Sample; s != nil && (*s < 0 || *s > 1 || math.IsNaN(*s)) {
		bad("observe.sample: %v is not between 0 and 1", *s)
	}
	if m := c.Retention.Mode; m != "" && m != "none" {
		bad("retention.mode: %q is no mode; write none, or leave it out", m)
	}
	if a := c.Observe.AccessLog; a != "" && a != "json" && a != "off" {
		bad("observe.access_log: %q is neither json nor off", a)
	}
	c.validateNumbers(bad)
	c.validateUpstreams(bad)
	c.validateNames(bad)
	c.validateTools(bad)
	c.validateRemote(bad)
	return errors.Join(errs...)
}

// validateNumbers refuses amounts and times below nothing.
func (c *Config) validateNumbers(bad func(string, ...any)) {
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
	} {
		if n.value < 0 {
			bad("%s: %d is less than nothing; leave it out for %s", n.field, n.value, n.leave)
		}
	}
	if r := c.Guards.Retries; r != nil && *r < 0 {
		bad("guards.retries: %d is less than nothing; 0 tries once", *r)
	}
	for field, d := range map[string]Duration{"first_event": c.Guards.FirstEvent, "idle": c.Guards.Idle,
		"hedge": c.Guards.Hedge, "queue_wait": c.Guards.QueueWait} {
		if d < 0 {
			bad("guards.%s: %v is less than no time", field, time.Duration(d))
		}
	}
	for _, host := range c.Hosts {
		if strings.ContainsAny(host, "/ ") {
			bad("hosts: %q is not a host name such as craton.example.com", host)
		}
	}
}

func (c *Config) validateUpstreams(bad func(string, ...any)) {
	seen := map[string]bool{}
	for i, u := range c.Upstreams {
		at := fmt.Sprintf("upstreams[%d] (%s)", i, u.Name)
		if !upstreamName.MatchString(u.Name) {
			bad("%s: a name is lower-case letters, digits, - and _", at)
		}
		if u.Name == "engine" {
			bad("%s: the name is the built-in engine's", at)
		}
		if seen[u.Name] {
			bad("%s: the name is taken", at)
		}
		seen[u.Name] = true
		if !slices.Contains(kinds, u.Kind) {
			bad("%s: kind %q is not one of %s", at, u.Kind, strings.Join(kinds, ", "))
		}
		if u.BaseURL != "" {
			if b, err := url.Parse(u.BaseURL); err != nil || (b.Scheme != "http" && b.Scheme != "https") || b.Host == "" {
				bad("%s: base_url %q is not an http or https address", at, u.BaseURL)
			}
		}
		if u.FetchURLs != "" && !slices.Contains(fetches, u.FetchURLs) {
			bad("%s: fetch_urls %q is not one of %s", at, u.FetchURLs, strings.Join(fetches, ", "))
		}
		if count(u.APIKey.Env != "", u.APIKey.File != "", u.APIKey.Stored != "") > 1 {
			bad("%s: api_key: set one of env, file and stored", at)
		}
		if _, err := script.New(script.Config{Rules: u.Rules}); err != nil && u.Kind == "script" {
			bad("%s: rules: %v", at, err)
		}
	}
}

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
