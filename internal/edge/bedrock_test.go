package edge_test

import (
	"fmt"
	"net/url"
	"testing"
)

// converse is the contract with a bearer key; signedConverse with a signature.
func converse() *contract {
	one := func(status int, name string, want ...string) expect {
		return expect{status, append([]string{`{"__type":"` + name + `","`, `essage":"`}, want...)}
	}
	invalid := func(want ...string) expect { return one(400, "ValidationException", want...) }
	model := func(status int, name string, want ...string) expect { return one(status, name, want...) }
	return &contract{
		name: "converse", requestID: "X-Amzn-Requestid",
		path: func(model string, stream bool) string {
			return "/model/" + url.PathEscape(model) + "/" + map[bool]string{false: "converse", true: "converse-stream"}[stream]
		},
		body: func(_, text string, _ bool) string {
			return fmt.Sprintf(`{"messages":[{"role":"user","content":[{"text":"%s"}]}]}`, text)
		},
		answers: func(text string) string { return `"text":"` + text + `"` },
		faults: map[string]expect{
			"unknown model": invalid("The provided model identifier is invalid"), "ambiguous model": invalid("one/twice", "two/twice"),
			"down": model(503, "ServiceUnavailableException"), "denied": model(424, "ModelErrorException"),
			"garbage": model(424, "ModelErrorException"), "ours": model(500, "InternalServerException"),
			"wrong contract": invalid(), "malformed": one(400, "SerializationException"), "empty": invalid("messages"),
			"not an object": one(400, "SerializationException"), "deep": one(400, "SerializationException"), "bad UTF-8": one(400, "SerializationException"),
			"oversized": invalid("65536"), "oversized chunked": invalid("65536"), "unsupported": invalid(),
			"missing key": one(403, "MissingAuthenticationTokenException", "Bearer", "sign the request"), "wrong key": one(403, "AccessDeniedException"),
			"expired key": one(403, "AccessDeniedException"), "insufficient role": one(403, "AccessDeniedException", "model:invoke"),
		},
		unsupported: `{"messages":[{"role":"user","content":[{"text":"Hello"}]}],"guardrailConfig":{"guardrailIdentifier":"abc","guardrailVersion":"1"}}`,
		broken:      []string{":exception-type", "serviceUnavailableException", "could not be reached"},
		garbage:     []string{":exception-type", "modelStreamErrorException", "could not be understood"},
	}
}

func TestConverse(t *testing.T) { runContract(t, converse()) }

func TestConverseSigned(t *testing.T) {
	c := converse()
	c.as = "aws"
	c.faults["expired key"] = expect{403, []string{"UnrecognizedClientException", "security token"}}
	runContract(t, c)
}

func TestInvokeModel(t *testing.T) {
	c := converse()
	c.name = "invoke"
	c.path = func(model string, stream bool) string {
		return "/model/" + url.PathEscape(model) + "/" + map[bool]string{false: "invoke", true: "invoke-with-response-stream"}[stream]
	}
	c.body = func(_, text string, _ bool) string {
		return fmt.Sprintf(`{"anthropic_version":"bedrock-2023-05-31","max_tokens":100,"messages":[{"role":"user","content":"%s"}]}`, text)
	}
	for _, fault := range []string{"empty", "malformed", "not an object"} {
		c.faults[fault] = expect{400, []string{"ValidationException", "Malformed input request"}}
	}
	c.faults["deep"], c.faults["bad UTF-8"] = expect{400, []string{"ValidationException", "deep"}}, expect{400, []string{"ValidationException", "UTF-8"}}
	c.unsupported = `{"anthropic_version":"bedrock-2023-05-31","max_tokens":100,"messages":[{"role":"user","content":"Hello"}],` +
		`"tools":[{"type":"web_search_20250305","name":"web_search"}]}`
	runContract(t, c)
}
