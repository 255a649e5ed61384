package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/craton-ai/craton/internal/async"
	"github.com/craton-ai/craton/internal/config"
	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/edge"
	"github.com/craton-ai/craton/internal/engine"
	"github.com/craton-ai/craton/internal/engine/server"
	"github.com/craton-ai/craton/internal/gateway"
	"github.com/craton-ai/craton/internal/guard/breaker"
	"github.com/craton-ai/craton/internal/guard/budget"
	"github.com/craton-ai/craton/internal/guard/limit"
	"github.com/craton-ai/craton/internal/guard/meter"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/observe"
	"github.com/craton-ai/craton/internal/pull"
	"github.com/craton-ai/craton/internal/store/sqlite"
	"github.com/craton-ai/craton/internal/tool/opener"
	"github.com/craton-ai/craton/internal/usage"
)

// service is the assembled server between its state and its listener.
type service struct {
	cfg       *config.Config
	log       *slog.Logger
	state     *state
	cards     cards
	engine    *engine.Engine
	models    *pull.Store
	gateway   *gateway.Gateway
	guards    *guards
	metrics   *observe.Metrics
	access    *observe.AccessLog
	telemetry *observe.Telemetry
	egress    *http.Client
	handler   *edge.Handler
	async     *async.Runner
	driver    *driver.Driver
	tools     *opener.Opener
	instance  string
	streams   streams
	// found says what was configured and discovered, for the welcome.
	found    []string
	draining atomic.Bool
	files    described
	// launched is what the engine's child was started with.
	launched atomic.Pointer[[]server.ModelSpec]
	stop     context.CancelFunc
	refresh  chan struct{}
	driven   sync.WaitGroup // of the driver, and of what expires
	// handOver lets agent sessions go to other servers, or to the next start.
	handOver context.CancelFunc
}

// asyncParallel is how many async invocations run at once.
const asyncParallel = 4

// newService builds everything behind the listener.
func newService(ctx context.Context, cfg *config.Config, st *state, s streams, log *slog.Logger, instance string) (*service, error) {
	svc := &service{cfg: cfg, log: log, state: st, instance: instance, streams: s, refresh: make(chan struct{})}
	known, err := newCatalog(cfg)
	if err != nil {
		return nil, err
	}
	svc.cards.Store(known)
	if svc.engine, err = svc.newEngine(); err != nil {
		return nil, err
	}
	if err := svc.observe(ctx); err != nil {
		return nil, err
	}
	upstreams, found, err := svc.connect(ctx, cfg)
	if err != nil {
		return nil, err
	}
	svc.found = found
	svc.gateway, err = gateway.New(ctx, gateway.Options{
		Upstreams: upstreams, Names: svc.names(cfg), Complete: svc.cards.complete,
		Guards: svc.guards.gateway(), Random: rand.IntN, Log: log, Fetch: svc.fetcher(), Files: st.uploaded,
	})
	if err != nil {
		return nil, err
	}
	svc.doubtPrices(cfg)
	svc.async = async.New(async.Config{Documents: st.db, Objects: st.objects, Invoke: svc.invokeAsync, Now: time.Now,
		NewID: uuid.NewString, Log: log, Parallel: asyncParallel, Alone: !cfg.Store.Postgres.Set()})
	if svc.driver, err = svc.newDriver(); err != nil {
		return nil, err
	}
	if svc.handler, err = svc.newHandler(); err != nil {
		return nil, err
	}
	if err := svc.async.Resume(ctx); err != nil {
		return nil, err
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	svc.stop = stop
	driving, handOver := context.WithCancel(background)
	svc.handOver = handOver
	svc.driven.Go(func() { svc.driver.Run(driving) })
	svc.driven.Go(func() { giveBack(driving) })
	svc.driven.Go(func() { svc.expire(background) })
	go func() {
		defer close(svc.refresh)
		svc.work(background)
	}()
	return svc, nil
}

func (svc *service) newHandler() (*edge.Handler, error) {
	var proxies []netip.Prefix
	for _, p := range svc.cfg.TrustedProxies {
		prefix, err := netip.ParsePrefix(p)
		if err != nil {
			return nil, err
		}
		proxies = append(proxies, prefix)
	}
	return edge.New(edge.Options{
		Gateway: svc.gateway, Directory: svc.state.directory, Responses: svc.state.responses, Chains: svc.state.responses, Conversations: svc.state.conversations, Box: svc.state.keyring,
		KeepNothing: svc.keepsNothing,
		Objects:     svc.state.objects, AsyncInvokes: svc.async,
		Sessions: svc.driver.Sessions(), BarSelfApproval: svc.cfg.Tools.TwoPersons,
		Agents: svc.state.agents, Vaults: svc.state.vaults, Files: svc.state.files, Environments: svc.state.environments,
		Usage: func(ctx context.Context, query usage.Aggregate) ([]usage.Row, error) {
			if err := svc.guards.meter.Flush(ctx); err != nil {
				return nil, err
			}
			return svc.state.db.Sum(ctx, query)
		},
		Now: time.Now, NewID: uuid.NewString, Log: svc.log, Access: svc.accessLine, Instance: svc.instance,
		Region: svc.cfg.Region, Hosts: hostNames(svc.cfg), Origins: svc.cfg.CORS.Origins, TrustedProxies: proxies,
		MaxBodyBytes: svc.cfg.Limits.MaxBodyBytes, MaxConcurrent: svc.cfg.Limits.MaxConcurrent,
		Vault: asked{svc.state.vault, svc}, RotateMaster: svc.rotateMaster(),
		Backup:    svc.backup(),
		Telemetry: svc.telemetry,
		Metrics:   svc.metrics.Handler(), MetricsPublic: svc.cfg.Observe.MetricsPublic,
		Mounts: map[string]http.Handler{
			"GET /healthz": http.HandlerFunc(svc.healthz),
			"GET /readyz":  http.HandlerFunc(svc.readyz),
		},
	})
}

// lookEvery is how often the directory of pulled models is looked at.
const lookEvery = 5 * time.Second

// touchEvery is how often it is written when keys were last used.
const touchEvery = 30 * time.Second

// work does what is due from time to time, until ctx ends.
func (svc *service) work(ctx context.Context) {
	touch, refresh, look := time.NewTicker(touchEvery), time.NewTicker(gateway.RefreshEvery), time.NewTicker(lookEvery)
	sweep := time.NewTimer(firstSweep)
	defer sweep.Stop()
	defer touch.Stop()
	defer refresh.Stop()
	defer look.Stop()
	known := svc.specs()
	for {
		select {
		case <-ctx.Done():
			return
		case <-refresh.C:
			svc.whole("models", func() { svc.gateway.Refresh(ctx) })
			svc.whole("objects", func() { svc.sweepObjects(ctx) })
		case <-sweep.C:
			sweep.Reset(sweepEvery)
			svc.whole("sweep", func() { svc.sweepAll(ctx) })
		case <-look.C:
			svc.whole("pulled models", func() {
				if now := svc.specs(); !slices.Equal(now, known) {
					known = now
					svc.gateway.Refresh(ctx)
				}
			})
		case <-touch.C:
			svc.whole("keys", func() { svc.touch(ctx) })
		}
	}
}

// whole does one thing that is due, and survives if that breaks down: it is due
// again later, and what the server answers meanwhile does not need it.
func (svc *service) whole(what string, do func()) {
	defer func() {
		if p := recover(); p != nil {
			svc.log.Error("what is due from time to time broke down; it is tried again", "what", what, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	do()
}

// touch writes when keys were last used.
func (svc *service) touch(ctx context.Context) {
	if err := svc.state.directory.Flush(ctx); err != nil {
		svc.log.Warn("when keys were last used was not written; it is tried again", "err", err)
	}
}

// observe starts what watches requests, and the guards that feed it.
func (svc *service) observe(ctx context.Context) error {
	if svc.cfg.Observe.AccessLog != "off" {
		svc.access = observe.NewAccessLog(svc.streams.err)
	}
	svc.metrics = observe.NewMetrics(observe.Sources{
		Breakers: func() map[string]breaker.State { return svc.guards.breakers.States() },
		Limits:   func() limit.Stats { return svc.guards.limiter.Stats() },
		Meter:    func() meter.Stats { return svc.guards.meter.Stats() },
		Budgets:  func() []budget.Exposure { return svc.guards.budgets.Exposure() },
		InFlight: func() int64 { return svc.handler.InFlight() },
		AccessDropped: func() int64 {
			if svc.access == nil {
				return 0
			}
			return svc.access.Dropped()
		},
	})
	sample := observe.DefaultSample
	if s := svc.cfg.Observe.Sample; s != nil {
		sample = *s
	}
	var err error
	svc.telemetry, err = observe.NewTelemetry(ctx, observe.TelemetryConfig{
		Endpoint: svc.cfg.Observe.OTLP, Sample: sample, Version: version, Instance: svc.instance,
		Failed: func(err error) { svc.log.Warn("telemetry was not exported", "err", err) },
	})
	if err != nil {
		return fmt.Errorf("%s: %w", svc.cfg.At("observe.otlp"), err)
	}
	svc.metrics.Also(svc.telemetry.Finished)
	svc.guards = newGuards(svc.cfg, svc.state, &svc.cards, svc.log, svc.metrics.Finished)
	return nil
}

// rotateMaster is nil where the master key is not a file of this server's, or
// other replicas share it.
func (svc *service) rotateMaster() func(context.Context) (int, error) {
	if svc.state.keyFile == "" || svc.cfg.Store.Postgres.Set() {
		return nil
	}
	return func(ctx context.Context) (int, error) { return svc.state.rotateMaster(ctx, svc.state.keyFile) }
}

// backup is how the running server copies its state; nil on PostgreSQL.
func (svc *service) backup() func(context.Context, string) (string, error) {
	store, ok := svc.state.db.(*sqlite.Store)
	if !ok {
		return nil
	}
	return func(ctx context.Context, name string) (string, error) {
		ctx, cancel := context.WithTimeout(ctx, backupTimeout)
		defer cancel()
		return backUpNamed(ctx, store, svc.cfg.Data, svc.cfg.BackupDir, name)
	}
}

// accessLine hands a finished request to the access log.
func (svc *service) accessLine(a observe.Access) {
	if svc.access != nil {
		svc.access.Log(a)
	}
}

// healthz says that the process answers.
func (svc *service) healthz(w http.ResponseWriter, _ *http.Request) {
	_, _ = w.Write([]byte("ok\n")) // the prober is gone if this fails
}

// readyz says whether new requests should come here: not while stopping, and
// not while the store does not answer.
func (svc *service) readyz(w http.ResponseWriter, r *http.Request) {
	if svc.draining.Load() {
		http.Error(w, "stopping", http.StatusServiceUnavailable)
		return
	}
	if _, err := svc.state.db.Tenants(r.Context(), identity.TenantFilter{Root: true, Limit: 1}); err != nil {
		svc.log.Error("the store does not answer", "err", err)
		http.Error(w, "the store does not answer", http.StatusServiceUnavailable)
		return
	}
	_, _ = w.Write([]byte("ready\n")) // the prober is gone if this fails
}

// defaultModel is what the examples name; empty when no model is served.
func (svc *service) defaultModel() string {
	cards, err := svc.gateway.Models(context.Background(), identity.Principal{Tenant: identity.Tenant{Root: true}})
	if err != nil || len(cards) == 0 {
		return ""
	}
	return cards[0].ID
}

// close stops what runs behind the listener, last started first, and flushes.
func (svc *service) close(ctx context.Context) {
	svc.stop()
	svc.driven.Wait()
	if err := svc.tools.Close(); err != nil {
		svc.log.Warn("a tool server did not end well", "err", err)
	}
	<-svc.refresh
	svc.async.Close()
	if svc.engine != nil {
		_ = svc.engine.Close() // ends with the child, which has no error to tell
	}
	svc.guards.close(ctx)
	svc.egress.CloseIdleConnections()
	if err := svc.telemetry.Close(ctx); err != nil {
		svc.log.Warn("the last telemetry was not exported", "err", err)
	}
	if svc.access != nil {
		if err := svc.access.Close(); err != nil {
			svc.log.Error("the access log was not all written", "err", err)
		}
	}
	svc.state.close(ctx, svc.log)
}
