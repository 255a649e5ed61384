package bedrock

import (
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/model"
)

func TestCountTokensOfAConversation(t *testing.T) {
	t.Parallel()
	body := `{"input":{"converse":{"messages":[{"role":"user","content":[{"text":"hi"}]}],"system":[{"text":"s"}],` + toolsJSON +
		`,"additionalModelRequestFields":{"thinking":{"type":"enabled","budget_tokens":1024}}}}}`
	in, err := DecodeCountTokens([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	in.Converse.User, in.Converse.N = "u", 3 // what changes no count is left out without a word
	got, losses, err := EncodeCountTokens(in)
	if err != nil || len(losses) > 0 {
		t.Fatalf("losses %v, err %v", losses, err)
	}
	sameJSON(t, got, []byte(body))
}

func TestCountTokensRefuses(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{}`, `{"input":{}}`, `{"input":{"converse":null}}`, `{"input":{"invokeModel":{"body":"%"}}}`, `{"input":{"converse":{"messages":3}}}`,
		`{"input":{"converse":{},"invokeModel":{"body":""}}}`, `[`,
	} {
		if _, err := DecodeCountTokens([]byte(body)); err == nil || model.AsError(err).Kind != model.Invalid {
			t.Errorf("%s: got %v", body, err)
		}
	}
	for _, body := range []string{`{}`, `x`, `{"inputTokens":"1"}`} {
		if _, err := DecodeCount([]byte(body)); err == nil || model.AsError(err).Kind != model.UpstreamGarbage || strings.Contains(model.AsError(err).Public(), "inputTokens") {
			t.Errorf("%s: got %v", body, err)
		}
	}
}
