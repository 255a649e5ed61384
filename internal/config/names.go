package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// engineName is the upstream name of the built-in engine.
const engineName = "engine"

// validateNames checks what aliases, fallbacks and the default model point at,
// as far as the document alone tells.
func (c *Config) validateNames(bad refusal) {
	for _, alias := range slices.Sorted(maps.Keys(c.Aliases)) {
		if circle := c.circle(alias); circle != nil {
			bad("aliases."+alias, "%s runs in a circle: %s", alias, strings.Join(circle, " -> "))
			continue
		}
		c.checkName(bad, "aliases."+alias, c.Aliases[alias])
	}
	for _, name := range slices.Sorted(maps.Keys(c.Fallbacks)) {
		if name != "*" {
			c.checkName(bad, "fallbacks."+name, name)
		}
		for i, next := range c.Fallbacks[name] {
			c.checkName(bad, fmt.Sprintf("fallbacks.%s[%d]", name, i), next)
		}
	}
	c.checkName(bad, "default_model", c.DefaultModel)
}

// circle follows an alias and returns the way if it comes back to it.
func (c *Config) circle(alias string) []string {
	way := []string{alias}
	for name := alias; len(way) <= len(c.Aliases)+1; {
		next, ok := c.Aliases[name]
		if !ok {
			return nil
		}
		way = append(way, next)
		if next == alias {
			return way
		}
		name = next
	}
	return nil // it leads into a circle of others, which is reported there
}

// checkName refuses a name whose upstream part nobody configured. A bare id may
// hold a slash too: what cannot be an upstream's name, an ARN, and what an
// upstream lists in the document are left to routing.
func (c *Config) checkName(bad refusal, at, name string) {
	upstream, _, qualified := strings.Cut(name, "/")
	if _, isAlias := c.Aliases[name]; isAlias || !qualified || !upstreamName.MatchString(upstream) {
		return
	}
	var known []string
	for i := range c.Upstreams {
		if c.Upstreams[i].Name == upstream || slices.Contains(c.Upstreams[i].Models, name) {
			return
		}
		known = append(known, c.Upstreams[i].Name)
	}
	switch {
	case upstream == engineName && c.Engine.Disabled:
		bad(at, "%s is the built-in engine's, and engine.disabled turns that off", name)
	case upstream == engineName || c.Discover:
	default:
		bad(at, "%s names the upstream %q, which is not configured; there are %s", name, upstream,
			strings.Join(append(known, engineName), ", "))
	}
}
