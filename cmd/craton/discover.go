package main

import (
	"context"
	"os"
	"time"

	"github.com/craton-ai/craton/internal/gateway"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/provider/all"
	"github.com/craton-ai/craton/internal/provider/discover"
)

// probeTimeout bounds how long start-up waits for local model servers.
const probeTimeout = 300 * time.Millisecond

// foreign is the environment without an AWS access key that this server issued
// itself: a person's clients of it keep that one where Amazon's would stand.
func (svc *service) foreign(ctx context.Context) func(string) string {
	getenv := svc.streams.getenv
	id := getenv("AWS_ACCESS_KEY_ID")
	own := id != "" && id == getenv("CRATON_ACCESS_KEY_ID")
	if id != "" && !own {
		found, err := svc.state.db.Credentials(ctx, identity.CredentialFilter{Lookup: id, Limit: 1})
		own = err == nil && len(found) > 0
	}
	if !own {
		return getenv
	}
	return func(name string) string {
		switch name {
		case "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN":
			return ""
		}
		return getenv(name)
	}
}

// discover finds upstreams nobody configured: model servers of this machine
// and well-known keys of the environment, for the root tenant only. A name the
// configuration took is left alone.
func (svc *service) discover(ctx context.Context, configured []gateway.Upstream) ([]gateway.Upstream, []string) {
	result := discover.Find(ctx, discover.Options{
		Getenv: svc.foreign(ctx), ReadFile: os.ReadFile, Probe: discover.HTTP(probeTimeout), Self: []string{svc.cfg.Listen},
	})
	taken := map[string]bool{}
	for i := range configured {
		taken[configured[i].Name] = true
	}
	var list []gateway.Upstream
	var found []string
	for _, f := range result.Found {
		if taken[f.Config.Name] {
			continue
		}
		f.Config.Instance, f.Config.Trace = svc.instance, svc.telemetry.Inject
		p, err := all.New(f.Config)
		if err != nil {
			svc.log.Warn("an upstream was found but cannot be used", "upstream", f.Config.Name, "err", err)
			continue
		}
		full, once := svc.guards.around(f.Config.Name, p)
		list = append(list, gateway.Upstream{Name: f.Config.Name, Provider: full, Once: once,
			Dialects: all.Dialects(f.Config.Kind), Unlisted: true, RootOnly: true, Priority: 1,
			FetchURLs: fetching("", f.Config.Kind, f.Config.BaseURL)})
		found = append(found, "upstream "+f.Config.Name+", found: "+f.What)
	}
	for _, skipped := range result.Skipped {
		found = append(found, "not used: "+skipped)
	}
	return list, found
}
