package mcp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/craton-ai/craton/internal/egress"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
)

// The defaults of [Limits].
const (
	// DefaultConnect bounds opening a session of the protocol.
	DefaultConnect = 20 * time.Second
	// DefaultList bounds a listing with all its pages.
	DefaultList = 30 * time.Second
	// DefaultAnswer bounds one answer of a server, in bytes.
	DefaultAnswer = 8 << 20
	// DefaultTools bounds how many tools a server may list.
	DefaultTools = 1000
	// DefaultIdle is how long a session is kept that nobody uses.
	DefaultIdle = 5 * time.Minute
	// DefaultSessions bounds how many sessions are kept that nobody uses.
	DefaultSessions = 256
)

// Limits bounds what servers may cost. Zero means the default of each.
type Limits struct {
	Connect, List, Idle time.Duration
	// Call bounds a call; default [tool.DefaultTimeout].
	Call time.Duration
	// Answer is in bytes; it bounds what a child process may say in one line,
	// while the [Policy] bounds a remote server.
	Answer          int
	Tools, Sessions int
}

func (l Limits) withDefaults() Limits {
	l.Connect = orDefault(l.Connect, DefaultConnect)
	l.List = orDefault(l.List, DefaultList)
	l.Idle = orDefault(l.Idle, DefaultIdle)
	l.Call = orDefault(l.Call, tool.DefaultTimeout)
	l.Answer = orDefault(l.Answer, DefaultAnswer)
	l.Tools = orDefault(l.Tools, DefaultTools)
	l.Sessions = orDefault(l.Sessions, DefaultSessions)
	return l
}

func orDefault[T int | time.Duration](v, fallback T) T {
	if v <= 0 {
		return fallback
	}
	return v
}

// Policy is p with the bounds that a [Pool] needs of its client: no bound on
// the time of an exchange, which the pool bounds itself, and one on its size,
// [DefaultAnswer] where p names none.
func Policy(p egress.Policy) egress.Policy {
	p.Timeout = -1
	if p.MaxBody <= 0 {
		p.MaxBody = DefaultAnswer
	}
	return p
}

// Config is what a pool works with.
type Config struct {
	// Client reaches remote servers; package egress made it, of a [Policy].
	Client *http.Client
	// Credentials are presented to remote servers; nil for none.
	Credentials Credentials
	Limits      Limits
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Log takes what child processes write to their standard error; nil drops it.
	Log *slog.Logger
	// Version is told to servers.
	Version string
}

// Pool keeps sessions of the protocol. It is safe for concurrent use.
type Pool struct {
	cfg    Config
	client *sdk.Client
	// life ends with the pool; running counts what must end before Close returns.
	life    context.Context
	end     context.CancelFunc
	running sync.WaitGroup

	mu    sync.Mutex
	links map[string]*link
	// idle counts the links that no source uses.
	idle int
}

// New returns a pool. The caller closes it.
func New(cfg Config) *Pool {
	cfg.Limits = cfg.Limits.withDefaults()
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	life, end := context.WithCancel(context.Background())
	return &Pool{
		cfg: cfg, life: life, end: end, links: map[string]*link{},
		client: sdk.NewClient(&sdk.Implementation{Name: "craton", Version: cfg.Version}, &sdk.ClientOptions{
			// Nothing is offered to servers: no roots, no sampling, no questions to people.
			Capabilities:   &sdk.ClientCapabilities{},
			MultiRoundTrip: &sdk.MultiRoundTripOptions{Disabled: true},
		}),
	}
}

// Remote opens the source of a remote server for a tenant. It connects when it
// is first used. Where the server keeps sessions of the protocol, each session
// of ours (tool.Call.Session) has one of its own, so that what a server keeps
// for one conversation is not seen by another. An address or a header that cannot be is model.Invalid.
func (p *Pool) Remote(tenant string, server tool.Server) (tool.Source, error) {
	at, err := address(server)
	if err != nil {
		return nil, err
	}
	if err := headers(server); err != nil {
		return nil, err
	}
	dial := func() (sdk.Transport, *trouble) {
		t := &trouble{}
		return &sdk.StreamableClientTransport{
			Endpoint: server.URL, HTTPClient: p.doorway(at, tenant, server, t),
			MaxEventSize: p.cfg.Limits.Answer, DisableStandaloneSSE: true,
		}, t
	}
	return p.open(key("remote", tenant, server), server.Label, true, dial)
}

// Command opens the source of a child process for a tenant, whose sessions
// share it. The process starts when the source is first used. label names it in
// errors.
func (p *Pool) Command(tenant, label string, c Command) (tool.Source, error) {
	dial := func() (sdk.Transport, *trouble) { return c.transport(p.cfg) }
	return p.open(key("command", tenant, c), label, false, dial)
}

// key names what may share a session.
func key(kind, tenant string, server any) string {
	raw, err := json.Marshal([]any{kind, tenant, server}, json.Deterministic(true))
	if err != nil {
		panic("mcp: a server does not encode: " + err.Error()) // plain structs do
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// open returns a source over the link of a key.
func (p *Pool) open(key, label string, apart bool, dial dialer) (tool.Source, error) {
	l, err := p.take(key, dial)
	if err != nil {
		return nil, tool.NotSent(about(label, err))
	}
	return &source{link: l, label: label, apart: apart}, nil
}

// take uses the link of a key, which it makes where there is none.
func (p *Pool) take(key string, dial dialer) (*link, *model.Error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.life.Err() != nil {
		return nil, &model.Error{Kind: model.Overloaded, Op: "mcp.Open", Message: "The server is shutting down.", Hint: "Try again."}
	}
	l := p.links[key]
	if l == nil {
		l = &link{pool: p, key: key, dial: dial, turn: make(chan struct{}, 1)}
		p.links[key] = l
	} else if l.users == 0 {
		p.idle--
		l.expiry.Stop()
	}
	l.users++
	return l, nil
}

// release gives back one use of a link, which is closed after a while.
func (p *Pool) release(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l.users--; l.users > 0 || p.life.Err() != nil {
		return
	}
	p.idle++
	l.since = p.cfg.Now()
	l.expiry = time.AfterFunc(p.cfg.Limits.Idle, func() { p.expire(l) })
	if p.idle > p.cfg.Limits.Sessions {
		p.forget(p.oldest())
	}
}

// expire closes a link that is still unused.
func (p *Pool) expire(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l.users == 0 && p.links[l.key] == l && p.life.Err() == nil {
		p.forget(l)
	}
}

func (p *Pool) oldest() (found *link) {
	for _, l := range p.links {
		if l.users == 0 && (found == nil || l.since.Before(found.since)) {
			found = l
		}
	}
	return found
}

// forget closes an unused link; p.mu is held.
func (p *Pool) forget(l *link) {
	l.expiry.Stop()
	delete(p.links, l.key)
	p.idle--
	p.running.Go(l.close)
}

// Close ends every session and child process, and what runs on them. It
// returns when they have ended.
func (p *Pool) Close() error {
	p.end()
	p.mu.Lock()
	for _, l := range p.links {
		if l.expiry != nil {
			l.expiry.Stop()
		}
		p.running.Go(l.close)
	}
	clear(p.links)
	p.mu.Unlock()
	p.running.Wait()
	if p.cfg.Client != nil {
		p.cfg.Client.CloseIdleConnections()
	}
	return nil
}
