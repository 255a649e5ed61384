package provider

import (
	"context"
	"net/http"
	"time"

	"github.com/craton-ai/craton/internal/provider/script"
)

// Config describes one upstream, whatever its kind. The zero value of every
// member but Kind is usable where its comment names a default.
type Config struct {
	// Name is how models of this upstream are prefixed: "name/model". Default: Kind.
	Name string
	// Kind is "openai", "azure", "anthropic", "bedrock" or "script"; see provider/all.
	Kind string
	// BaseURL is where the API lives, version segment included
	// ("http://127.0.0.1:11434/v1"). Default: the vendor's public address.
	BaseURL string
	// APIKey authenticates Craton to the upstream; the zero value sends none.
	APIKey Key
	// Region is the AWS region of kind bedrock.
	Region string
	// Headers are added to every request and override what a provider sets,
	// but never the loop header.
	Headers map[string]string
	// Timeouts bound the phases of a call.
	Timeouts Timeouts
	// MaxIdle is how many idle connections are kept to the upstream. Default 256.
	MaxIdle int
	// MaxBody bounds a whole (not streamed) answer in bytes. Default 64 MiB.
	MaxBody int64
	// MaxStream bounds a streamed answer in bytes. Default 1 GiB.
	MaxStream int64
	// Instance identifies this server in the loop header; empty sends none.
	Instance string
	// Trace adds the trace context of a call to the headers of its request, as
	// W3C Trace Context describes; nil adds none. It is safe for concurrent use.
	Trace func(context.Context, http.Header)
	// Models lists the models to serve where the upstream cannot list its own
	// (or should not); empty asks the upstream.
	Models []string

	// OpenAI holds the deviations of an OpenAI-compatible server.
	OpenAI OpenAI
	// Azure holds what kind azure needs besides BaseURL and APIKey.
	Azure Azure
	// AWS holds the credentials of kind bedrock.
	AWS AWS
	// Script is the configuration of kind script; nil for its defaults.
	Script *script.Config

	// Transport replaces the network in tests; nil for the network.
	Transport http.RoundTripper
	// Now is the clock that signatures use; nil for the system's.
	Now func() time.Time
}

// OpenAI says how a compatible server deviates from OpenAI's own. The zero
// value is OpenAI.
type OpenAI struct {
	// MaxTokensName is the request member that bounds the answer:
	// "max_completion_tokens" (the default) or, for servers that do not know it, "max_tokens".
	MaxTokensName string
	// NoStreamUsage marks a server that refuses stream_options; its streams may tell no usage.
	NoStreamUsage bool
	// NoDeveloperRole marks a server that does not know the developer role; such
	// messages are sent as system ones.
	NoDeveloperRole bool
	// CacheBreakpoints marks a server that knows prompt_cache_breakpoint.
	CacheBreakpoints bool
	// Reasoning names the message member in which earlier thinking is sent
	// back, "reasoning_content" or "reasoning"; empty leaves it out.
	Reasoning string
	// NoPrediction marks a server that refuses the prediction of an answer.
	NoPrediction bool
	// Responses marks a server that also speaks /responses.
	Responses bool
}

// Azure describes an Azure OpenAI resource.
type Azure struct {
	// APIVersion is the api-version query, such as "2024-10-21". Default "2024-10-21".
	APIVersion string
	// Deployments maps model names to deployment names; a model that is not
	// listed is its own deployment's name.
	Deployments map[string]string
}

// AWS says where Amazon credentials come from: static keys here, else the
// environment, else the shared files. Instance metadata is never asked.
type AWS struct {
	AccessKeyID  string
	SecretKey    Key
	SessionToken Key
	// Bearer is a Bedrock API key (AWS_BEARER_TOKEN_BEDROCK); it replaces signing.
	Bearer Key
	// Profile names a profile of the shared files. Default "default", or AWS_PROFILE.
	Profile string
	// ControlURL is where the bedrock service (lists of models) lives. Default:
	// BaseURL when it is set, else the region's public address.
	ControlURL string
	// Getenv reads the environment; nil reads none, so that a tenant's
	// configuration cannot pick up the operator's keys by accident.
	Getenv func(string) string
	// ReadFile reads the shared files; nil reads none.
	ReadFile func(path string) ([]byte, error)
}

// Timeouts bound the phases of a call. A streamed answer may last for ever as
// long as bytes keep coming.
type Timeouts struct {
	// Connect bounds dialing, TLS included. Default 10 s.
	Connect time.Duration
	// FirstByte bounds the wait from the request's last byte to the answer's
	// header, and from there to the body's first byte: the whole thinking time of
	// an answer that is not streamed. Default 10 min.
	FirstByte time.Duration
	// Idle bounds the silence between two reads of an answer. Default 2 min.
	Idle time.Duration
}

// The defaults of Config.
const (
	DefaultConnect   = 10 * time.Second
	DefaultFirstByte = 10 * time.Minute
	DefaultIdle      = 2 * time.Minute
	DefaultMaxIdle   = 256
	DefaultMaxBody   = 64 << 20
	DefaultMaxStream = 1 << 30
)

// WithDefaults returns the configuration with defaults filled in.
func (c Config) WithDefaults() Config {
	if c.Name == "" {
		c.Name = c.Kind
	}
	fill(&c.Timeouts.Connect, DefaultConnect)
	fill(&c.Timeouts.FirstByte, DefaultFirstByte)
	fill(&c.Timeouts.Idle, DefaultIdle)
	fill(&c.MaxIdle, DefaultMaxIdle)
	fill(&c.MaxBody, DefaultMaxBody)
	fill(&c.MaxStream, DefaultMaxStream)
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func fill[T int | int64 | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}
