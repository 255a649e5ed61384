package edge

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/craton-ai/craton/internal/agent/roster"
	"github.com/craton-ai/craton/internal/blob"
	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/environment"
	"github.com/craton-ai/craton/internal/file"
	"github.com/craton-ai/craton/internal/gateway"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/observe"
	"github.com/craton-ai/craton/internal/session/conversation"
	"github.com/craton-ai/craton/internal/usage"
	"github.com/craton-ai/craton/internal/vault"
)

// Options is what the edge needs. Gateway, Directory, Now, NewID and Log are required.
type Options struct {
	Gateway   *gateway.Gateway
	Directory *identity.Directory
	// Responses keeps stored responses; nil refuses `store` and
	// `previous_response_id`.
	Responses Responses
	// Chains shows the journals of stored responses to administrators; nil hides them.
	Chains Chains
	// Conversations keeps conversations; nil serves none.
	Conversations *conversation.Store
	// KeepNothing names the tenants whose data retention mode is "none": their
	// responses are not stored, and asking for it is refused. nil names nobody.
	KeepNothing func(tenant identity.Tenant) bool
	// Box seals what clients carry between requests, such as compacted contexts.
	Box Box
	// Usage sums usage records, after what is still buffered was written; nil
	// refuses to.
	Usage func(ctx context.Context, query usage.Aggregate) ([]usage.Row, error)
	// Now tells the time; NewID makes request ids (a UUID in text form).
	Now   func() time.Time
	NewID func() string
	Log   *slog.Logger
	// Access receives one record per finished request; nil discards them. It must not block.
	Access func(observe.Access)
	// Instance is the value of the hop header this server sends upstream; a
	// request that carries it came back to us and is answered 508.
	Instance string
	// Region is shown where a request names none.
	Region string
	// Hosts are accepted Host headers beyond loopback names; "*.example.com" matches one label or more.
	Hosts []string
	// Origins are browser origins that may call.
	Origins []string
	// TrustedProxies may say which host and scheme the client used.
	TrustedProxies []netip.Prefix
	// MaxBodyBytes bounds request bodies.
	MaxBodyBytes int64
	// MaxConcurrent bounds requests in flight; further ones are answered as overloaded.
	MaxConcurrent int
	// Mounts are further handlers by path prefix ("/admin/v1/", "/metrics"),
	// which authenticate with Handler.Authenticate where they need to.
	Mounts map[string]http.Handler
	// Vault keeps upstream credentials; nil serves none.
	Vault Vault
	// RotateMaster replaces the master key and tells how many secrets it
	// protected anew; nil where the key is not a file of this server's.
	RotateMaster func(ctx context.Context) (int, error)
	// Backup copies the state into a new directory of that name where the
	// operator keeps backups, and tells its path; nil refuses to.
	Backup func(ctx context.Context, name string) (directory string, err error)
	// Telemetry traces requests; nil does not.
	Telemetry *observe.Telemetry
	// Metrics serves GET /metrics: to callers of the root tenant that may read
	// usage, or to everybody if MetricsPublic. Nil serves none.
	Metrics       http.Handler
	MetricsPublic bool
	// Vaults serves the /vaults operations of the Agents API; nil does not.
	Vaults *vault.Store
	// Files serves the Files API; nil does not.
	Files *file.Store
	// Objects is the object space behind requests signed for service s3; nil refuses them.
	Objects *blob.Space
	// AsyncInvokes serves Bedrock's async invoke operations; nil refuses them.
	AsyncInvokes AsyncInvokes
	// Agents keeps saved agents; nil serves none.
	Agents *roster.Roster
	// Environments keeps environments and their templates; nil serves none.
	Environments *environment.Store
	// Sessions runs agents; nil serves none.
	Sessions *driver.Sessions
	// BarSelfApproval keeps the key that created a session from approving what
	// its agent asks for, and every key from approving in the Responses contract,
	// which cannot tell who asked.
	BarSelfApproval bool
}

// Handler is the root of everything Craton serves. It is safe for concurrent use.
type Handler struct {
	opts  Options
	hosts hostList
	auth  *authenticator
	mux   *http.ServeMux
	// posts are the POST operations at fixed paths, which need no search.
	posts map[string]http.HandlerFunc
	aws   *awsRouter
	slots chan struct{}
	// watchers are the readers of sessions among the slots: they hold theirs for
	// as long as they like, and so may have half of them.
	watchers chan struct{}
	origin   map[string]bool
	readers  readers
	// closing ends with the server: streams that have no end of their own end.
	closing context.Context
	close   context.CancelFunc
}

// Close ends streams that would go on as long as their readers. It is called
// when the server begins to stop.
func (h *Handler) Close() { h.close() }

// New builds the root handler.
func New(opts Options) (*Handler, error) {
	if opts.Gateway == nil || opts.Directory == nil || opts.Now == nil || opts.NewID == nil || opts.Log == nil {
		return nil, errors.New("edge: Gateway, Directory, Now, NewID and Log are required")
	}
	if opts.Access == nil {
		opts.Access = func(observe.Access) {}
	}
	h := &Handler{
		opts:   opts,
		hosts:  newHostList(opts.Hosts),
		auth:   newAuthenticator(opts.Directory, opts.Now),
		mux:    http.NewServeMux(),
		posts:  map[string]http.HandlerFunc{},
		slots:  make(chan struct{}, max(opts.MaxConcurrent, 1)),
		origin: map[string]bool{},

		watchers: make(chan struct{}, max(opts.MaxConcurrent/2, 1)),
	}
	h.closing, h.close = context.WithCancel(context.Background())
	for _, o := range opts.Origins {
		h.origin[o] = true
	}
	var err error
	if h.aws, err = newAWSRouter(h); err != nil {
		return nil, err
	}
	h.routes()
	return h, nil
}

// routes lists every path that is not an AWS operation.
func (h *Handler) routes() {
	for _, prefix := range []string{"/v1", "/openai/v1"} {
		h.handle("POST "+prefix+"/chat/completions", openAI, identity.ModelInvoke, h.chatCompletions)
		h.handle("POST "+prefix+"/embeddings", openAI, identity.ModelInvoke, h.embeddings)
		h.responseRoutes(prefix)
		h.conversationRoutes(prefix)
		h.handle("GET "+prefix+"/models", openAI, identity.ModelList, h.listModels)
		h.handle("GET "+prefix+"/models/{id...}", openAI, identity.ModelList, h.getModel)
		h.handle(prefix, openAI, identity.ModelList, h.unknownOpenAI)
		h.handle(prefix+"/", openAI, identity.ModelList, h.unknownOpenAI)
	}
	for _, prefix := range []string{"/v1", "/anthropic/v1"} {
		h.handle("POST "+prefix+"/messages", anthropicAPI, identity.ModelInvoke, h.messages)
		h.handle("POST "+prefix+"/messages/count_tokens", anthropicAPI, identity.ModelInvoke, h.countTokens)
	}
	h.handle("GET /anthropic/v1/models", anthropicAPI, identity.ModelList, h.listModels)
	h.handle("GET /anthropic/v1/models/{id...}", anthropicAPI, identity.ModelList, h.getModel)
	h.handle("/anthropic/", anthropicAPI, identity.ModelList, h.unknownAnthropic)
	h.agentsRoutes()
	h.sessionRoutes()
	h.vaultRoutes()
	h.fileRoutes()
	h.adminRoutes()
	if h.opts.Metrics != nil && h.opts.MetricsPublic {
		h.mux.Handle("GET /metrics", h.opts.Metrics)
	} else if h.opts.Metrics != nil {
		h.handle("GET /metrics", adminAPI, identity.UsageRead, func(c *call) error {
			if err := c.rootOnly(); err != nil { // they tell of every tenant's upstreams, models and cost
				return err
			}
			h.opts.Metrics.ServeHTTP(c.w, c.r)
			return nil
		})
	}
	for pattern, mounted := range h.opts.Mounts {
		h.mux.Handle(pattern, mounted)
	}
	h.mux.HandleFunc("GET /{$}", h.index)
	h.mux.HandleFunc("/", h.notFound)
}

// ServeHTTP admits the request, finds its contract and serves it.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Body == nil || r.Body == http.NoBody {
		h.admit(w, r)
		return
	}
	body := &patientBody{ReadCloser: r.Body, w: w, patience: readPatience}
	r.Body = body
	h.admit(w, r)
	body.end()
}

// admit serves what may be served here and now.
func (h *Handler) admit(w http.ResponseWriter, r *http.Request) {
	h.believeProxy(r)
	if !h.hosts.accepts(r.Host) {
		h.refuse(w, r, model.Errorf(model.Invalid, "Host", "This server does not answer to the host %q.", r.Host).
			WithHint("Add it to `hosts` in the configuration, or use the address printed at start-up."), http.StatusMisdirectedRequest)
		return
	}
	if h.cors(w, r) {
		return
	}
	if !isText(r.URL.Path) || !isTextQuery(r.URL.RawQuery) {
		h.refuse(w, r, model.Errorf(model.Invalid, "", "The request's address holds bytes that are not text."), 0)
		return
	}
	if h.opts.Instance != "" && slices.Contains(hopsOf(r.Header), h.opts.Instance) {
		h.refuse(w, r, model.Errorf(model.Loop, "", "This request came back to the server that sent it.").
			WithHint("An upstream's base_url points at this server: correct the configuration."), 0)
		return
	}
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	default:
		h.refuse(w, r, &model.Error{Kind: model.Overloaded, RetryAfter: time.Second,
			Message: "The server is serving as many requests as it may.", Hint: "Try again in a moment."}, 0)
		return
	}
	if h.isAWS(r) {
		h.aws.ServeHTTP(w, r)
		return
	}
	at := r.URL.Path
	if r.URL.RawPath != "" {
		at = r.URL.EscapedPath() // a name within may hold what parts of a path may not
	}
	if clean := path.Clean(at); clean != strings.TrimSuffix(at, "/") && clean != at {
		h.crooked(w, r, clean)
		return
	}
	if serve := h.posts[r.URL.Path]; serve != nil && r.Method == http.MethodPost && r.URL.RawPath == "" {
		serve(w, r)
		return
	}
	h.mux.ServeHTTP(w, r)
}

// crooked refuses a path with empty or dotted parts, which the multiplexer would
// answer with a redirection that turns a POST into a GET.
func (h *Handler) crooked(w http.ResponseWriter, r *http.Request, clean string) {
	h.refuse(w, r, model.Errorf(model.NotFound, r.URL.Path, "The path %s has empty or dotted parts.", r.URL.Path).
		WithHint("Use "+clean+". Does the client's base URL end in a slash too many?"), 0)
}

// InFlight counts requests under way.
func (h *Handler) InFlight() int64 { return int64(len(h.slots)) }

// isAWS tells a request for an AWS service from one for the JSON dialects: it
// is signed for a service that has no other paths here, or its path is one of
// Bedrock's.
func (h *Handler) isAWS(r *http.Request) bool {
	at := r.URL.EscapedPath()
	switch {
	case strings.HasPrefix(at, "/v1/"), strings.HasPrefix(at, "/openai/"), strings.HasPrefix(at, "/anthropic/"):
		return signedService(r) == "s3"
	case strings.HasPrefix(at, "/model/"), strings.HasPrefix(at, "/async-invoke"),
		strings.HasPrefix(at, "/guardrail"), strings.HasPrefix(at, "/aws/"):
		return true
	}
	return isSigned(r)
}

func (h *Handler) notFound(w http.ResponseWriter, r *http.Request) {
	h.refuse(w, r, model.Errorf(model.NotFound, r.URL.Path, "There is nothing at %s %s.", r.Method, r.URL.Path).
		WithHint("The contracts are served under /v1, /anthropic/v1 and /model."), 0)
}

// refuse answers before a dialect is known for certain, in the likeliest one's
// shape, and logs it as any other answer. status 0 takes the dialect's own.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, err *model.Error, status int) {
	d := openAI
	at := r.URL.Path
	switch {
	case strings.HasPrefix(at, "/model/"), isSigned(r):
		d = awsRuntime
	case strings.HasPrefix(at, "/anthropic/"), strings.HasSuffix(at, "/messages"), r.Header.Get("Anthropic-Version") != "":
		d = anthropicAPI
	}
	c := h.newCall(w, r, d)
	d.writeError(c.w, c.id, err, status)
	c.finish(err)
}
