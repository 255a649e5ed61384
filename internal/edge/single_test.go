package edge_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/edge/edgetest"
	"github.com/craton-ai/craton/internal/gateway"
	"github.com/craton-ai/craton/internal/route"
)

// TestEmbeddings serves them to OpenAI's clients and in Amazon's families.
func TestEmbeddings(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{Upstreams: []gateway.Upstream{edgetest.Upstream("chat", "m", nil)},
		Names: gateway.Names{Aliases: map[string][]route.Target{
			"amazon.titan-embed-text-v2:0": {{Model: "script/script-embed"}}, "cohere.embed-english-v3": {{Model: "script/script-embed"}}}}})
	openai := func(name, body string, status int, want ...string) edgetest.Scenario {
		return edgetest.Scenario{Name: name, Method: http.MethodPost, Path: "/v1/embeddings", Body: body, Status: status, Want: want}
	}
	invoke := func(name, model, body string, status int, want ...string) edgetest.Scenario {
		return edgetest.Scenario{Name: name, Method: http.MethodPost, Path: "/model/" + url.PathEscape(model) + "/invoke", As: "aws", Body: body, Status: status, Want: want}
	}
	w.Run(t, []edgetest.Scenario{
		openai("one", `{"model":"script/script-embed","input":"a b c"}`, 200, `"object":"list"`, `"embedding":[`, `"prompt_tokens":3`, `"model":"script/script-embed"`),
		openai("base64", `{"model":"script/script-embed","input":["a","b"],"encoding_format":"base64","dimensions":8}`, 200, `"embedding":"`, `"index":1`),
		openai("a chat model", `{"model":"chat/m","input":"a"}`, 400, "embed"),
		openai("unknown", `{"model":"nope","input":"a"}`, 404, "model_not_found"),
		openai("malformed", `{"model":`, 400, "JSON"),
		openai("no input", `{"model":"script/script-embed"}`, 400, "input"),
		invoke("titan", "amazon.titan-embed-text-v2:0", `{"inputText":"a b c","dimensions":256}`, 200, `"embedding":[`, `"inputTextTokenCount":3`),
		invoke("cohere", "cohere.embed-english-v3", `{"texts":["a","b"],"input_type":"search_document"}`, 200, `"embeddings":[[`),
		invoke("titan without text", "amazon.titan-embed-text-v2:0", `{}`, 400, "ValidationException"),
		{Name: "titan cannot stream", Method: http.MethodPost, Path: "/model/amazon.titan-embed-text-v2%3A0/invoke-with-response-stream", As: "aws",
			Body: `{"inputText":"a"}`, Status: 400, Want: []string{"unsupported for streaming"}},
	})
	records := w.Usage(t, w.Root)
	if len(records) != 4 {
		t.Errorf("%d usage records of 4 answers", len(records))
	}
	for _, r := range records {
		if r.Tokens.Input == 0 || r.Model != "script-embed" || r.Estimated {
			t.Errorf("recorded as %+v", r)
		}
	}
}

// TestNativeFamilies calls one model in the native body of each vendor.
func TestNativeFamilies(t *testing.T) {
	t.Parallel()
	aliases := map[string][]route.Target{}
	families := map[string][2]string{
		"us.anthropic.claude-sonnet-4-20250514-v1:0": {`{"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"messages":[{"role":"user","content":"Hello"}]}`, `"content":[{"type":"text","text":"You said: Hello"`},
		"openai.gpt-oss-120b-1:0":                    {`{"messages":[{"role":"user","content":"Hello"}]}`, `"content":"You said: Hello"`},
		"eu.amazon.nova-lite-v1:0":                   {`{"messages":[{"role":"user","content":[{"text":"Hello"}]}]}`, `"text":"You said: Hello"`},
		"meta.llama3-70b-instruct-v1:0":              {`{"prompt":"Hello"}`, `"generation":"You said: Hello"`},
		"mistral.mistral-7b-instruct-v0:2":           {`{"prompt":"Hello"}`, `"text":"You said: Hello"`},
	}
	for name := range families {
		aliases[name] = []route.Target{{Model: scriptModel}}
	}
	w := edgetest.New(t, edgetest.Options{Names: gateway.Names{Aliases: aliases}})
	for name, f := range families {
		w.Run(t, []edgetest.Scenario{
			{Name: name, Method: http.MethodPost, Path: "/model/" + url.PathEscape(name) + "/invoke", As: "aws", Body: f[0], Want: []string{f[1]},
				WantHeader: map[string]string{"X-Amzn-Bedrock-Input-Token-Count": "1", "X-Amzn-Bedrock-Output-Token-Count": "3", "X-Amzn-Bedrock-Invocation-Latency": "*"}},
			{Name: name + " stream", Method: http.MethodPost, Path: "/model/" + url.PathEscape(name) + "/invoke-with-response-stream", As: "aws", Body: f[0],
				Want: []string{":event-type=chunk", "said:", "amazon-bedrock-invocationMetrics"}, WantHeader: map[string]string{"X-Amzn-Bedrock-Content-Type": "application/json"}},
		})
	}
}

// TestCounting counts where a tokenizer is known, and does not guess elsewhere.
func TestCounting(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{Upstreams: []gateway.Upstream{edgetest.Upstream("chat", "m", nil)}})
	anthropic := func(model string) string {
		return `{"model":"` + model + `","messages":[{"role":"user","content":"one two three"}]}`
	}
	converse := `{"input":{"converse":{"messages":[{"role":"user","content":[{"text":"one two three"}]}]}}}`
	invoke := `{"input":{"invokeModel":{"body":"eyJtZXNzYWdlcyI6W3sicm9sZSI6InVzZXIiLCJjb250ZW50Ijoib25lIHR3byJ9XX0="}}}`
	w.Run(t, []edgetest.Scenario{
		{Name: "anthropic", Method: http.MethodPost, Path: "/v1/messages/count_tokens", Body: anthropic(scriptModel), Want: []string{`{"input_tokens":3}`}},
		{Name: "anthropic, unknown tokenizer", Method: http.MethodPost, Path: "/v1/messages/count_tokens", Body: anthropic("chat/m"), Status: 400, Want: []string{"cannot count tokens"}},
		{Name: "converse", Method: http.MethodPost, Path: "/model/script-chat/count-tokens", As: "aws", Body: converse, Want: []string{`{"inputTokens":3}`}},
		{Name: "invoke", Method: http.MethodPost, Path: "/model/script-chat/count-tokens", As: "aws", Body: invoke, Want: []string{`{"inputTokens":2}`}},
		{Name: "bedrock, unknown tokenizer", Method: http.MethodPost, Path: "/model/chat%2Fm/count-tokens", As: "aws", Body: converse, Status: 400, Want: []string{"ValidationException", "doesn't support counting tokens"}},
		{Name: "bedrock, unknown model", Method: http.MethodPost, Path: "/model/nope/count-tokens", As: "aws", Body: converse, Status: 400, Want: []string{"model identifier is invalid"}},
		{Name: "nothing to count", Method: http.MethodPost, Path: "/model/script-chat/count-tokens", As: "aws", Body: `{"input":{}}`, Status: 400},
	})
	if records := w.Usage(t, w.Root); len(records) != 0 {
		t.Errorf("counting was billed: %+v", records)
	}
}

// TestModels lists models in the shape of who asks, the default one first.
func TestModels(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{Upstreams: []gateway.Upstream{edgetest.Upstream("a", "m", nil), edgetest.Upstream("b", "m/with/slashes", nil)},
		Names: gateway.Names{Default: "b/m/with/slashes", Aliases: map[string][]route.Target{"fast": {{Model: "a/m"}}}}})
	anthropic := map[string]string{"Anthropic-Version": "2023-06-01"}
	first := func(t *testing.T, a *edgetest.Answer) {
		t.Helper()
		if b, m := strings.Index(a.Body, `"id":"b/m/with/slashes"`), strings.Index(a.Body, `"id":"a/m"`); b < 0 || m < 0 || b > m {
			t.Errorf("the default model is not first: %s", a.Body)
		}
	}
	w.Run(t, []edgetest.Scenario{
		{Name: "openai", Method: http.MethodGet, Path: "/v1/models", Want: []string{`"object":"list"`, "script/script-embed"}, Then: first},
		{Name: "openai prefix", Method: http.MethodGet, Path: "/openai/v1/models", Want: []string{`"object":"list"`}},
		{Name: "anthropic header", Method: http.MethodGet, Path: "/v1/models", Header: anthropic, Want: []string{`"has_more":false`, `"first_id":"b/m/with/slashes"`}, Then: first},
		{Name: "anthropic prefix", Method: http.MethodGet, Path: "/anthropic/v1/models", Want: []string{`"has_more":false`}},
		{Name: "one", Method: http.MethodGet, Path: "/v1/models/b/m/with/slashes", Want: []string{`"id":"b/m/with/slashes"`, `"object":"model"`}},
		{Name: "one, escaped", Method: http.MethodGet, Path: "/v1/models/b%2Fm%2Fwith%2Fslashes", Want: []string{`"id":"b/m/with/slashes"`}},
		{Name: "by its alias", Method: http.MethodGet, Path: "/v1/models/fast", Want: []string{`"id":"a/m"`}},
		{Name: "one of anthropic", Method: http.MethodGet, Path: "/v1/models/a/m", Header: anthropic, Want: []string{`"type":"model"`}},
		{Name: "unknown", Method: http.MethodGet, Path: "/v1/models/nope", Status: 404, Want: []string{`{"error":{`, "model_not_found"}},
		{Name: "unknown to anthropic", Method: http.MethodGet, Path: "/v1/models/nope", Header: anthropic, Status: 404, Want: []string{`{"type":"error"`, "not_found_error"}},
		{Name: "explained", Method: http.MethodGet, Path: "/admin/v1/models/fast", Want: []string{`"reasons":[`, `"upstream":"a"`}},
		{Name: "described", Method: http.MethodGet, Path: "/admin/v1/models", Want: []string{`"capabilities":[`}},
	})
}
