package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/craton-ai/craton/internal/config"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/provider"
	"github.com/craton-ai/craton/internal/provider/all"
	"github.com/craton-ai/craton/internal/provider/discover"
)

// askUpstream bounds how long the doctor waits for one upstream.
const askUpstream = 5 * time.Second

// upstreams asks every upstream that the server would use for its models.
func (c doctorCommand) upstreams(ctx context.Context, cfg *config.Config, s streams) []finding {
	asked := make([]finding, len(cfg.Upstreams))
	var wg sync.WaitGroup
	for i := range cfg.Upstreams {
		wg.Go(func() { asked[i] = askConfigured(ctx, &cfg.Upstreams[i], s.getenv) })
	}
	wg.Wait()
	if c.Config == "" || cfg.Discover {
		asked = append(asked, discovered(ctx, s.getenv)...)
	}
	if len(asked) == 0 {
		return []finding{{what: "upstreams", state: "none but the built-in engine", remedy: "name some under `upstreams`, or set `discover: true`"}}
	}
	return asked
}

// askConfigured asks one upstream of the configuration.
func askConfigured(ctx context.Context, u *config.Upstream, getenv func(string) string) finding {
	f := finding{what: "upstream " + u.Name}
	if u.Kind == "script" {
		f.state = "is the built-in demonstration"
		return f
	}
	pc := providerConfig(u, getenv)
	pc.Models = nil // else they would be answered without asking
	if u.APIKey.Set() && u.APIKey.Stored == "" {
		key, err := u.APIKey.Resolve(getenv)
		if err != nil {
			f.bad, f.state = true, "has no key: "+err.Error()
			f.remedy = "set it where the server starts, or name another place under `api_key` (env, file, stored)"
			return f
		}
		pc.APIKey = provider.StaticKey(key)
	}
	return askFor(ctx, f, pc, u)
}

// askFor sends one upstream a request for its models, and says what came of it.
func askFor(ctx context.Context, f finding, pc provider.Config, u *config.Upstream) finding {
	p, err := all.New(pc)
	if err != nil {
		f.bad, f.state, f.remedy = true, "cannot be used: "+model.AsError(err).Public(), "correct it in the configuration"
		return f
	}
	lister, ok := model.As[model.Lister](p)
	if !ok {
		f.state = "was not asked: its kind lists no models"
		return f
	}
	ctx, cancel := context.WithTimeout(ctx, askUpstream)
	defer cancel()
	cards, err := lister.Models(ctx)
	if err != nil {
		return unwell(f, model.AsError(err), u)
	}
	f.state = fmt.Sprintf("answers, accepts its credential and lists %d models", len(cards))
	for _, id := range u.Models {
		if !slices.ContainsFunc(cards, func(card model.Card) bool { return card.ID == id }) {
			f.remedy = fmt.Sprintf("it does not list %q of `models`: check the spelling, if calls of it fail", id)
		}
	}
	return f
}

// unwell says what an upstream's error means for whoever runs the server.
func unwell(f finding, e *model.Error, u *config.Upstream) finding {
	switch {
	case e.Kind == model.UpstreamDenied && u.APIKey.Stored != "":
		f.state = "answers; whether it accepts the stored credential was not asked"
		f.remedy = "`craton models list` shows its models if it does; `craton secrets set " + u.APIKey.Stored + "` replaces it"
	case e.Kind == model.UpstreamDenied:
		f.bad, f.state, f.remedy = true, fmt.Sprintf("answers, but refuses the credential (status %d)", e.UpstreamStatus), "replace the key "+placeOf(u)
	case e.UpstreamStatus == 404 && len(u.Models) > 0:
		f.state = "answers, and lists no models; those of the configuration are served"
	case e.UpstreamStatus == 404:
		f.state, f.remedy = "answers, but lists no models", "check that `base_url` ends where the operations begin (often /v1), or name its `models`"
	case e.UpstreamStatus != 0:
		f.bad, f.state, f.remedy = true, fmt.Sprintf("answers with status %d: %s", e.UpstreamStatus, e.Public()), "its own log or status page says why"
	case e.Kind == model.UpstreamGarbage:
		f.bad, f.state, f.remedy = true, "answers what is no list of models: "+e.Public(), "check `base_url` and `kind`"
	default:
		f.bad, f.state = true, strings.TrimSuffix("cannot be reached: "+e.Public(), " Try again.")
		f.remedy = "check `base_url`, that it runs, and that this machine may reach it"
		if e.Err != nil {
			f.state += " (" + e.Err.Error() + ")"
		}
	}
	return f
}

// placeOf says where an upstream's key comes from.
func placeOf(u *config.Upstream) string {
	switch {
	case u.APIKey.Env != "":
		return "in the environment variable " + u.APIKey.Env
	case u.APIKey.File != "":
		return "in the file " + u.APIKey.File
	case u.Kind == "bedrock":
		return "of AWS's own environment or shared files, or let it list models (bedrock:ListFoundationModels)"
	}
	return "under `api_key`, which names none"
}

// discovered asks what is found without a configuration. What is wrong with it
// breaks nothing that somebody asked for, so it is a note.
func discovered(ctx context.Context, getenv func(string) string) []finding {
	result := discover.Find(ctx, discover.Options{Getenv: getenv, ReadFile: os.ReadFile, Probe: discover.HTTP(probeTimeout)})
	if len(result.Found) == 0 {
		return []finding{{what: "upstreams", state: "none found on this machine or in the environment",
			remedy: "start Ollama, llama-server or vLLM, set OPENAI_API_KEY or ANTHROPIC_API_KEY, or name upstreams in a configuration"}}
	}
	list := make([]finding, len(result.Found))
	var wg sync.WaitGroup
	for i, found := range result.Found {
		wg.Go(func() {
			u := &config.Upstream{Name: found.Config.Name, Kind: found.Config.Kind}
			u.APIKey.Env = map[string]string{"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}[found.Config.Name]
			f := askFor(ctx, finding{what: "upstream " + found.Config.Name}, found.Config, u)
			f.bad, f.state = false, found.What+", "+f.state
			list[i] = f
		})
	}
	wg.Wait()
	return list
}
