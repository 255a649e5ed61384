package openai

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/craton-ai/craton/internal/provider"
)

// KindAzure is the kind of an Azure OpenAI resource.
const KindAzure = "azure"

// DefaultAPIVersion is the api-version sent to Azure when none is configured.
const DefaultAPIVersion = "2024-10-21"

// site says where a server keeps its operations and how it wants its key.
type site struct {
	url  func(path, model string) string
	sign func(*http.Request) error
}

func newSite(cfg provider.Config, base string) site {
	if cfg.Kind != KindAzure {
		return site{sign: provider.Bearer(cfg.APIKey), url: func(path, _ string) string { return base + path }}
	}
	s := site{sign: provider.KeyHeader(cfg.APIKey, "api-key")}
	if strings.HasSuffix(base, "/v1") { // Azure's newer surface has OpenAI's own paths
		s.url = func(path, _ string) string { return base + path }
		return s
	}
	version := cfg.Azure.APIVersion
	if version == "" {
		version = DefaultAPIVersion
	}
	query := "?api-version=" + url.QueryEscape(version)
	s.url = func(path, model string) string {
		if model == "" || path == "/responses" {
			return base + "/openai" + path + query
		}
		deployment := model
		if d, ok := cfg.Azure.Deployments[model]; ok {
			deployment = d
		}
		return base + "/openai/deployments/" + url.PathEscape(deployment) + path + query
	}
	return s
}
