package edge_test

import (
	"fmt"
	"testing"
)

// openAIFaults is how OpenAI's contracts answer faults.
func openAIFaults() map[string]expect {
	one := func(status int, want ...string) expect {
		return expect{status, append([]string{`{"error":{"message":"`, `"type":"`, `"param":`, `"code":`}, want...)}
	}
	down := one(502, "server_error", "upstream_unavailable")
	return map[string]expect{
		"unknown model": one(404, "model_not_found", "script/nope"), "ambiguous model": one(400, "model_ambiguous", "one/twice", "two/twice"),
		"down": down, "denied": one(502, "upstream_denied"), "garbage": one(502, "upstream_invalid_answer"), "ours": one(500, "internal_error"),
		"wrong contract": one(400), "malformed": one(400, "JSON"), "empty": one(400), "not an object": one(400), "deep": one(400, "deep"),
		"bad UTF-8": one(400, "UTF-8"), "oversized": one(413, "65536"), "oversized chunked": one(413, "65536"), "unsupported": one(400),
		"missing key": one(401, "Authorization: Bearer"), "wrong key": one(401, "invalid_api_key"), "expired key": one(401, "invalid_api_key"),
		"insufficient role": one(403, "model:invoke"),
	}
}

func chat() *contract {
	return &contract{
		name: "chat", requestID: "X-Request-Id",
		path: func(string, bool) string { return "/v1/chat/completions" },
		body: func(model, text string, stream bool) string {
			return fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":"%s"}],"stream":%t}`, model, text, stream)
		},
		answers:     func(text string) string { return `"content":"` + text + `"` },
		faults:      openAIFaults(),
		unsupported: `{"model":"script/script-chat","messages":[{"role":"user","content":"Hello"}],"modalities":["audio"],"audio":{"voice":"alloy","format":"wav"}}`,
		broken:      []string{`data: {"error":{"message":"`, "upstream_unavailable"},
		garbage:     []string{`data: {"error":{"message":"`, "upstream_invalid_answer"},
	}
}

func TestChatCompletions(t *testing.T) { runContract(t, chat()) }

func TestChatCompletionsUnderTheLongPrefix(t *testing.T) {
	c := chat()
	c.path = func(string, bool) string { return "/openai/v1/chat/completions" }
	runContract(t, c)
}

func TestChatCompletionsSigned(t *testing.T) {
	c := chat()
	c.as = "aws"
	c.faults["expired key"], c.faults["wrong key"] = expect{401, []string{"security token"}}, expect{401, []string{"invalid_api_key"}}
	runContract(t, c)
}

func TestResponses(t *testing.T) {
	c := chat()
	c.name = "responses"
	c.path = func(string, bool) string { return "/v1/responses" }
	c.body = func(model, text string, stream bool) string {
		return fmt.Sprintf(`{"model":%q,"input":"%s","stream":%t}`, model, text, stream)
	}
	c.answers = func(text string) string { return `"text":"` + text + `"` }
	c.unsupported = `{"model":"script/script-chat","input":"Hello","background":true}`
	c.broken = []string{"event: response.created", "event: response.failed", `"code":"server_error"`, "could not be reached"}
	c.garbage = []string{"event: response.created", "event: response.failed", `"code":"server_error"`, "could not be understood"}
	runContract(t, c)
}
