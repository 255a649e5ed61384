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
		{"", "bedrock", "https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com", gateway.FetchPass},
		{"", "bedrock", "https://bedrock-runtime.cn-north-1.amazonaws.com.cn", gateway.FetchPass},
		{"", "openai", "https://bedrock-mantle.us-east-1.api.aws/v1", gateway.FetchPass},
		{"", "openai", "https://a1b2c3.execute-api.eu-west-1.amazonaws.com/v1", gateway.FetchEgress},
		{"", "openai", "https://bedrock-proxy-1234.eu-west-1.elb.amazonaws.com/v1", gateway.FetchEgress},
		{"", "openai", "https://bedrock-runtime.eu-west-1.amazonaws.com.example.com", gateway.FetchEgress},
		{"", "openai", "https://runtime.sagemaker.eu-west-1.amazonaws.com/v1", gateway.FetchEgress},
		{"", "openai", "https://ec2-203-0-113-5.eu-west-1.compute.amazonaws.com/v1", gateway.FetchEgress},
		{"", "script", "", gateway.FetchEgress},
		{"pass", "openai", "http://127.0.0.1:8000/v1", gateway.FetchPass},
		{"never", "openai", "", gateway.FetchNever},
	} {
		if got := fetching(c.configured, c.kind, c.base); got != c.want {
			t.Errorf("fetching(%q, %q, %q) = %q, want %q", c.configured, c.kind, c.base, got, c.want)
		}
	}
}
