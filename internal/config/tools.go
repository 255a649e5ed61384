package config

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// Tools configures what agents may call besides the MCP servers that their
// definitions name.
type Tools struct {
	Fetch FetchTool `yaml:"fetch"`
	// FileSearch is the built-in tool that searches uploaded files.
	FileSearch FileSearchTool `yaml:"file_search"`
	// Servers are MCP servers of the operator's, which definitions reach as
	// craton:NAME.
	Servers []ToolServer `yaml:"servers"`
	// Remote is what holds for MCP servers that definitions name by address.
	Remote []RemoteTools `yaml:"remote"`
	// TwoPersons keeps the key that created a session from approving what its
	// agent asks for.
	TwoPersons bool `yaml:"two_persons"`
}

// FetchTool configures the built-in tool that reads pages.
type FetchTool struct {
	// Allow lists the hosts it may read: names, ".example.com" for every name
	// below one, "*" for every host that egress lets through. Empty turns it off.
	Allow []string `yaml:"allow"`
}

// FileSearchTool configures the built-in tool that searches uploaded files.
type FileSearchTool struct {
	// Parsers is how many child processes read documents at once; default 2.
	Parsers int `yaml:"parsers"`
	// ParserMemoryMB bounds the memory of each, in MiB; default 320.
	ParserMemoryMB int `yaml:"parser_memory_mb"`
}

// minParserMemory is the least a parser can work with, in MiB.
const minParserMemory = 64

// ToolServer is an MCP server: at an address, or run as a child process.
type ToolServer struct {
	Name string `yaml:"name"`
	// URL is its address, which may be inside the network.
	URL     string            `yaml:"url"`
	Headers map[string]string `yaml:"headers"`
	// Token is sent to URL as a bearer token.
	Token Secret `yaml:"token"`
	// Command runs it, with Args, in Dir. Its environment is Env and Secrets,
	// and PATH, HOME, LANG and TMPDIR of the server.
	Command string            `yaml:"command"`
	Args    []string          `yaml:"args"`
	Dir     string            `yaml:"dir"`
	Env     map[string]string `yaml:"env"`
	Secrets map[string]Secret `yaml:"secrets"`
	// Tenants are the names of those that may use it, "*" for all; empty means
	// the root tenant only.
	Tenants []string `yaml:"tenants"`
	// Allow names the tools that are offered; empty means all.
	Allow []string `yaml:"allow"`
	// Approval is which calls wait for a person: "always", "unsafe" or "never";
	// empty means always, unless the session's client says otherwise.
	Approval string `yaml:"approval"`
	// Tools says the same of single tools, by their names, and more.
	Tools map[string]ToolRule `yaml:"tools"`
}

// RemoteTools is what the operator says of the MCP servers of one origin or host.
type RemoteTools struct {
	// Origin is "https://HOST" or "https://HOST:PORT"; "HOST" whatever the scheme
	// and port; ".HOST" for every name below it; or "*" for all. Of the entries
	// that fit a server, the first kind in this order holds, and the longest name.
	Origin string `yaml:"origin"`
	// Allow, Approval and Tools are as those of a ToolServer.
	Allow    []string            `yaml:"allow"`
	Approval string              `yaml:"approval"`
	Tools    map[string]ToolRule `yaml:"tools"`
}

// ToolRule is what the operator says of one tool, whatever its server says.
type ToolRule struct {
	// Class is "read", "idempotent", "keyed" or "unsafe"; empty keeps what the
	// server says.
	Class string `yaml:"class"`
	// Approval replaces the server's.
	Approval string `yaml:"approval"`
}

func (c *Config) validateTools(bad refusal) {
	seen := map[string]bool{"builtin": true}
	for i, s := range c.Tools.Servers {
		at := fmt.Sprintf("tools.servers[%d]", i)
		if !upstreamName.MatchString(s.Name) {
			bad(at+".name", "%q is no name: one is lower-case letters, digits, - and _", s.Name)
		}
		if seen[s.Name] {
			bad(at+".name", "the name %q is taken", s.Name)
		}
		seen[s.Name] = true
		if (s.URL == "") == (s.Command == "") {
			bad(at, "set one of url and command")
		}
		if u, err := url.Parse(s.URL); s.URL != "" && (err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil) {
			bad(at+".url", "%q is not an http or https address without credentials", s.URL)
		}
		if s.Command == "" && (len(s.Args) > 0 || s.Dir != "" || len(s.Env) > 0 || len(s.Secrets) > 0) {
			bad(at, "args, dir, env and secrets go with command")
		}
		if s.URL == "" && (len(s.Headers) > 0 || s.Token.Set()) {
			bad(at, "headers and token go with url")
		}
		checkRules(bad, at, s.Approval, s.Allow, s.Tools)
		s.Token.check(bad, at+".token")
		for _, name := range slices.Sorted(maps.Keys(s.Secrets)) {
			secret, at := s.Secrets[name], at+".secrets."+name
			secret.check(bad, at)
			if _, twice := s.Env[name]; twice || !secret.Set() {
				bad(at, "it is empty or also in env")
			}
		}
	}
}

// validateRemote checks what is said of remote servers.
func (c *Config) validateRemote(bad refusal) {
	seen := map[string]bool{}
	for i, r := range c.Tools.Remote {
		at := fmt.Sprintf("tools.remote[%d]", i)
		if !remoteOrigin(r.Origin) {
			bad(at+".origin", "an origin is https://HOST, https://HOST:PORT, HOST or .HOST, in lower case, or *")
		}
		if seen[r.Origin] {
			bad(at+".origin", "%s is there twice", r.Origin)
		}
		seen[r.Origin] = true
		checkRules(bad, at, r.Approval, r.Allow, r.Tools)
	}
}

// remoteOrigin reports whether an entry about remote servers can be about that.
func remoteOrigin(origin string) bool {
	if origin == "*" {
		return true
	}
	if strings.Contains(origin, "://") {
		u, err := url.Parse(origin)
		return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && origin == strings.ToLower(u.Scheme+"://"+u.Host)
	}
	name := strings.TrimPrefix(origin, ".")
	u, err := url.Parse("any://" + name)
	return err == nil && u.Hostname() != "" && u.Port() == "" && !strings.HasSuffix(name, ":") && name == strings.ToLower(u.Host)
}

// checkRules refuses words that no rule has.
func checkRules(bad refusal, at, approval string, allow []string, tools map[string]ToolRule) {
	approvals, classes := []string{"", "always", "unsafe", "never"}, []string{"", "read", "idempotent", "keyed", "unsafe"}
	if !slices.Contains(approvals, approval) {
		bad(at+".approval", "approval is always, unsafe or never, not %q", approval)
	}
	for _, name := range slices.Sorted(maps.Keys(tools)) {
		rule, at := tools[name], at+".tools."+name
		if !slices.Contains(approvals, rule.Approval) || !slices.Contains(classes, rule.Class) {
			bad(at, "approval is always, unsafe or never, and class is read, idempotent, keyed or unsafe")
		}
		if len(allow) > 0 && !slices.Contains(allow, name) {
			bad(at, "it is not among those of allow")
		}
	}
}

// check refuses what a tool server's secret cannot be.
func (s Secret) check(bad refusal, at string) {
	if s.Env != "" && s.File != "" {
		bad(at, "set one of env and file")
	}
	if s.Stored != "" {
		bad(at, "only keys of upstreams may be stored: set env or file")
	}
}
