package config

import (
	"time"

	"github.com/craton-ai/craton/internal/provider/script"
)

// Defaults of fields left out.
const (
	DefaultListen       = "127.0.0.1:8420"
	DefaultRegion       = "us-east-1"
	DefaultMaxBodyBytes = 32 << 20
	DefaultMaxHeader    = 64 << 10
	DefaultDrain        = 20 * time.Second
)

// Config is the whole document. The zero value of every field means its default.
type Config struct {
	// Listen is HOST:PORT; default DefaultListen.
	Listen string `yaml:"listen"`
	// Data is the data directory; default $XDG_DATA_HOME/craton.
	Data string `yaml:"data"`
	// BackupDir is where the running server puts backups; default backups in
	// the data directory.
	BackupDir string `yaml:"backup_dir"`
	// TLS turns on TLS. Beyond loopback the server refuses to start without it
	// unless Plaintext is true.
	TLS       TLS  `yaml:"tls"`
	Plaintext bool `yaml:"plaintext"`
	// Hosts are further Host headers to accept ("ai.example.com", "*.example.com").
	// Loopback names and the listen address are always accepted.
	Hosts []string `yaml:"hosts"`
	// CORS lists the origins browsers may call from; empty means none.
	CORS CORS `yaml:"cors"`
	// TrustedProxies are CIDRs whose X-Forwarded-Host, -Proto, -For and -Prefix are believed.
	TrustedProxies []string `yaml:"trusted_proxies"`
	// Region is what answers show when a request names none; default DefaultRegion.
	Region string `yaml:"region"`

	Store     Store     `yaml:"store"`
	MasterKey MasterKey `yaml:"master_key"`

	// Upstreams serve models. Order is the preference among equals.
	Upstreams []Upstream `yaml:"upstreams"`
	// Discover finds local servers and well-known environment keys even though
	// there is a configuration file or a public address.
	Discover bool `yaml:"discover"`
	// Engine is the built-in engine.
	Engine Engine `yaml:"engine"`
	// DefaultModel comes first in model lists.
	DefaultModel string `yaml:"default_model"`
	// Aliases map a name to upstream/model.
	Aliases map[string]string `yaml:"aliases"`
	// Fallbacks map a model to the models tried after it, in order.
	Fallbacks map[string][]string `yaml:"fallbacks"`
	// Prices override the catalogue, in USD per million tokens.
	Prices map[string]Price `yaml:"prices"`

	Egress    Egress    `yaml:"egress"`
	Tools     Tools     `yaml:"tools"`
	Guards    Guards    `yaml:"guards"`
	Limits    Limits    `yaml:"limits"`
	Retention Retention `yaml:"retention"`
	Observe   Observe   `yaml:"observe"`

	source *source // nil without a file
}

// TLS names certificates. They are read again when the files change.
type TLS struct {
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
	// SelfSigned makes a certificate for the listen host and keeps it in the data directory.
	SelfSigned bool `yaml:"self_signed"`
}

// On reports whether TLS is configured.
func (t TLS) On() bool { return t.SelfSigned || t.Cert != "" }

// CORS lists allowed browser origins, exactly ("https://app.example.com").
type CORS struct {
	Origins []string `yaml:"origins"`
}

// Store says where state lies.
type Store struct {
	// Postgres is the connection URL; unset means SQLite in the data directory.
	Postgres Secret `yaml:"postgres"`
}

// MasterKey says where the key that seals secrets comes from. At most one is
// set; the default is the file master.key in the data directory.
type MasterKey struct {
	File    string   `yaml:"file"`
	Env     string   `yaml:"env"`
	Command []string `yaml:"command"`
}

// Secret names where a secret value is; at most one of its fields is set.
type Secret struct {
	Env  string `yaml:"env"`
	File string `yaml:"file"`
	// Stored names a credential kept by `craton secrets set`; only upstream
	// keys may be stored.
	Stored string `yaml:"stored"`
}

// Set reports whether the secret is named at all.
func (s Secret) Set() bool { return s.Env != "" || s.File != "" || s.Stored != "" }

// Upstream is one place that serves models.
type Upstream struct {
	// Name is the first part of upstream/model names.
	Name string `yaml:"name"`
	// Kind is "openai", "anthropic", "bedrock", "script".
	Kind    string `yaml:"kind"`
	BaseURL string `yaml:"base_url"`
	APIKey  Secret `yaml:"api_key"`
	// Region and Profile are for kind bedrock.
	Region  string `yaml:"region"`
	Profile string `yaml:"profile"`
	// AzureAPIVersion makes kind openai speak Azure's paths and headers.
	AzureAPIVersion string            `yaml:"azure_api_version"`
	Headers         map[string]string `yaml:"headers"`
	// Models lists what it serves; empty means asking it.
	Models []string `yaml:"models"`
	// Priority orders upstreams (lower first); Weight shares load among equals.
	Priority int `yaml:"priority"`
	Weight   int `yaml:"weight"`
	// Tenants limits it to these tenant names; empty means every tenant.
	Tenants []string `yaml:"tenants"`
	// FetchURLs says who fetches the images and files whose addresses requests
	// name: "egress", this server, public addresses only; "pass", the upstream;
	// "never", nobody. Default: pass for vendors known by their base_url over
	// https, which cannot reach this network, else egress.
	FetchURLs string `yaml:"fetch_urls"`
	// Rules are for kind script; empty means its default rules.
	Rules []script.Rule `yaml:"rules"`
}

// Engine configures the built-in engine.
type Engine struct {
	// Disabled turns it off.
	Disabled bool `yaml:"disabled"`
	// Library is the directory of the inference library; default: the installed one.
	Library string `yaml:"library"`
	// Command runs this llama-server compatible command instead of the built-in child.
	Command []string `yaml:"command"`
	// Models lists installed models to serve; empty means every installed one.
	Models []EngineModel `yaml:"models"`
	// IdleUnload stops the child after this long without a request; default 15m, "0s" never.
	IdleUnload *Duration `yaml:"idle_unload"`
	// Threads is the number of compute threads; default: the machine's cores.
	Threads int `yaml:"threads"`
	// MemoryMB refuses models that need more; default: three quarters of the machine's memory.
	MemoryMB int `yaml:"memory_mb"`
}

// EngineModel is one model of the engine.
type EngineModel struct {
	Name          string `yaml:"name"`
	ContextTokens int    `yaml:"context_tokens"`
	Parallel      int    `yaml:"parallel"`
	// Embedding serves the model for embeddings instead of text.
	Embedding bool `yaml:"embedding"`
}

// Price is USD per million tokens, as decimal text so that it is exact.
type Price struct {
	Input        string `yaml:"input"`
	Output       string `yaml:"output"`
	CacheRead    string `yaml:"cache_read"`
	CacheWrite5m string `yaml:"cache_write_5m"`
	CacheWrite1h string `yaml:"cache_write_1h"`
}

// Egress says what this server may fetch for callers besides public addresses
// over https.
type Egress struct {
	// Networks are CIDRs that may be reached as well.
	Networks []string `yaml:"networks"`
	// Hosts may be reached wherever they lead; ".example.com" is every name below it.
	Hosts []string `yaml:"hosts"`
}

// Guards configures what stands between a request and its upstream.
type Guards struct {
	// Retries is how often a failed call is tried again on one upstream; default 2.
	Retries *int `yaml:"retries"`
	// FirstEvent bounds the wait for an upstream's first event; default 5m.
	FirstEvent Duration `yaml:"first_event"`
	// Idle bounds the pause between two events; default 2m.
	Idle Duration `yaml:"idle"`
	// Hedge sends a second copy when the first has not begun after this long; 0 never.
	Hedge Duration `yaml:"hedge"`
	// QueueWait bounds the wait for a free concurrency slot; default 10s.
	QueueWait Duration `yaml:"queue_wait"`
}

// Limits bounds what clients may send.
type Limits struct {
	MaxBodyBytes   int64 `yaml:"max_body_bytes"`
	MaxHeaderBytes int   `yaml:"max_header_bytes"`
	// MaxConcurrent bounds requests in flight over all clients; default 4096.
	MaxConcurrent int `yaml:"max_concurrent"`
	// MaxFileBytes bounds an uploaded file; default 536870912.
	MaxFileBytes int64 `yaml:"max_file_bytes"`
	// TenantFileBytes bounds the uploaded files of each tenant; 0 sets no limit.
	TenantFileBytes int64 `yaml:"tenant_file_bytes"`
	// TenantObjectBytes bounds the objects and parts of each tenant; 0 sets no limit.
	TenantObjectBytes int64 `yaml:"tenant_object_bytes"`
}

// Retention says how long what has ended is kept; "0s" keeps it for ever.
type Retention struct {
	// AsyncInvocations counts from the end of an async invocation; default 720h.
	AsyncInvocations *Duration `yaml:"async_invocations"`
	// Uploads counts from the beginning of a multipart upload that was neither
	// completed nor aborted; default 168h.
	Uploads *Duration `yaml:"uploads"`
	// Mode is "none" where no response or conversation may be stored; empty
	// keeps them until they are deleted.
	Mode string `yaml:"mode"`
	// NoneTenants are the names of tenants with mode "none", whatever Mode is.
	NoneTenants []string `yaml:"none_tenants"`
}

// Observe configures logs, metrics and traces.
type Observe struct {
	// AccessLog is "json" (default) or "off".
	AccessLog string `yaml:"access_log"`
	// OTLP is the collector's base URL for traces and metrics; unset means none.
	OTLP string `yaml:"otlp"`
	// Sample is the share of requests traced, 0..1; default 0.1.
	Sample *float64 `yaml:"sample"`
	// MetricsPublic serves /metrics without a credential.
	MetricsPublic bool `yaml:"metrics_public"`
}

// Duration is a time.Duration written as "30s" or "5m".
type Duration time.Duration

// UnmarshalText parses the form time.ParseDuration takes.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	*d = Duration(v)
	return err
}

// Or returns d, or fallback when d is 0.
func (d Duration) Or(fallback time.Duration) time.Duration {
	if d == 0 {
		return fallback
	}
	return time.Duration(d)
}
