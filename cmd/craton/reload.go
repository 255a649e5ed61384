package main

import (
	"context"
	"slices"
	"strings"

	"github.com/craton-ai/craton/internal/config"
)

// reloaded lists the settings that a reload applies.
var reloaded = []string{"upstreams", "discover", "default_model", "aliases", "fallbacks", "prices"}

// needRestart lists the settings that differ and that a reload does not apply.
func needRestart(old, now *config.Config) []string {
	return slices.DeleteFunc(old.Differs(now), func(field string) bool {
		section, _, _ := strings.Cut(field, ".")
		return slices.Contains(reloaded, section)
	})
}

// reload reads the configuration again, and swaps upstreams, names and prices
// if all of it is valid.
func (svc *service) reload(ctx context.Context, c serveCommand, s streams) {
	cfg, err := c.load(s)
	if err != nil {
		svc.keepOld(err)
		return
	}
	known, err := newCatalog(cfg)
	if err != nil {
		svc.keepOld(err)
		return
	}
	upstreams, found, err := svc.connect(ctx, cfg)
	if err != nil {
		svc.keepOld(err)
		return
	}
	svc.cards.Store(known)
	svc.gateway.Configure(ctx, upstreams, svc.names(cfg))
	svc.log.Info("the configuration was reloaded", "upstreams", found)
	svc.doubtPrices(cfg)
	if fixed := needRestart(svc.cfg, cfg); len(fixed) > 0 {
		svc.log.Warn("needs a restart, until which the old values hold: "+strings.Join(fixed, ", "), "settings", fixed)
	}
}

func (svc *service) keepOld(err error) {
	svc.log.Error("the configuration was not reloaded; the old one stays", "err", err)
}
