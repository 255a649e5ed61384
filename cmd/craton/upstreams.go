package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/craton-ai/craton/internal/config"
	"github.com/craton-ai/craton/internal/engine"
	"github.com/craton-ai/craton/internal/engine/server"
	"github.com/craton-ai/craton/internal/gateway"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/provider"
	"github.com/craton-ai/craton/internal/provider/all"
	"github.com/craton-ai/craton/internal/provider/openai"
	"github.com/craton-ai/craton/internal/provider/script"
	"github.com/craton-ai/craton/internal/pull"
	"github.com/craton-ai/craton/internal/route"
)

// names is how the configuration names models.
func (svc *service) names(cfg *config.Config) gateway.Names {
	aliases := map[string][]route.Target{}
	for alias, target := range cfg.Aliases {
		aliases[alias] = []route.Target{{Model: target}}
	}
	return gateway.Names{Aliases: aliases, Fallbacks: maps.Clone(cfg.Fallbacks), Default: cfg.DefaultModel,
		Geographies: svc.cards.Load().GeographyPrefixes()}
}

// connect builds the upstreams of the configuration, the engine, and what is
// discovered where that is allowed.
func (svc *service) connect(ctx context.Context, cfg *config.Config) ([]gateway.Upstream, []string, error) {
	var list []gateway.Upstream
	var found []string
	for i := range cfg.Upstreams {
		u, err := svc.configured(&cfg.Upstreams[i])
		if err != nil {
			return nil, nil, fmt.Errorf("%s (%s): %w", cfg.At(fmt.Sprintf("upstreams[%d]", i)), cfg.Upstreams[i].Name, err)
		}
		list = append(list, u)
		found = append(found, fmt.Sprintf("upstream %s (%s) from the configuration", u.Name, cfg.Upstreams[i].Kind))
	}
	if svc.engine != nil {
		full, once := svc.guards.around("engine", svc.engine)
		list = append(list, gateway.Upstream{Name: "engine", Provider: full, Once: once, Weight: 1})
	}
	if len(cfg.Engine.Command) > 0 && svc.engine != nil {
		found = append(found, "the engine's own command "+cfg.Engine.Command[0])
	} else if len(svc.pulled()) > 0 {
		found = append(found, "the built-in engine with "+strings.Join(svc.pulled(), ", "))
	}
	if !cfg.Discover {
		return list, found, nil
	}
	discovered, what := svc.discover(ctx, list)
	return append(list, discovered...), append(found, what...), nil
}

// configured builds one upstream.
func (svc *service) configured(u *config.Upstream) (gateway.Upstream, error) {
	pc := providerConfig(u, svc.streams.getenv)
	pc.Instance, pc.Trace = svc.instance, svc.telemetry.Inject
	pc.Timeouts = provider.Timeouts{FirstByte: svc.cfg.Guards.FirstEvent.Or(0), Idle: svc.cfg.Guards.Idle.Or(0)}
	if u.APIKey.Set() {
		secret := u.APIKey
		pc.APIKey = provider.FuncKey(func() (string, error) {
			if secret.Stored != "" {
				return svc.state.vault.Get(context.Background(), secret.Stored)
			}
			return secret.Resolve(svc.streams.getenv)
		})
	}
	p, err := all.New(pc)
	if err != nil {
		return gateway.Upstream{}, err
	}
	full, once := svc.guards.around(u.Name, p)
	return gateway.Upstream{
		Name: u.Name, Provider: full, Once: once, Dialects: all.Dialects(pc.Kind), Priority: u.Priority, Weight: u.Weight,
		Unlisted: len(u.Models) == 0 && pc.Kind != "script", Tenants: u.Tenants,
		FetchURLs: fetching(u.FetchURLs, u.Kind, u.BaseURL),
	}, nil
}

// providerConfig describes an upstream to its provider, without its key.
func providerConfig(u *config.Upstream, getenv func(string) string) provider.Config {
	kind := u.Kind
	if u.AzureAPIVersion != "" {
		kind = openai.KindAzure
	}
	return provider.Config{
		Name: u.Name, Kind: kind, BaseURL: u.BaseURL, Region: u.Region, Headers: u.Headers, Models: u.Models,
		Azure:  provider.Azure{APIVersion: u.AzureAPIVersion},
		AWS:    provider.AWS{Profile: u.Profile, Getenv: getenv, ReadFile: os.ReadFile},
		Script: &script.Config{Rules: u.Rules, Now: time.Now},
	}
}

// newEngine supervises the built-in engine; nil where it is off. The library
// and models may be installed while the server runs.
func (svc *service) newEngine() (*engine.Engine, error) {
	cfg := svc.cfg.Engine
	if cfg.Disabled {
		return nil, nil
	}
	library := svc.library()
	var err error
	if svc.models, err = pull.Open(filepath.Join(svc.cfg.Data, "models"), nil, time.Now, nil); err != nil {
		return nil, err
	}
	process := engine.Process{Log: svc.log, Foreign: len(cfg.Command) > 0}
	if process.Foreign {
		process.Path, process.Args = cfg.Command[0], cfg.Command[1:]
	} else {
		if process.Path, err = os.Executable(); err != nil {
			return nil, err
		}
		process.Args = []string{"engine", "child"}
		process.Stdin = func(token string) ([]byte, error) {
			specs := svc.specs()
			svc.launched.Store(&specs)
			return json.Marshal(childOptions{Library: library, Models: specs, Token: token,
				Threads: cfg.Threads, MemoryLimit: int64(cfg.MemoryMB) << 20})
		}
	}
	options := engine.Options{Stale: svc.stale,
		Launch: process.Launch, Dial: dialEngine, Cards: svc.engineCards, Now: time.Now, Log: svc.log}
	if cfg.IdleUnload != nil {
		if options.Idle = time.Duration(*cfg.IdleUnload); options.Idle == 0 {
			options.Idle = -1
		}
	}
	return engine.New(options), nil
}

// library is where the inference library is, or would be.
func (svc *service) library() string {
	if dir := svc.cfg.Engine.Library; dir != "" {
		return dir
	}
	return pull.LibraryDir(svc.cfg.Data)
}

// stale reports whether the running child was started with other models than
// there are now.
func (svc *service) stale() bool {
	launched := svc.launched.Load()
	now := svc.specs()
	// No models at all is more likely a directory that cannot be read now.
	return launched != nil && len(now) > 0 && !slices.Equal(*launched, now)
}

// dialEngine speaks to a child, which is an OpenAI-compatible server.
func dialEngine(url, token string) (model.Provider, error) {
	p, err := openai.New(provider.Config{Name: "engine", Kind: "openai", BaseURL: url + "/v1", APIKey: provider.StaticKey(token),
		OpenAI: provider.OpenAI{MaxTokensName: "max_tokens", NoDeveloperRole: true, NoPrediction: true}})
	if err != nil {
		return nil, err
	}
	return openai.Counting{Provider: p}, nil
}

// pulled lists the names of the models on disk.
func (svc *service) pulled() []string {
	var names []string
	for _, m := range svc.specs() {
		names = append(names, m.Name)
	}
	return names
}

// engineParallel is how many requests of one model decode together by default.
// The memory of every slot's whole context is taken at start.
const engineParallel = 2

// specs lists the engine's models with the operator's settings.
func (svc *service) specs() []server.ModelSpec {
	if svc.models == nil || !pull.LibraryInstalled(svc.library()) {
		return nil
	}
	pulledModels, err := svc.models.List()
	if err != nil {
		svc.log.Error("the pulled models cannot be listed", "err", err)
		return nil
	}
	settings := map[string]config.EngineModel{}
	for _, m := range svc.cfg.Engine.Models {
		settings[m.Name] = m
	}
	var specs []server.ModelSpec
	for _, m := range pulledModels {
		s, listed := settings[m.Name]
		if !listed && len(settings) > 0 {
			continue
		}
		if s.Parallel == 0 {
			s.Parallel = engineParallel
		}
		specs = append(specs, server.ModelSpec{Name: m.Name, Path: m.Path, ContextTokens: s.ContextTokens, Parallel: s.Parallel,
			Embedding: s.Embedding})
	}
	return specs
}

// engineCards describes the engine's models.
func (svc *service) engineCards() ([]model.Card, error) {
	var cards []model.Card
	if len(svc.cfg.Engine.Command) > 0 {
		return svc.commandCards(), nil
	}
	for _, spec := range svc.specs() {
		m, err := svc.models.Get(spec.Name)
		if err != nil {
			return nil, err
		}
		cards = append(cards, engineCard(&spec, &m, svc.files.of(&m)))
	}
	return cards, nil
}

// commandCards describes what an operator's own engine command serves: the
// models the configuration names, or one called default.
func (svc *service) commandCards() []model.Card {
	named := svc.cfg.Engine.Models
	if len(named) == 0 {
		named = []config.EngineModel{{Name: "default"}}
	}
	var cards []model.Card
	for _, m := range named {
		card := model.Card{ID: m.Name, Name: m.Name, ContextTokens: m.ContextTokens, Input: []string{"text"}, Output: []string{"text"},
			Price: model.Price{Known: true}}
		if m.Embedding {
			card.Output, card.Capabilities = []string{"embedding"}, []model.Capability{model.CanEmbed}
		}
		cards = append(cards, card)
	}
	return cards
}
