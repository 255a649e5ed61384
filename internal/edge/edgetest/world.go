package edgetest

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/agent/roster"
	"github.com/craton-ai/craton/internal/async"
	"github.com/craton-ai/craton/internal/blob"
	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/edge"
	"github.com/craton-ai/craton/internal/egress"
	"github.com/craton-ai/craton/internal/environment"
	"github.com/craton-ai/craton/internal/file"
	"github.com/craton-ai/craton/internal/gateway"
	"github.com/craton-ai/craton/internal/guard/budget"
	"github.com/craton-ai/craton/internal/guard/limit"
	"github.com/craton-ai/craton/internal/guard/meter"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/observe"
	"github.com/craton-ai/craton/internal/provider/script"
	"github.com/craton-ai/craton/internal/secret"
	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/session/conversation"
	"github.com/craton-ai/craton/internal/session/response"
	"github.com/craton-ai/craton/internal/store/mem"
	"github.com/craton-ai/craton/internal/tool"
	"github.com/craton-ai/craton/internal/usage"
	"github.com/craton-ai/craton/internal/vault"
)

// Prices of every model in a World, in nano-USD per token.
const (
	InputPrice  = 10
	OutputPrice = 20
)

// MaxFile bounds uploaded files in bytes.
const MaxFile = 2 << 20

// Options is what differs between Worlds. The zero value is a good World.
type Options struct {
	// Upstreams stand beside the script model, which is named "script".
	Upstreams []gateway.Upstream
	// NoScript leaves the script model out.
	NoScript bool
	Names    gateway.Names
	// Edge changes the handler's options before it is built; may be nil.
	Edge func(*edge.Options)
	// Drive runs sessions, whose tools Tools opens; it may be nil.
	Drive bool
	Tools tool.Opener
	// Publish is told of finished responses in place of the handler; may be nil.
	Publish func(ctx context.Context, tenant string, s *agent.State) error
	// Invoke runs async invocations; nil answers {"done":true}.
	Invoke func(ctx context.Context, job *async.Job) ([]byte, error)
}

// World is an assembled edge. Its fields may be used, not replaced.
type World struct {
	// URL is where it listens, without a slash at the end.
	URL       string
	Server    *httptest.Server
	Handler   *edge.Handler
	Store     *mem.Store
	Directory *identity.Directory
	Gateway   *gateway.Gateway
	Objects   *blob.Space
	Async     *async.Runner
	Vaults    *vault.Store
	Files     *file.Store
	// Environments are those of Edge.Environments.
	Environments *environment.Store
	// Sessions are those that Options.Drive runs; nil without.
	Sessions *driver.Sessions
	// Root is the first tenant, Other a second one.
	Root, Other identity.Tenant

	meter *meter.Meter
	box   *secret.Keyring
	now   atomic.Int64 // nanoseconds since 1970
	ids   atomic.Uint32

	mu     sync.Mutex
	keys   map[string]identity.Issued
	access []observe.Access
}

// Start is what a World's clock shows first.
var Start = time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)

// New assembles a World and closes it with the test. Its keys are "" and "aws"
// of the root tenant's administrator, and "other" and "other-aws" of the other's.
func New(t testing.TB, opts Options) *World {
	t.Helper()
	w := &World{Store: mem.New(), keys: map[string]identity.Issued{}}
	w.now.Store(Start.UnixNano())
	w.people(t)
	w.meter = meter.New(meter.Config{Store: w.Store, Now: w.Now, NewID: w.NewID, DrainTime: 50 * time.Millisecond,
		Cost: func(_ *model.Card, u model.Usage) (int64, bool) {
			return InputPrice*u.InputTotal() + OutputPrice*u.Output, true
		}})
	t.Cleanup(func() {
		if err := w.meter.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	w.gateway(t, opts)
	w.Files = file.New(file.Config{Documents: w.Store, Now: w.Now, NewID: w.NewID, MaxBytes: MaxFile,
		Space: blob.New(blob.Config{Documents: w.Store, Content: &blob.Documents{Store: w.Store, Now: w.Now}, Now: w.Now, NewID: w.NewID})})
	w.Objects = blob.New(blob.Config{Documents: w.Store, Content: &blob.Documents{Store: w.Store, Now: w.Now}, Now: w.Now, NewID: w.NewID})
	w.Environments = environment.New(environment.Config{Documents: w.Store, Objects: w.Objects, Box: w.box, Now: w.Now, NewID: w.NewID})
	invoke := opts.Invoke
	if invoke == nil {
		invoke = func(context.Context, *async.Job) ([]byte, error) { return []byte(`{"done":true}`), nil }
	}
	w.Async = async.New(async.Config{Documents: w.Store, Objects: w.Objects, Invoke: invoke, Now: w.Now, NewID: w.NewID,
		Log: slog.New(slog.DiscardHandler), Parallel: 2})
	t.Cleanup(w.Async.Close)
	w.handler(t, opts)
	return w
}

// people makes the directory, two tenants and their administrators.
func (w *World) people(t testing.TB) {
	t.Helper()
	key, err := secret.NewMasterKey(rand.Reader)
	check(t, err)
	sealer, err := secret.NewSealer(key)
	check(t, err)
	w.box = secret.NewKeyring(w.Store, sealer, w.Now)
	w.Vaults = vault.New(vault.Config{Documents: w.Store, Sealer: sealer, Client: egress.New(egress.Policy{}), Now: w.Now, NewID: w.NewID,
		Log: slog.New(slog.DiscardHandler)})
	w.Directory, err = identity.NewDirectory(identity.Config{Store: w.Store, Sealer: sealer, Now: w.Now, Random: rand.Reader})
	check(t, err)
	first, err := w.Directory.Bootstrap(t.Context(), identity.Preset{})
	check(t, err)
	w.Root = first.Tenant
	w.keys[""], w.keys["aws"] = *first.Bearer, *first.AWS
	w.Other, err = w.Directory.CreateTenant(w.admin(t), "other", "210987654321")
	check(t, err)
	everything := []identity.Role{identity.Administrator}
	w.AddKey(t, "other", identity.KeySpec{TenantID: w.Other.ID, Roles: everything})
	w.AddKey(t, "other-aws", identity.KeySpec{TenantID: w.Other.ID, Roles: everything, Kind: identity.KindAWS})
}

// admin is a context of the root tenant's administrator.
func (w *World) admin(t testing.TB) context.Context {
	t.Helper()
	who, _, err := w.Directory.AuthenticateBearer(t.Context(), w.keys[""].Token)
	check(t, err)
	return identity.WithPrincipal(t.Context(), who)
}

// AddKey makes a key that scenarios name.
func (w *World) AddKey(t testing.TB, name string, spec identity.KeySpec) identity.Issued {
	t.Helper()
	issued, err := w.Directory.CreateKey(w.admin(t), spec)
	check(t, err)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keys[name] = issued
	return issued
}

// Key returns a key by the name scenarios use.
func (w *World) Key(name string) identity.Issued {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.keys[name]
}

func (w *World) gateway(t testing.TB, opts Options) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	upstreams := opts.Upstreams
	if !opts.NoScript {
		m, err := script.New(script.Config{})
		check(t, err)
		upstreams = append([]gateway.Upstream{{Name: "script", Provider: m}}, upstreams...)
	}
	budgets := budget.New(budget.Config{Store: w.Store, Now: w.Now, NewID: w.NewID, Log: log})
	t.Cleanup(func() {
		if err := budgets.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	var err error
	w.Gateway, err = gateway.New(t.Context(), gateway.Options{
		Upstreams: upstreams, Names: opts.Names, Complete: func(c model.Card) model.Card { return c }, Log: log,
		Guards: gateway.Guards{Meter: w.meter, Budgets: budgets,
			Limiter: limit.New(limit.Config{Wait: time.Nanosecond, Queue: -1, Now: w.Now}),
			Worst: func(_ *model.Card, u model.Usage) (int64, bool) {
				return InputPrice*u.InputTotal() + OutputPrice*u.Output, true
			}},
	})
	check(t, err)
}

func (w *World) handler(t testing.TB, opts Options) {
	t.Helper()
	journal, err := session.New(session.Config{Store: w.Store, Now: w.Now, Random: rand.Reader,
		ContentKey: func(_ context.Context, tenant string) ([]byte, error) {
			return append(make([]byte, 32), tenant...)[len(tenant):], nil
		}})
	check(t, err)
	o := edge.Options{
		Gateway: w.Gateway, Directory: w.Directory, Responses: response.New(journal), Chains: response.New(journal),
		Conversations: conversation.New(conversation.Config{Journal: journal, Journals: w.Store, Index: w.Store}), Box: w.box,
		Objects: w.Objects, AsyncInvokes: w.Async,
		Usage: func(ctx context.Context, query usage.Aggregate) ([]usage.Row, error) {
			if err := w.meter.Flush(ctx); err != nil {
				return nil, err
			}
			return w.Store.Sum(ctx, query)
		},
		Vaults: w.Vaults, Files: w.Files,
		Agents: roster.New(roster.Config{Documents: w.Store, Now: w.Now, NewID: w.NewID}), Environments: w.Environments,
		Now: w.Now, NewID: w.NewID, Log: slog.New(slog.DiscardHandler), Instance: "edgetest-instance", Region: "eu-central-1",
		Origins: []string{"https://app.example.com"}, MaxBodyBytes: 1 << 20, MaxConcurrent: 64,
		Access: func(a observe.Access) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.access = append(w.access, a)
		},
	}
	if opts.Edge != nil {
		opts.Edge(&o)
	}
	var d *driver.Driver
	if opts.Drive {
		d = w.drive(t, journal, opts)
		w.Sessions = d.Sessions()
		o.Sessions = w.Sessions
	}
	w.Handler, err = edge.New(o)
	check(t, err)
	if d != nil {
		keepDriving(t, d)
	}
	w.Server = httptest.NewServer(w.Handler)
	t.Cleanup(w.Server.Close)
	w.URL = w.Server.URL
}

// Now shows the World's clock.
func (w *World) Now() time.Time { return time.Unix(0, w.now.Load()).UTC() }

// Advance moves the clock.
func (w *World) Advance(d time.Duration) { w.now.Add(int64(d)) }

// NewID makes the next id: different in every digit, the same in every run.
func (w *World) NewID() string {
	n := w.ids.Add(1) * 0x9E3779B1 // odd, so that no id comes twice
	return fmt.Sprintf("%08x-0000-4000-8000-%012x", n, n)
}

// Usage returns a tenant's usage records, once everything finished is written.
func (w *World) Usage(t testing.TB, tenant identity.Tenant) []usage.Record {
	t.Helper()
	check(t, w.meter.Flush(t.Context()))
	records, err := w.Store.Records(t.Context(), usage.Filter{Tenant: tenant.ID}, "", 0)
	check(t, err)
	return records
}

// Record returns the usage record of a request id, once there is one: a call
// that was abandoned is recorded a moment after its client left.
func (w *World) Record(t testing.TB, requestID string) usage.Record {
	t.Helper()
	var found usage.Record
	Eventually(t, "a usage record of request "+requestID, func() bool {
		records := append(w.Usage(t, w.Root), w.Usage(t, w.Other)...)
		i := slices.IndexFunc(records, func(r usage.Record) bool { return r.RequestID == requestID })
		if i >= 0 {
			found = records[i]
		}
		return i >= 0
	})
	return found
}

// Eventually waits until a condition holds, and fails the test if it does not
// within ten seconds.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for late := time.After(10 * time.Second); !holds(); {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("this is still missing: %s", what)
		}
	}
}

// Access returns what the access log was told of a request id.
func (w *World) Access(id string) (observe.Access, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.access {
		if a.RequestID == id {
			return a, true
		}
	}
	return observe.Access{}, false
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
