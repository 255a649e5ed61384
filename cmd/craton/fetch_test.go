package main

import (
	"testing"

	"github.com/craton-ai/craton/internal/gateway"
)

func TestFetching(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		configured, kind, base string
		want                   gateway.Fetching
	}{
		{"", "openai", "", gateway.FetchPass},
		{"", "openai", "https://api.openai.com/v1", gateway.FetchPass},
		{"", "openai", "https://Mine.OpenAI.azure.com/openai/v1", gateway.FetchPass},
		{"", "openai", "http://api.openai.com/v1", gateway.FetchEgress},
		{"", "openai", "https://api.openai.com.example.com/v1", gateway.FetchEgress},
		{"", "openai", "https://evilopenai.azure.com/", gateway.FetchEgress},
		{"", "openai", "http://127.0.0.1:8000/v1", gateway.FetchEgress},
		{"", "openai", "https://vllm.corp.example.com/v1", gateway.FetchEgress},
		{"", "bedrock", "https://bedrock-runtime.eu-west-1.amazonaws.com", gateway.FetchPass},
		{"", "script", "", gateway.FetchEgress},
		{"pass", "openai", "http://127.0.0.1:8000/v1", gateway.FetchPass},
		{"never", "openai", "", gateway.FetchNever},
	} {
		if got := fetching(c.configured, c.kind, c.base); got != c.want {
			t.Errorf("fetching(%q, %q, %q) = %q, want %q", c.configured, c.kind, c.base, got, c.want)
		}
	}
}
