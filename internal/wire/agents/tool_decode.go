package agents

import (
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/wire/raw"
)

// Bounds of names in tools.
const (
	maxToolName  = 64
	maxToolLabel = 64
)

// toolReader reads tools of a mount: those of a saved agent, which may hold no
// secret, or those of a session.
type toolReader struct {
	mount Mount
	saved bool
}

// tools reads a list of tools whose names and labels differ.
func (r toolReader) tools(v raw.Value, dst *[]Tool) error {
	if err := list(r.tool)(v, dst); err != nil {
		return err
	}
	if n := len(v.Compact()); n > MaxTools {
		return invalid(v, "it has %d bytes as compact JSON; the limit is %d.", n, MaxTools)
	}
	seen := map[string]bool{}
	return v.Items(func(i int, one raw.Value) error {
		key, at := "", one
		switch t := (*dst)[i]; t.Type {
		case ToolFunction:
			key, at = "name "+t.Function.Name, one.Get("name")
		case ToolMCP:
			key, at = "label "+t.MCP.ServerLabel, one.Get("server_label")
		default:
			key, at = "type "+t.Type, one.Get("type")
		}
		if seen[key] {
			return invalid(at, "another tool has the same.")
		}
		seen[key] = true
		return nil
	})
}

// tool reads one tool.
func (r toolReader) tool(v raw.Value, dst *Tool) error {
	if err := need(v, "type"); err != nil {
		return err
	}
	err := oneOf(ToolFunction, ToolSearch, ToolProgram, ToolMCP, ToolWebSearch, ToolComputerUse, ToolAutomations)(v.Get("type"), &dst.Type)
	if err != nil {
		return err
	}
	switch dst.Type {
	case ToolFunction:
		return r.function(v, dst)
	case ToolMCP:
		return r.mcp(v, dst)
	case ToolProgram:
		dst.Program = &ProgramTool{Type: dst.Type, Enabled: true}
		return r.mount.object(v, fields{"type": never, "enabled": value(&dst.Program.Enabled, boolean)})
	case ToolWebSearch:
		return r.webSearch(v, dst)
	case ToolComputerUse:
		dst.Computer = &ComputerTool{Type: dst.Type}
		return r.mount.object(v, fields{"type": never, "include_screenshots": value(&dst.Computer.IncludeScreenshots, boolean)})
	}
	return r.mount.object(v, fields{"type": never})
}

func (r toolReader) function(v raw.Value, dst *Tool) error {
	f := &FunctionTool{Type: dst.Type}
	dst.Function = f
	if err := need(v, "name", "description", "parameters"); err != nil {
		return err
	}
	return r.mount.object(v, fields{
		"type":          never,
		"name":          func(v raw.Value) error { return identifier(maxToolName)(v, &f.Name) },
		"description":   func(v raw.Value) error { return text(v, &f.Description) },
		"parameters":    func(v raw.Value) error { return object(v, (*[]byte)(&f.Parameters)) },
		"defer_loading": value(&f.DeferLoading, boolean),
		"async":         value(&f.Async, boolean),
	})
}

func (r toolReader) mcp(v raw.Value, dst *Tool) error {
	m := &MCPTool{Type: dst.Type, ConnectionOrigin: OriginService, RequestMetadata: jsontext.Value("{}")}
	dst.MCP = m
	if err := need(v, "server_label", "transport"); err != nil {
		return err
	}
	err := r.mount.object(v, fields{
		"type":              never,
		"server_label":      func(v raw.Value) error { return identifier(maxToolLabel)(v, &m.ServerLabel) },
		"transport":         func(v raw.Value) error { return r.transport(v, &m.Transport) },
		"allowed_tools":     value(&m.AllowedTools, pointer(texts)),
		"connection_origin": value(&m.ConnectionOrigin, oneOf(OriginService, OriginEnvironment)),
		"credential_id":     value(&m.CredentialID, pointer(name(maxID))),
		"request_metadata":  value((*[]byte)(&m.RequestMetadata), object),
		"required":          value(&m.Required, boolean),
	})
	if err != nil {
		return err
	}
	return oneAuthorization(v, m)
}

// oneAuthorization refuses a server whose Authorization header comes from two
// places.
func oneAuthorization(v raw.Value, m *MCPTool) error {
	sources := 0
	if m.Transport.Authorization != nil {
		sources++
	}
	if m.CredentialID != nil {
		sources++
	}
	if m.Transport.Headers != nil && hasHeader(*m.Transport.Headers, "Authorization") {
		sources++
	}
	if sources > 1 {
		return invalid(v, "the Authorization header has more than one source.").
			WithHint("Give one of transport.authorization, an Authorization entry of transport.headers and credential_id.")
	}
	return nil
}

func (r toolReader) transport(v raw.Value, dst *Transport) error {
	if err := need(v, "type"); err != nil {
		return err
	}
	if err := oneOf(TransportHTTP, TransportStdio)(v.Get("type"), &dst.Type); err != nil {
		return err
	}
	if dst.Type == TransportStdio {
		return r.stdio(v, dst)
	}
	if err := need(v, "server_url"); err != nil {
		return err
	}
	dst.Headers = &map[string]string{}
	return r.mount.object(v, fields{
		"type":          never,
		"server_url":    func(v raw.Value) error { return serverURL(v, &dst.ServerURL) },
		"headers":       value(dst.Headers, r.headers),
		"authorization": value(&dst.Authorization, pointer(r.authorization)),
	})
}

func (r toolReader) stdio(v raw.Value, dst *Transport) error {
	if err := need(v, "command", "cwd"); err != nil {
		return err
	}
	dst.Args, dst.EnvVars = &[]string{}, &[]string{}
	return r.mount.object(v, fields{
		"type":     never,
		"command":  func(v raw.Value) error { return name(0)(v, &dst.Command) },
		"cwd":      func(v raw.Value) error { return directory(v, &dst.Cwd) },
		"args":     value(dst.Args, texts),
		"env_vars": value(dst.EnvVars, list(name(0))),
		"env":      value(&dst.Env, r.env),
	})
}

// admitSecret refuses what a saved agent may not hold.
func (r toolReader) admitSecret(v raw.Value) error {
	if !r.saved {
		return nil
	}
	return invalid(v, "a saved agent holds no secrets.").
		WithHint("Put the credential into a vault and name it with credential_id, or give it when a session is created.")
}

func (r toolReader) authorization(v raw.Value, dst *string) error {
	if err := r.admitSecret(v); err != nil {
		return err
	}
	if err := name(0)(v, dst); err != nil {
		return err
	}
	return headerValue(v, *dst)
}

func (r toolReader) env(v raw.Value, dst *map[string]string) error {
	if err := r.admitSecret(v); err != nil {
		return err
	}
	return textMap(v, dst)
}

// secretWords in a header's name say that it carries a credential, by custom or
// by its definition.
var secretWords = []string{"authorization", "auth", "cookie", "key", "apikey", "token", "jwt", "secret", "password", "credential", "credentials"}

func isSecretHeader(name string) bool {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r == '-' || r == '_' || r == '.' })
	return slices.ContainsFunc(words, func(word string) bool { return slices.Contains(secretWords, word) })
}

// HasSecretHeader reports whether some header carries a secret by its name.
func HasSecretHeader(headers map[string]string) bool {
	for name := range headers {
		if isSecretHeader(name) {
			return true
		}
	}
	return false
}

func (r toolReader) headers(v raw.Value, dst *map[string]string) error {
	*dst = map[string]string{}
	return v.Members(func(key string, one raw.Value) error {
		if !isToken(key) {
			return invalid(v, "'%s' is no name of a header.", key)
		}
		if !one.IsString() {
			return one.WrongType("a string")
		}
		if err := headerValue(one, one.Text()); err != nil {
			return err
		}
		if r.saved && isSecretHeader(key) {
			return invalid(one, "a saved agent holds no secrets, and this header carries one.").
				WithHint("Put the credential into a vault and name it with credential_id.")
		}
		(*dst)[key] = one.Text()
		return nil
	})
}

func hasHeader(headers map[string]string, name string) bool {
	for key := range headers {
		if strings.EqualFold(key, name) {
			return true
		}
	}
	return false
}

func (r toolReader) webSearch(v raw.Value, dst *Tool) error {
	w := &WebSearchTool{Type: dst.Type, Mode: "live", ContextSize: "medium"}
	dst.Web = w
	return r.mount.object(v, fields{
		"type":            never,
		"mode":            value(&w.Mode, oneOf("disabled", "cached", "live")),
		"context_size":    value(&w.ContextSize, oneOf("low", "medium", "high")),
		"allowed_domains": value(&w.AllowedDomains, pointer(list(name(0)))),
		"location":        value(&w.Location, pointer(r.location)),
	})
}

func (r toolReader) location(v raw.Value, dst *Location) error {
	return r.mount.object(v, fields{
		"city": value(&dst.City, pointer(text)), "country": value(&dst.Country, pointer(text)),
		"region": value(&dst.Region, pointer(text)), "timezone": value(&dst.Timezone, pointer(text)),
	})
}

// pointer reads into a new variable.
func pointer[T any](read func(v raw.Value, dst *T) error) func(v raw.Value, dst **T) error {
	return func(v raw.Value, dst **T) error {
		*dst = new(T)
		return read(v, *dst)
	}
}

// identifier reads a name that models and upstreams take as one word.
func identifier(limit int) func(v raw.Value, dst *string) error {
	return func(v raw.Value, dst *string) error {
		if err := name(limit)(v, dst); err != nil {
			return err
		}
		for _, c := range *dst {
			if c != '_' && c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
				return invalid(v, "it may hold letters, digits, underscores and hyphens only.")
			}
		}
		return nil
	}
}

// serverURL reads the address of an MCP server. A credential has no place in it.
func serverURL(v raw.Value, dst *string) error {
	if err := name(0)(v, dst); err != nil {
		return err
	}
	u, err := url.Parse(*dst)
	switch {
	case err != nil:
		return invalid(v, "it is no URL.")
	case u.User != nil:
		return invalid(v, "it holds a credential.").WithHint("Put the credential into a vault, or into transport.authorization of a session.")
	case u.Scheme == "craton" && u.Opaque != "":
		return nil
	case u.Scheme != "https" && u.Scheme != "http", u.Host == "":
		return invalid(v, "it must be an absolute URL that begins with https:// or http://.")
	}
	return nil
}

// directory reads an absolute path without dots in it.
func directory(v raw.Value, dst *string) error {
	if err := name(maxPath)(v, dst); err != nil {
		return err
	}
	if !strings.HasPrefix(*dst, "/") || strings.ContainsRune(*dst, 0) || path.Clean(*dst) != *dst {
		return invalid(v, "it must be an absolute path, with no slash at its end and no '.' or '..' in it.")
	}
	return nil
}

// maxPath is the length of the longest path in an environment.
const maxPath = 4096

// headerValue refuses text that cannot stand in a header.
func headerValue(v raw.Value, s string) error {
	for i := range len(s) {
		if s[i] < ' ' && s[i] != '\t' || s[i] == 0x7f {
			return invalid(v, "it holds control characters.")
		}
	}
	return nil
}

// isToken reports whether s may name a header.
func isToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}
