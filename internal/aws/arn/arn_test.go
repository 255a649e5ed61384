package arn

import (
	"errors"
	"testing"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in, kind, id string
	}{
		{"arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0", "foundation-model", "amazon.nova-lite-v1:0"},
		{"arn:aws:bedrock:eu-west-1:123456789012:guardrail/abc123def456", "guardrail", "abc123def456"},
		{"arn:aws:bedrock:eu-west-1:123456789012:prompt/ABCDEFGHIJ:12", "prompt", "ABCDEFGHIJ:12"},
		{"arn:aws:bedrock:eu-west-1:123456789012:flow/ABCDEFGHIJ/alias/KLMNOPQRST", "flow", "ABCDEFGHIJ/alias/KLMNOPQRST"},
		{"arn:aws:bedrock-agentcore:us-east-1:aws:browser/aws.browser.v1", "browser", "aws.browser.v1"},
		{"arn:aws:bedrock-agentcore:::evaluator/Builtin.Helpfulness", "evaluator", "Builtin.Helpfulness"},
		{"arn:aws-us-gov:sns:us-gov-west-1:123456789012:topic", "topic", ""},
		{"arn:aws:bedrock:us-east-1:123456789012:agent/ABCDEFGHIJ:DRAFT", "agent", "ABCDEFGHIJ:DRAFT"},
	} {
		a, err := Parse(c.in)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		kind, id := a.Kind()
		if a.String() != c.in || kind != c.kind || id != c.id {
			t.Errorf("%s: printed as %s, kind %q, id %q", c.in, a, kind, id)
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

func FuzzParse(f *testing.F) {
	f.Add("arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0")
	f.Add("arn:aws:bedrock:eu-west-1:123456789012:prompt/ABCDEFGHIJ:12")
	f.Fuzz(func(t *testing.T, s string) {
		a, err := Parse(s)
		if err == nil && a.String() != s {
			t.Errorf("%q is printed as %q", s, a)
		}
	})
}
