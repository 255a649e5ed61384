package main

import (
	"context"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/craton-ai/craton/internal/config"
	"github.com/craton-ai/craton/internal/egress"
	"github.com/craton-ai/craton/internal/gateway"
)

// vendors are hosts of public vendors, whose servers do not reach the
// operator's network. A name that begins with a dot is every name below it.
// What is not here is fetched for: a public name alone does not say what
// stands behind it.
var vendors = []string{
	"api.openai.com", "api.anthropic.com", "generativelanguage.googleapis.com", "openrouter.ai", "router.huggingface.co",
	"api.cerebras.ai", "api.cohere.ai", "api.cohere.com", "api.deepinfra.com", "api.deepseek.com", "api.fireworks.ai", "api.groq.com",
	"api.mistral.ai", "api.moonshot.ai", "api.perplexity.ai", "api.sambanova.ai", "api.together.xyz", "api.x.ai", "integrate.api.nvidia.com",
	".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com",
}

// bedrockHost is the name of a region's Bedrock. Other names below Amazon's may
// be of an operator's own servers: gateways of APIs, load balancers, SageMaker.
var bedrockHost = regexp.MustCompile(`^bedrock(-runtime|-mantle)?(-fips)?\.[a-z]{2}(-[a-z]+)+-[0-9]\.(amazonaws\.com(\.cn)?|api\.aws)$`)

// fetching is who fetches addresses for an upstream: as configured, else the
// upstream where it is a vendor's.
func fetching(configured, kind, base string) gateway.Fetching {
	if configured != "" {
		return gateway.Fetching(configured)
	}
	if base == "" && kind != "script" { // the vendor's own address
		return gateway.FetchPass
	}
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "https" {
		return gateway.FetchEgress
	}
	host := strings.ToLower(u.Hostname())
	if bedrockHost.MatchString(host) || slices.ContainsFunc(vendors, func(v string) bool { return host == v || v[0] == '.' && strings.HasSuffix(host, v) }) {
		return gateway.FetchPass
	}
	return gateway.FetchEgress
}

// egressPolicy is what the operator lets this server reach for callers.
func egressPolicy(cfg *config.Config) egress.Policy {
	policy := egress.Policy{Hosts: cfg.Egress.Hosts}
	for _, n := range cfg.Egress.Networks {
		if prefix, err := netip.ParsePrefix(n); err == nil { // Validate refused others
			policy.Networks = append(policy.Networks, prefix)
		}
	}
	return policy
}

// fetcher fetches what requests name, within the operator's policy.
func (svc *service) fetcher() func(context.Context, string) (string, []byte, error) {
	svc.egress = egress.New(egressPolicy(svc.cfg))
	return func(ctx context.Context, address string) (string, []byte, error) {
		got, err := egress.Fetch(ctx, svc.egress, address)
		if err != nil {
			return "", nil, err
		}
		return got.MIME, got.Data, nil
	}
}
