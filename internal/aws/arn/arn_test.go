package arn

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in, kind, id, bare, version string
	}{
		{"arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0", "foundation-model", "amazon.nova-lite-v1:0", "amazon.nova-lite-v1", "0"},
		{"arn:aws:bedrock:eu-west-1:123456789012:guardrail/abc123def456", "guardrail", "abc123def456", "abc123def456", ""},
		{"arn:aws:bedrock:eu-west-1:123456789012:prompt/ABCDEFGHIJ:12", "prompt", "ABCDEFGHIJ:12", "ABCDEFGHIJ", "12"},
		{"arn:aws:bedrock:eu-west-1:123456789012:flow/ABCDEFGHIJ/alias/KLMNOPQRST", "flow", "ABCDEFGHIJ/alias/KLMNOPQRST", "ABCDEFGHIJ/alias/KLMNOPQRST", ""},
		{"arn:aws:bedrock-agentcore:us-east-1:aws:browser/aws.browser.v1", "browser", "aws.browser.v1", "aws.browser.v1", ""},
		{"arn:aws:bedrock-agentcore:::evaluator/Builtin.Helpfulness", "evaluator", "Builtin.Helpfulness", "Builtin.Helpfulness", ""},
		{"arn:aws-us-gov:sns:us-gov-west-1:123456789012:topic", "topic", "", "", ""},
		{"arn:aws:bedrock:us-east-1:123456789012:agent/ABCDEFGHIJ:DRAFT", "agent", "ABCDEFGHIJ:DRAFT", "ABCDEFGHIJ", "DRAFT"},
	} {
		a, err := Parse(c.in)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		kind, id := a.Kind()
		bare, version := a.Version()
		got := []string{a.String(), kind, id, bare, version}
		if d := cmp.Diff([]string{c.in, c.kind, c.id, c.bare, c.version}, got); d != "" {
			t.Errorf("%s:\n%s", c.in, d)
		}
	}
	for _, bad := range []string{"", "arn", "arn:", "arn:aws:bedrock:us-east-1:123456789012", "arn:gcp:bedrock:::x",
		"arn:aws::us-east-1:123456789012:x", "arn:aws:bedrock:us-east-1:123456789012:", "arn:aws:bedrock:us-east-1:12345:x/y",
		"arn:aws:bedrock:us-east-1:12345678901x:x/y", "ARN:aws:bedrock:::x"} {
		if a, err := Parse(bad); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q was read as %+v, error %v", bad, a, err)
		}
	}
}

func TestParseModel(t *testing.T) {
	t.Parallel()
	const base = "arn:aws:bedrock:us-west-2:123456789012:"
	owned := func(k ModelKind, id string) Model {
		return Model{Kind: k, ID: id, Partition: "aws", Region: "us-west-2", Account: "123456789012"}
	}
	profile := owned(InferenceProfile, "us.anthropic.claude-3-haiku-20240307-v1:0")
	profile.Geo, profile.Base = "us", "anthropic.claude-3-haiku-20240307-v1:0"
	prompt := owned(Prompt, "ABCDEFGHIJ")
	prompt.Version = "3"
	for in, want := range map[string]Model{
		"amazon.nova-lite-v1:0":                                         {Kind: FoundationModel, ID: "amazon.nova-lite-v1:0", Base: "amazon.nova-lite-v1:0"},
		"amazon.titan-text-lite-v1:0:4k":                                {Kind: FoundationModel, ID: "amazon.titan-text-lite-v1:0:4k", Base: "amazon.titan-text-lite-v1:0:4k"},
		"openai.gpt-oss-20b-1:0":                                        {Kind: FoundationModel, ID: "openai.gpt-oss-20b-1:0", Base: "openai.gpt-oss-20b-1:0"},
		"us.amazon.nova-lite-v1:0":                                      {Kind: InferenceProfile, ID: "us.amazon.nova-lite-v1:0", Geo: "us", Base: "amazon.nova-lite-v1:0"},
		"eu.amazon.nova-lite-v1:0":                                      {Kind: InferenceProfile, ID: "eu.amazon.nova-lite-v1:0", Geo: "eu", Base: "amazon.nova-lite-v1:0"},
		"apac.amazon.nova-lite-v1:0":                                    {Kind: InferenceProfile, ID: "apac.amazon.nova-lite-v1:0", Geo: "apac", Base: "amazon.nova-lite-v1:0"},
		"jp.anthropic.claude-sonnet-4-5-v1:0":                           {Kind: InferenceProfile, ID: "jp.anthropic.claude-sonnet-4-5-v1:0", Geo: "jp", Base: "anthropic.claude-sonnet-4-5-v1:0"},
		"au.anthropic.claude-sonnet-4-5-v1:0":                           {Kind: InferenceProfile, ID: "au.anthropic.claude-sonnet-4-5-v1:0", Geo: "au", Base: "anthropic.claude-sonnet-4-5-v1:0"},
		"us-gov.anthropic.claude-3-haiku-v1:0":                          {Kind: InferenceProfile, ID: "us-gov.anthropic.claude-3-haiku-v1:0", Geo: "us-gov", Base: "anthropic.claude-3-haiku-v1:0"},
		"global.anthropic.claude-sonnet-4-v1:0":                         {Kind: InferenceProfile, ID: "global.anthropic.claude-sonnet-4-v1:0", Geo: "global", Base: "anthropic.claude-sonnet-4-v1:0"},
		base + "inference-profile/" + profile.ID:                        profile,
		base + "application-inference-profile/a1b2":                     owned(ApplicationInferenceProfile, "a1b2"),
		base + "custom-model/amazon.x-v1/a1b2":                          owned(CustomModel, "amazon.x-v1/a1b2"),
		base + "custom-model-deployment/a1b2":                           owned(CustomModelDeployment, "a1b2"),
		base + "imported-model/a1b2":                                    owned(ImportedModel, "a1b2"),
		base + "provisioned-model/a1b2":                                 owned(ProvisionedModel, "a1b2"),
		base + "prompt-router/a1b2":                                     owned(PromptRouter, "a1b2"),
		base + "default-prompt-router/meta.llama:1":                     owned(PromptRouter, "meta.llama:1"),
		base + "prompt/ABCDEFGHIJ:3":                                    prompt,
		base + "guardrail/abc":                                          owned(OtherARN, base+"guardrail/abc"),
		base + "prompt/":                                                owned(OtherARN, base+"prompt/"),
		"arn:aws:sagemaker:us-west-2:123456789012:endpoint/my-endpoint": owned(Endpoint, "my-endpoint"),
		"arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0": {Kind: FoundationModel, ID: "amazon.nova-lite-v1:0",
			Base: "amazon.nova-lite-v1:0", Partition: "aws", Region: "us-east-1"},
		"arn:broken":          {Kind: OtherARN, ID: "arn:broken"},
		"gpt-4.1":             {Kind: Plain, ID: "gpt-4.1"},
		"gpt-4.1-mini":        {Kind: Plain, ID: "gpt-4.1-mini"},
		"qwen2.5:0.5b":        {Kind: Plain, ID: "qwen2.5:0.5b"},
		"smollm2":             {Kind: Plain, ID: "smollm2"},
		"ollama/llama3.2":     {Kind: Plain, ID: "ollama/llama3.2"},
		"us.something":        {Kind: FoundationModel, ID: "us.something", Base: "us.something"},
		"us.claude-3.5":       {Kind: FoundationModel, ID: "us.claude-3.5", Base: "us.claude-3.5"},
		"Anthropic.Claude-v2": {Kind: Plain, ID: "Anthropic.Claude-v2"},
		"":                    {Kind: Plain},
	} {
		if d := cmp.Diff(want, ParseModel(in)); d != "" {
			t.Errorf("%q:\n%s", in, d)
		}
	}
}

func TestModelKindNames(t *testing.T) {
	t.Parallel()
	want := []string{"plain", "foundation-model", "inference-profile", "application-inference-profile", "custom-model",
		"custom-model-deployment", "imported-model", "provisioned-model", "prompt-router", "prompt", "endpoint", "other"}
	for i, name := range want {
		if got := ModelKind(i).String(); got != name {
			t.Errorf("kind %d is called %q, want %q", i, got, name)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0")
	f.Add("us.amazon.nova-lite-v1:0")
	f.Add("arn:aws:bedrock:eu-west-1:123456789012:prompt/ABCDEFGHIJ:12")
	f.Fuzz(func(t *testing.T, s string) {
		a, err := Parse(s)
		if err == nil && a.String() != s {
			t.Errorf("%q is printed as %q", s, a)
		}
		m := ParseModel(s)
		if m.Kind > OtherARN {
			t.Errorf("%q has kind %d", s, m.Kind)
		}
		if m.Geo != "" && m.ID != m.Geo+"."+m.Base {
			t.Errorf("%q: geo %q + base %q is not id %q", s, m.Geo, m.Base, m.ID)
		}
	})
}
