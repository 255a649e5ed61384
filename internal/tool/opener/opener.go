package opener

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/craton-ai/craton/internal/egress"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
	"github.com/craton-ai/craton/internal/tool/builtin"
	"github.com/craton-ai/craton/internal/tool/mcp"
)

// scheme begins the addresses of this server's own sources.
const scheme = "craton:"

// Builtin is the name of the built-in tools; no server may take it.
const Builtin = "builtin"

// Everyone stands for every tenant in [Server.Tenants].
const Everyone = "*"

// Server is a server that the operator configured by name. Either URL or
// Command is set.
type Server struct {
	// Name is what definitions call it by, after "craton:".
	Name string
	// URL is its address, which may be inside the operator's network.
	URL string
	// Headers are sent with each request to URL.
	Headers map[string]string
	// Token returns the bearer token for URL; nil for none.
	Token func() (string, error)
	// Command returns how to run it as a child process, one for each tenant that
	// uses it; it is asked at each use, and an answer that changed is a process
	// of its own.
	Command func() (mcp.Command, error)
	// Tenants are the names of the tenants that may use it, [Everyone] for all;
	// empty means the root tenant only.
	Tenants []string
	// Allow names the tools that are offered; empty means all.
	Allow []string
	// Approval is which calls wait for a person, unless Rules say otherwise of
	// the tool; empty leaves it to the session's definition.
	Approval tool.Approval
	// Rules are by the tool's name.
	Rules map[string]Rule
}

// Rule is what the operator says of one tool: an empty member leaves what the
// server says.
type Rule struct {
	Class    tool.Class
	Approval tool.Approval
}

// Config is what an opener works with.
type Config struct {
	// Policy is what remote servers are reached within.
	Policy egress.Policy
	// Credentials are presented to remote servers; nil for none.
	Credentials mcp.Credentials
	// Builtin are the built-in tools; nil for none.
	Builtin *builtin.Tools
	// Servers are the operator's.
	Servers []Server
	// Remote is what the operator says of remote servers, by their origin
	// ("https://mcp.example.com"), their host whatever the scheme and port
	// ("mcp.example.com"), the end of their host's name (".example.com"), or of
	// all others ([Everyone]). The closest one holds alone. Of a Server, Allow,
	// Approval and Rules count.
	Remote map[string]Server
	// Tenant tells a tenant's name, and whether it is the root tenant; needed
	// where there are Servers.
	Tenant func(ctx context.Context, id string) (name string, root bool, err error)
	// Limits bounds what servers may cost.
	Limits mcp.Limits
	// Log takes what child processes say.
	Log *slog.Logger
	// Version is told to servers.
	Version string
}

// Opener implements tool.Opener. It is safe for concurrent use.
type Opener struct {
	cfg     Config
	servers map[string]Server
	// origins are the rules for remote servers, by [ruleKey].
	origins map[string]Server
	// remote reaches what definitions name; own reaches the operator's servers.
	remote, own *mcp.Pool
}

// New returns an opener. The caller closes it. Servers that cannot be are errors.
func New(cfg Config) (*Opener, error) {
	o := &Opener{cfg: cfg, servers: map[string]Server{}, origins: map[string]Server{}}
	for name, rules := range cfg.Remote {
		at := ruleKey(name)
		if _, twice := o.origins[at]; twice || at == "" {
			return nil, fmt.Errorf("the origin %q of remote tool servers is there twice or cannot be", name)
		}
		o.origins[at] = rules
	}
	inside := cfg.Policy
	for _, s := range cfg.Servers {
		if _, taken := o.servers[s.Name]; taken || s.Name == Builtin || s.Name == "" || strings.Contains(s.Name, "/") {
			return nil, fmt.Errorf("the tool server name %q is taken or cannot be", s.Name)
		}
		if (s.URL == "") == (s.Command == nil) || cfg.Tenant == nil {
			return nil, fmt.Errorf("the tool server %q needs either an address or a command", s.Name)
		}
		if s.Command == nil {
			at, err := url.Parse(s.URL)
			if err != nil {
				return nil, fmt.Errorf("the address of the tool server %q: %w", s.Name, err)
			}
			inside.Hosts = append(slices.Clip(inside.Hosts), at.Hostname())
		}
		o.servers[s.Name] = s
	}
	base := mcp.Config{Limits: cfg.Limits, Log: cfg.Log, Version: cfg.Version}
	remote, own := base, base
	remote.Client, remote.Credentials = egress.New(mcp.Policy(cfg.Policy)), cfg.Credentials
	own.Client, own.Credentials = egress.New(mcp.Policy(inside)), tokens(o.servers)
	o.remote, o.own = mcp.New(remote), mcp.New(own)
	return o, nil
}

// Open implements tool.Opener. Errors are *model.Error marked with
// [tool.NotSent].
func (o *Opener) Open(ctx context.Context, tenant string, server tool.Server) (tool.Source, error) {
	name, local := strings.CutPrefix(server.URL, scheme)
	if !local {
		return o.distant(tenant, server)
	}
	if len(server.Headers) > 0 || server.Credential != "" {
		return nil, tool.NotSent(&model.Error{Kind: model.Invalid, Op: "opener.Open", Subject: server.Label,
			Message: fmt.Sprintf("%s takes no headers and no credential.", server.URL), Hint: "Leave them out."})
	}
	if name == Builtin || strings.HasPrefix(name, Builtin+"/") {
		return o.builtin(server.Label, strings.TrimPrefix(strings.TrimPrefix(name, Builtin), "/"))
	}
	return o.named(ctx, tenant, name, server.Label)
}

// distant opens a remote server, under the operator's rules for it.
func (o *Opener) distant(tenant string, server tool.Server) (tool.Source, error) {
	source, err := o.remote.Remote(tenant, server)
	if err != nil || len(o.origins) == 0 {
		return source, err
	}
	rules, known := o.rulesFor(server.URL)
	if !known {
		return source, nil
	}
	return &ruled{Source: source, server: rules}, nil
}

// Rule is the operator's word on a tool of a server as it is now, empty where
// there is none; whether the tenant may use the server it does not tell.
func (o *Opener) Rule(server tool.Server, name string) (tool.Class, tool.Approval) {
	var s Server
	if own, local := strings.CutPrefix(server.URL, scheme); local {
		s = o.servers[own]
	} else {
		s, _ = o.rulesFor(server.URL)
	}
	return s.rule(name)
}

// rule is what the operator says of one tool of the server.
func (s *Server) rule(name string) (tool.Class, tool.Approval) {
	rule := s.Rules[name]
	return rule.Class, cmp.Or(rule.Approval, s.Approval)
}

func (o *Opener) builtin(label, name string) (tool.Source, error) {
	if o.cfg.Builtin == nil {
		return nil, unknown(label, scheme+Builtin)
	}
	return o.cfg.Builtin.Source(name)
}

// named opens one of the operator's servers, if the tenant may.
func (o *Opener) named(ctx context.Context, tenant, name, label string) (tool.Source, error) {
	s, ok := o.servers[name]
	if !ok {
		return nil, unknown(label, scheme+name)
	}
	if err := o.permit(ctx, tenant, s); err != nil {
		if errors.Is(err, errNotOpened) {
			return nil, unknown(label, scheme+name)
		}
		return nil, tool.NotSent(err)
	}
	var source tool.Source
	var err error
	if s.Command != nil {
		source, err = o.child(tenant, label, s)
	} else {
		source, err = o.own.Remote(tenant, tool.Server{Label: s.Name, URL: s.URL, Headers: s.Headers})
	}
	if err != nil {
		return nil, err
	}
	return &ruled{Source: source, server: s}, nil
}

func (o *Opener) child(tenant, label string, s Server) (tool.Source, error) {
	command, err := s.Command()
	if err != nil {
		return nil, tool.NotSent(unreadable(label, err))
	}
	return o.own.Command(tenant, label, command)
}

// unreadable says that a secret of the operator's is not where it should be.
func unreadable(label string, err error) error {
	return &model.Error{Kind: model.UpstreamDenied, Op: "opener", Subject: label,
		Message: "The server's own credential for these tools cannot be read.", Hint: "The operator must correct it.", Err: err}
}

var errNotOpened = errors.New("opener: the server is not opened to the tenant")

func (o *Opener) permit(ctx context.Context, tenant string, s Server) error {
	if slices.Contains(s.Tenants, Everyone) {
		return nil
	}
	name, root, err := o.cfg.Tenant(ctx, tenant)
	if err != nil {
		return err
	}
	if slices.Contains(s.Tenants, name) || root && len(s.Tenants) == 0 {
		return nil
	}
	return errNotOpened
}

func unknown(label, address string) error {
	return tool.NotSent(&model.Error{Kind: model.NotFound, Op: "opener.Open", Subject: label,
		Message: fmt.Sprintf("There are no tools at %s.", address), Hint: "The operator configures tool servers and opens them to tenants."})
}

// Close ends all sessions and child processes, and waits for them.
func (o *Opener) Close() error { return errors.Join(o.remote.Close(), o.own.Close()) }

// tokens are the credentials of the operator's servers, by name.
type tokens map[string]Server

// Authorize returns the token of a server.
func (t tokens) Authorize(_ context.Context, _ string, server tool.Server) (http.Header, error) {
	read := t[server.Label].Token
	if read == nil {
		return nil, nil
	}
	token, err := read()
	if err != nil {
		return nil, unreadable(server.Label, err)
	}
	return http.Header{"Authorization": {"Bearer " + token}}, nil
}

// Refused reports whether the token is another by now: a file may have changed.
func (t tokens) Refused(ctx context.Context, tenant string, server tool.Server, sent http.Header) (bool, error) {
	now, err := t.Authorize(ctx, tenant, server)
	return err == nil && now.Get("Authorization") != sent.Get("Authorization"), err
}

// ruled is a source as the operator has it: some of its tools, under its rules.
type ruled struct {
	tool.Source
	server Server
}

func (r *ruled) offers(name string) bool {
	return len(r.server.Allow) == 0 || slices.Contains(r.server.Allow, name)
}

// List returns the tools that are offered.
func (r *ruled) List(ctx context.Context) ([]tool.Spec, error) {
	all, err := r.Source.List(ctx)
	specs := make([]tool.Spec, 0, len(all))
	for _, spec := range all {
		if !r.offers(spec.Name) {
			continue
		}
		class, approval := r.server.rule(spec.Name)
		spec.Class, spec.Approval = cmp.Or(class, spec.Class), approval
		specs = append(specs, spec)
	}
	return specs, err
}

// Call calls a tool that is offered.
func (r *ruled) Call(ctx context.Context, call tool.Call) (tool.Result, error) {
	if !r.offers(call.Name) {
		return tool.Result{}, tool.NotSent(&model.Error{Kind: model.NotFound, Op: "opener.Call", Subject: call.Name,
			Message: fmt.Sprintf("There is no tool %q.", call.Name)})
	}
	return r.Source.Call(ctx, call)
}
