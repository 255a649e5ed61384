package discover

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"sync"

	"github.com/craton-ai/craton/internal/provider"
	"github.com/craton-ai/craton/internal/provider/bedrock"
	"github.com/tidwall/gjson"
)

// Options is what Find looks at.
type Options struct {
	// Getenv reads the environment.
	Getenv func(string) string
	// ReadFile reads the AWS shared files; nil leaves them out.
	ReadFile func(path string) ([]byte, error)
	// Probe asks a local server; nil leaves local servers out.
	Probe Probe
	// Self lists the addresses (host:port) this server listens on. A port on any
	// loopback or unspecified host counts as this server's when Self has it so.
	Self []string
}

// Probe gets a URL and returns the body of a 200 answer.
type Probe func(ctx context.Context, url string) ([]byte, error)

// Found is an upstream that was found.
type Found struct {
	// Config is ready for provider/all; the caller adds the Instance.
	Config provider.Config
	// What says what was found and where, for people.
	What string
}

// Result is what Find found, in the order of preference, and what it left out and why.
type Result struct {
	Found   []Found
	Skipped []string
}

// Find looks for upstreams. It returns when every probe has answered or timed
// out, and never fails: what is not there is not found.
func Find(ctx context.Context, o Options) Result {
	f := &finder{Options: o}
	f.local(ctx)
	f.openai()
	f.anthropic()
	f.bedrock()
	return f.result
}

type finder struct {
	Options
	result Result
}

func (f *finder) add(what string, cfg provider.Config) {
	f.result.Found = append(f.result.Found, Found{Config: cfg, What: what})
}

func (f *finder) skip(why string) { f.result.Skipped = append(f.result.Skipped, why) }

func (f *finder) env(name string) string {
	if f.Getenv == nil {
		return ""
	}
	return strings.TrimSpace(f.Getenv(name))
}

// key reads a variable each time it is needed.
func (f *finder) key(name string) provider.Key {
	return provider.FuncKey(func() (string, error) { return f.env(name), nil })
}

// server is a local server to look for.
type server struct {
	name, title, base, probe string
	quirks                   provider.OpenAI
	// is reports whether the probe's answer is that server's.
	is func(body []byte) bool
	// detail is read off the answer to name what was found; may be empty.
	detail string
}

// servers lists what may run here. Each tells itself apart by its answer,
// because other programs use the same ports.
func (f *finder) servers() []server {
	old := provider.OpenAI{MaxTokensName: "max_tokens", NoDeveloperRole: true}
	ollama := ollamaBase(f.env("OLLAMA_HOST"))
	owned := func(by string) func([]byte) bool {
		return func(body []byte) bool { return gjson.GetBytes(body, "data.0.owned_by").String() == by }
	}
	return []server{
		{name: "ollama", title: "Ollama", base: ollama, probe: "/api/version", quirks: old, detail: "version",
			is: func(body []byte) bool { return gjson.GetBytes(body, "version").Type == gjson.String }},
		{name: "llama-server", title: "llama-server", base: "http://127.0.0.1:8080", probe: "/v1/models", quirks: old, is: owned("llamacpp"), detail: "data.0.id"},
		{name: "vllm", title: "vLLM", base: "http://127.0.0.1:8000", probe: "/v1/models", is: owned("vllm"), detail: "data.0.id"},
	}
}

// local probes all servers at once.
func (f *finder) local(ctx context.Context) {
	if f.Probe == nil {
		return
	}
	list := f.servers()
	answers, broken := make([][]byte, len(list)), make([]string, len(list))
	var wg sync.WaitGroup
	for i, s := range list {
		if f.self(s.base) {
			f.skip(s.title + " was not looked for at " + s.base + ": that is this server's own address")
			continue
		}
		if metadata(s.base) {
			f.skip(s.title + " was not looked for at " + s.base + ": instance metadata lives on such addresses")
			continue
		}
		wg.Go(func() {
			defer func() { // here it would end the process
				if p := recover(); p != nil {
					answers[i], broken[i] = nil, fmt.Sprint(p)
				}
			}()
			if body, err := f.Probe(ctx, s.base+s.probe); err == nil {
				answers[i] = body
			}
		})
	}
	wg.Wait()
	for i, s := range list {
		if broken[i] != "" {
			f.skip("looking for " + s.title + " at " + s.base + " broke down: " + printable(broken[i]))
		}
		if answers[i] == nil || !gjson.ValidBytes(answers[i]) || !s.is(answers[i]) {
			continue
		}
		what := s.title
		if d := gjson.GetBytes(answers[i], s.detail).String(); d != "" {
			what += " (" + printable(d) + ")"
		}
		f.add(what+" running at "+s.base, provider.Config{Name: s.name, Kind: "openai", BaseURL: s.base + "/v1", OpenAI: s.quirks})
	}
}

func (f *finder) openai() {
	if f.env("OPENAI_API_KEY") == "" {
		return
	}
	base := f.env("OPENAI_BASE_URL")
	what := "OpenAI by OPENAI_API_KEY"
	if base != "" {
		what = "an OpenAI-compatible server at " + host(base) + " by OPENAI_BASE_URL and OPENAI_API_KEY"
	}
	cfg := provider.Config{Name: "openai", Kind: "openai", BaseURL: base, APIKey: f.key("OPENAI_API_KEY")}
	cfg.OpenAI.Responses = base == ""
	f.vendor(what, "OPENAI_BASE_URL", cfg)
}

func (f *finder) anthropic() {
	if f.env("ANTHROPIC_API_KEY") == "" {
		return
	}
	base := f.env("ANTHROPIC_BASE_URL")
	what := "Anthropic by ANTHROPIC_API_KEY"
	if base != "" {
		what = "an Anthropic-compatible server at " + host(base) + " by ANTHROPIC_BASE_URL and ANTHROPIC_API_KEY"
	}
	f.vendor(what, "ANTHROPIC_BASE_URL", provider.Config{Name: "anthropic", Kind: "anthropic", BaseURL: base, APIKey: f.key("ANTHROPIC_API_KEY")})
}

func (f *finder) bedrock() {
	aws := provider.AWS{Getenv: f.Getenv, ReadFile: f.ReadFile}
	where, region := bedrock.Located(aws)
	if where == "" {
		return
	}
	if region == "" {
		f.skip("Amazon Bedrock by " + where + " was left out: no region is set (AWS_REGION)")
		return
	}
	base, variable := f.env("AWS_ENDPOINT_URL_BEDROCK_RUNTIME"), "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"
	if base == "" {
		base, variable = f.env("AWS_ENDPOINT_URL"), "AWS_ENDPOINT_URL"
	}
	f.vendor("Amazon Bedrock in "+region+" by "+where, variable,
		provider.Config{Name: "bedrock", Kind: "bedrock", BaseURL: base, Region: region, AWS: aws})
}

// vendor adds an upstream whose address, if given, comes from a variable that
// the person's own clients may use to point at this very server.
func (f *finder) vendor(what, variable string, cfg provider.Config) {
	if cfg.BaseURL != "" {
		if f.self(cfg.BaseURL) {
			f.skip(what + " was left out: " + variable + " is this server's own address")
			return
		}
		if _, err := provider.Base(cfg.BaseURL); err != nil {
			f.skip(what + " was left out: " + variable + " is not an http or https address without credentials or query")
			return
		}
	}
	f.add(what, cfg)
}

// self reports whether an address is one this server listens on.
func (f *finder) self(base string) bool {
	name, port := hostPort(base)
	for _, own := range f.Self {
		ownHost, ownPort, err := net.SplitHostPort(own)
		if err == nil && port == ownPort && (strings.EqualFold(name, ownHost) || local(name) && local(ownHost)) {
			return true
		}
	}
	return false
}

// local reports whether a host is this machine: a loopback or unspecified
// address, or localhost.
func local(host string) bool {
	if host == "" || strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && (ip.IsLoopback() || ip.IsUnspecified())
}

// metadata reports whether an address is link-local, where clouds keep instance metadata.
func metadata(base string) bool {
	name, _ := hostPort(base)
	ip, err := netip.ParseAddr(name)
	return err == nil && (ip.Unmap().IsLinkLocalUnicast() || ip == netip.MustParseAddr("fd00:ec2::254"))
}

func hostPort(base string) (host, port string) {
	u, err := url.Parse(base)
	if err != nil {
		return "", ""
	}
	port = u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Hostname(), port
}

// host is the part of an address that may be printed.
func host(base string) string {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return "an unreadable address"
	}
	return u.Host
}

// ollamaBase reads OLLAMA_HOST as Ollama does: a host, a port, both, or a URL.
// An address to listen on everywhere is asked on loopback.
func ollamaBase(value string) string {
	scheme, rest := "http", strings.TrimSpace(value)
	if s, after, ok := strings.Cut(rest, "://"); ok {
		scheme, rest = s, after
	}
	rest, _, _ = strings.Cut(rest, "/")
	name, port, err := net.SplitHostPort(rest)
	if err != nil {
		name, port = strings.Trim(rest, "[]"), "11434"
	}
	if port == "" {
		port = "11434"
	}
	ip, err := netip.ParseAddr(name)
	if name == "" || err == nil && ip.IsUnspecified() {
		name = "127.0.0.1"
	}
	if scheme != "https" {
		scheme = "http"
	}
	return scheme + "://" + net.JoinHostPort(name, port)
}

// printable keeps a server's own words on one line.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
	return s[:min(len(s), 80)]
}
