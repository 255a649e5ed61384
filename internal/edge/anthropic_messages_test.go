package edge_test

import (
	"fmt"
	"testing"
)

func messages() *contract {
	one := func(status int, kind string, want ...string) expect {
		return expect{status, append([]string{`{"type":"error","error":{"type":"` + kind + `","message":"`, `"request_id":"`}, want...)}
	}
	invalid := func(want ...string) expect { return one(400, "invalid_request_error", want...) }
	return &contract{
		name: "messages", requestID: "Request-Id",
		path: func(string, bool) string { return "/v1/messages" },
		body: func(model, text string, stream bool) string {
			return fmt.Sprintf(`{"model":%q,"max_tokens":100,"messages":[{"role":"user","content":"%s"}],"stream":%t}`, model, text, stream)
		},
		answers: func(text string) string { return `"text":"` + text + `"` },
		faults: map[string]expect{
			"unknown model": one(404, "not_found_error", "script/nope"), "ambiguous model": invalid("one/twice", "two/twice"),
			"down": one(502, "api_error"), "denied": one(502, "api_error"), "garbage": one(502, "api_error"), "ours": one(500, "api_error"),
			"wrong contract": invalid(), "malformed": invalid("JSON"), "empty": invalid(), "not an object": invalid(), "deep": invalid("deep"),
			"bad UTF-8": invalid("UTF-8"), "oversized": one(413, "request_too_large"), "oversized chunked": one(413, "request_too_large"),
			"unsupported": invalid(), "missing key": one(401, "authentication_error", "x-api-key"), "wrong key": one(401, "authentication_error"),
			"expired key": one(401, "authentication_error"), "insufficient role": one(403, "permission_error", "model:invoke"),
		},
		unsupported: `{"model":"script/script-chat","max_tokens":100,"messages":[{"role":"user","content":"Hello"}],"tools":[{"type":"web_search_20250305","name":"web_search"}]}`,
		broken:      []string{"event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"", "could not be reached"},
		garbage:     []string{"event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"", "could not be understood"},
	}
}

func TestMessages(t *testing.T) { runContract(t, messages()) }

func TestMessagesUnderItsOwnPrefix(t *testing.T) {
	c := messages()
	c.path = func(string, bool) string { return "/anthropic/v1/messages" }
	runContract(t, c)
}
