package edge_test

import (
	"slices"
	"testing"

	"github.com/craton-ai/craton/internal/edge/edgetest"
	"github.com/craton-ai/craton/internal/gateway"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/model/modeltest"
	"github.com/craton-ai/craton/internal/provider"
	"github.com/craton-ai/craton/internal/provider/anthropic"
	"github.com/craton-ai/craton/internal/provider/bedrock"
	"github.com/craton-ai/craton/internal/provider/openai"
	"github.com/craton-ai/craton/internal/provider/script"
)

// client connects one of our own upstream kinds to a World, as the key named.
func client(t testing.TB, w *edgetest.World, kind string, headers map[string]string) model.Provider {
	t.Helper()
	key, signing := w.Key(""), w.Key("aws")
	cfg := provider.Config{Name: kind, Kind: kind, BaseURL: w.URL, APIKey: provider.StaticKey(key.Token), Headers: headers}
	var p interface {
		model.Provider
		Close() error
	}
	var err error
	switch kind {
	case "openai":
		cfg.BaseURL += "/v1"
		p, err = openai.New(cfg)
	case "anthropic":
		p, err = anthropic.New(cfg)
	case "bedrock":
		cfg.Region, cfg.APIKey, cfg.Now = "eu-central-1", provider.Key{}, w.Now
		cfg.AWS.AccessKeyID, cfg.AWS.SecretKey = signing.AccessKeyID, provider.StaticKey(signing.SecretAccessKey)
		p, err = bedrock.New(cfg)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// dialects are what each upstream kind natively speaks.
var dialects = map[string][]model.Dialect{
	"openai": {model.DialectOpenAIChat}, "anthropic": {model.DialectAnthropic},
	"bedrock": {model.DialectConverse, model.DialectInvoke},
}

// chained is a World whose only upstreams are the three kinds, all connected to
// the script model behind another World.
func chained(t testing.TB) (outer, inner *edgetest.World) {
	t.Helper()
	inner = edgetest.New(t, edgetest.Options{})
	var upstreams []gateway.Upstream
	for _, kind := range []string{"openai", "anthropic", "bedrock"} {
		upstreams = append(upstreams, gateway.Upstream{Name: kind, Provider: client(t, inner, kind, nil), Dialects: dialects[kind],
			Cards: script.Cards()})
	}
	return edgetest.New(t, edgetest.Options{Upstreams: upstreams, NoScript: true}), inner
}

// without lists the script model's capabilities less those a dialect lacks.
func without(lacks ...model.Capability) []model.Capability {
	return slices.DeleteFunc(slices.Clone(script.Cards()[0].Capabilities), func(c model.Capability) bool { return slices.Contains(lacks, c) })
}

// profiles are what each dialect can express of the script model.
func profiles() map[string]modeltest.Profile {
	oneAnswer := map[string]string{"choices": "the dialect has one answer", "json_object": "the dialect asks for JSON by schema only"}
	serial := map[string]string{"serial_tools": "the dialect cannot ask for one call at a time",
		"models": "the list is an operation of the control plane, which this server does not have yet"}
	for name, why := range oneAnswer {
		serial[name] = why
	}
	return map[string]modeltest.Profile{
		"openai":    {Capabilities: without(model.CanWatchVideo, model.CanCache, model.CanCount), EmbedModel: "script/script-embed"},
		"anthropic": {Capabilities: without(model.CanHearAudio, model.CanWatchVideo, model.CanLogprobs, model.CanSeed), Omit: oneAnswer},
		"bedrock":   {Capabilities: without(model.CanLogprobs, model.CanSeed), Omit: serial},
	}
}

// TestLoopback runs the conformance suite over the script model behind our own
// edge, called by our own clients, in every dialect.
func TestLoopback(t *testing.T) {
	t.Parallel()
	for kind, p := range profiles() {
		t.Run(kind, func(t *testing.T) {
			w := edgetest.New(t, edgetest.Options{})
			p.Model, p.Scripted = "script/script-chat", true
			p.New = func(t testing.TB) model.Provider { return client(t, w, kind, nil) }
			p.InFlight = func() int { return int(w.Handler.InFlight()) }
			modeltest.Run(t, p)
		})
	}
}

// TestLoopbackThroughTwoServers runs it once more with a second server between,
// so that each dialect is both decoded and encoded on both of its sides, the
// requests of one dialect are served through each other one, and where they are
// the same the fast lane is on the way.
func TestLoopbackThroughTwoServers(t *testing.T) {
	t.Parallel()
	outer, _ := chained(t)
	all := profiles()
	for _, way := range [][2]string{{"openai", "openai"}, {"openai", "anthropic"}, {"openai", "bedrock"}, {"anthropic", "openai"},
		{"anthropic", "anthropic"}, {"anthropic", "bedrock"}, {"bedrock", "openai"}, {"bedrock", "anthropic"}, {"bedrock", "bedrock"}} {
		t.Run(way[0]+" to "+way[1], func(t *testing.T) {
			p := all[way[0]]
			through := all[way[1]]
			p.Capabilities = slices.DeleteFunc(slices.Clone(p.Capabilities), func(c model.Capability) bool { return !slices.Contains(through.Capabilities, c) })
			p.Omit = map[string]string{}
			for _, omit := range []map[string]string{all[way[0]].Omit, through.Omit} {
				for name, why := range omit {
					p.Omit[name] = why
				}
			}
			p.Model, p.Scripted, p.EmbedModel = way[1]+"/script-chat", true, ""
			p.New = func(t testing.TB) model.Provider { return client(t, outer, way[0], nil) }
			modeltest.Run(t, p)
		})
	}
}
