package server

import (
	"context"
	"fmt"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/engine/chat"
	"github.com/craton-ai/craton/internal/engine/llama"
	"github.com/tidwall/gjson"
)

// fakeServer serves a fake model named "fake" whose answer to a chat is given by
// reply, which sees the prompt.
func fakeServer(t *testing.T, reply func(prompt string) string) (string, *fakeBackend) {
	t.Helper()
	b := newFakeBackend(t, answers("assistant\n", reply))
	l := limits{parallel: 2, context: 2000, batch: 256, chunk: 64, queue: 2, partial: true}
	b.batch = l.batch
	return serveBackend(t, b, l), b
}

func serveBackend(t testing.TB, b backend, l limits) string {
	t.Helper()
	template, err := chat.NewTemplate(chat.ChatML, chat.Special{})
	if err != nil {
		t.Fatal(err)
	}
	e := &engine{
		spec:  ModelSpec{Name: "fake", ContextTokens: l.context, Parallel: l.parallel},
		words: fakeWords{}, info: llama.ModelInfo{Vocabulary: 257, BOS: llama.NoToken, EOS: llama.NoToken},
		template: template, limits: l, sched: newScheduler(b, fakeWords{}, l), created: 7,
	}
	ids := 0
	options := Options{
		Token: testToken, Now: func() time.Time { return time.Unix(1000, 0) }, Seed: func() uint32 { return 1 },
		NewID: func() string { ids++; return fmt.Sprint(ids) }, Library: "x", Listen: "127.0.0.1:0",
		Models: []ModelSpec{{Name: "fake", Path: "fake"}},
	}
	if options, err = options.check(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { e.run(ctx) })
	server := httptest.NewServer(newAPI(options, []*engine{e}))
	t.Cleanup(func() { server.Close(); cancel(); running.Wait() })
	return server.URL
}

func constant(text string) func(string) string { return func(string) string { return text } }

// exchange is one request and what must hold of its answer: paths and values in
// the body, texts it must not contain.
type exchange struct {
	name    string
	method  string // POST by default
	path    string // chat completions by default
	body    string
	status  int
	want    map[string]string // gjson path -> value
	without []string
}

const tools = `"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"a":{"type":"integer"}}}}}]`

func chatBody(rest string) string {
	if rest != "" {
		rest = "," + rest
	}
	return `{"model":"fake","messages":[{"role":"user","content":"hi"}]` + rest + `}`
}

var goodExchanges = []exchange{
	{name: "answer", body: chatBody(""), status: 200, want: map[string]string{
		"object": "chat.completion", "model": "fake", "created": "1000", "choices.0.message.role": "assistant", "choices.0.message.content": "Hello STOP there",
		"choices.0.finish_reason": "stop", "choices.0.logprobs": "", "usage.completion_tokens": "16", "usage.prompt_tokens": "52", "usage.total_tokens": "68"}},
	{name: "stop", body: chatBody(`"stop":["ST","zz"]`), status: 200, want: map[string]string{"choices.0.message.content": "Hello ", "choices.0.finish_reason": "stop"}, without: []string{"STOP"}},
	{name: "stop as text", body: chatBody(`"stop":"there"`), status: 200, want: map[string]string{"choices.0.message.content": "Hello STOP "}},
	{name: "length", body: chatBody(`"max_tokens":5`), status: 200, want: map[string]string{"choices.0.message.content": "Hello", "choices.0.finish_reason": "length", "usage.completion_tokens": "5"}},
	{name: "new length", body: chatBody(`"max_completion_tokens":4,"max_tokens":9`), status: 200, want: map[string]string{"choices.0.message.content": "Hell"}},
	{name: "n", body: chatBody(`"n":3,"max_tokens":2`), status: 200, want: map[string]string{"choices.#": "3", "choices.2.index": "2", "choices.2.message.content": "He", "usage.completion_tokens": "6", "usage.prompt_tokens": "52"}},
	{name: "logprobs", body: chatBody(`"logprobs":true,"top_logprobs":2,"max_tokens":1`), status: 200, want: map[string]string{
		"choices.0.logprobs.content.0.token": "H", "choices.0.logprobs.content.0.bytes.0": "72", "choices.0.logprobs.content.0.top_logprobs.#": "2", "choices.0.logprobs.content.0.top_logprobs.0.token": "H"}},
	{name: "parts and developer", body: `{"messages":[{"role":"developer","content":"x"},{"role":"user","content":[{"type":"text","text":"hi"}],"name":"n"}],"user":"u","metadata":{"a":"b"},"store":false}`, status: 200},
	{name: "schema", body: chatBody(`"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"object"}}}`), status: 200},
	{name: "count", path: "/v1/chat/count_tokens", body: chatBody(""), status: 200, want: map[string]string{"input_tokens": "52"}},
	{name: "tokenize", path: "/tokenize", body: `{"content":"hi"}`, status: 200, want: map[string]string{"tokens": "[104,105]"}},
	{name: "tokenize with pieces", path: "/tokenize", body: `{"content":"h","with_pieces":true}`, status: 200, want: map[string]string{"tokens.0.id": "104", "tokens.0.piece": "h"}},
	{name: "models", method: "GET", path: "/v1/models", status: 200, want: map[string]string{"data.0.id": "fake", "data.0.created": "7", "data.0.meta.n_ctx": "2000"}},
	{name: "health", method: "GET", path: "/health", status: 200, want: map[string]string{"status": "ok"}},
	{name: "completion", path: "/v1/completions", body: `{"prompt":"x assistant\n","max_tokens":3,"logprobs":1}`, status: 200, want: map[string]string{
		"object": "text_completion", "choices.0.text": "Hel", "choices.0.finish_reason": "length", "choices.0.logprobs.tokens": `["H","e","l"]`, "choices.0.logprobs.text_offset": "[0,1,2]"}},
	{name: "completion of tokens", path: "/v1/completions", body: `{"prompt":[97,115,115,105,115,116,97,110,116,10],"max_tokens":1}`, status: 200, want: map[string]string{"choices.0.text": "H"}},
}

var badExchanges = []exchange{
	{name: "unknown path", path: "/v1/nothing", body: "{}", status: 404, want: map[string]string{"error.code": "unknown_url"}},
	{name: "unknown model", body: `{"model":"gpt","messages":[{"role":"user","content":"x"}]}`, status: 404, want: map[string]string{"error.code": "model_not_found", "error.param": "model"}},
	{name: "malformed", body: `{"model":`, status: 400, want: map[string]string{"error.type": "invalid_request_error"}},
	{name: "no messages", body: `{"model":"fake"}`, status: 400, want: map[string]string{"error.param": "messages"}},
	{name: "unknown parameter", body: chatBody(`"web_search_options":{}`), status: 400, want: map[string]string{"error.code": "unsupported_parameter", "error.param": "web_search_options"}},
	{name: "image", body: `{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"http://x"}}]}]}`, status: 400, want: map[string]string{"error.code": "unsupported_parameter", "error.param": "messages"}},
	{name: "audio out", body: chatBody(`"modalities":["text","audio"]`), status: 400, want: map[string]string{"error.param": "modalities"}},
	{name: "temperature", body: chatBody(`"temperature":3`), status: 400, want: map[string]string{"error.param": "temperature"}},
	{name: "n too large", body: chatBody(`"n":1000`), status: 400, want: map[string]string{"error.param": "n"}},
	{name: "n beyond the queue", body: chatBody(`"n":100`), status: 429, want: map[string]string{"error.code": "queue_full"}},
	{name: "bias", body: chatBody(`"logit_bias":{"9999":1}`), status: 400, want: map[string]string{"error.param": "logit_bias"}, without: []string{"/tokenize"}},
	{name: "empty stop", body: chatBody(`"stop":[""]`), status: 400, want: map[string]string{"error.param": "stop"}},
	{name: "top_logprobs alone", body: chatBody(`"top_logprobs":2`), status: 400, want: map[string]string{"error.param": "top_logprobs"}},
	{name: "stream options alone", body: chatBody(`"stream_options":{"include_usage":true}`), status: 400, want: map[string]string{"error.param": "stream_options"}},
	{name: "role", body: `{"messages":[{"role":"wizard","content":"x"}]}`, status: 400, want: map[string]string{"error.param": "messages"}},
	{name: "tool choice without tools", body: chatBody(`"tool_choice":"required"`), status: 400, want: map[string]string{"error.param": "tool_choice"}},
	{name: "unknown tool", body: chatBody(tools + `,"tool_choice":{"type":"function","function":{"name":"g"}}`), status: 400, want: map[string]string{"error.param": "tool_choice"}},
	{name: "tool choice type", body: chatBody(tools + `,"tool_choice":{"type":"allowed_tools"}`), status: 400, want: map[string]string{"error.param": "tool_choice"}},
	{name: "tool type", body: chatBody(`"tools":[{"type":"custom","custom":{"name":"x"}}]`), status: 400},
	{name: "bad schema", body: chatBody(`"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"not":{}}}}`), status: 400, want: map[string]string{"error.param": "response_format"}},
	{name: "broken history", body: `{"messages":[{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{"}}]}]}`, status: 400},
	{name: "too long", body: `{"messages":[{"role":"user","content":"` + strings.Repeat("x", 3000) + `"}]}`, status: 400, want: map[string]string{"error.code": "context_length_exceeded"}},
	{name: "embeddings", path: "/v1/embeddings", body: `{"input":"x"}`, status: 400, want: map[string]string{"error.param": "model"}},
	{name: "echo", path: "/v1/completions", body: `{"prompt":"x","echo":true}`, status: 400, want: map[string]string{"error.param": "echo"}},
	{name: "several prompts", path: "/v1/completions", body: `{"prompt":["x","y"]}`, status: 400},
	{name: "token outside", path: "/v1/completions", body: `{"prompt":[99999]}`, status: 400},
	{name: "no prompt", path: "/v1/completions", body: `{}`, status: 400, want: map[string]string{"error.param": "prompt"}},
}

func TestExchanges(t *testing.T) {
	t.Parallel()
	url, _ := fakeServer(t, constant("Hello STOP there"))
	for _, x := range slices.Concat(goodExchanges, badExchanges) {
		if x.method == "" {
			x.method = "POST"
		}
		if x.path == "" {
			x.path = "/v1/chat/completions"
		}
		status, body := call(t, x.method, url+x.path, x.body)
		if status != x.status {
			t.Errorf("%s: status %d, want %d: %s", x.name, status, x.status, body)
			continue
		}
		if status >= 400 && gjson.Get(body, "error.message").String() == "" {
			t.Errorf("%s: no message in %s", x.name, body)
		}
		for path, want := range x.want {
			if got := gjson.Get(body, path).String(); got != want {
				t.Errorf("%s: %s is %q, want %q in %s", x.name, path, got, want, body)
			}
		}
		for _, text := range x.without {
			if strings.Contains(body, text) {
				t.Errorf("%s: %q is in %s", x.name, text, body)
			}
		}
	}
}

func TestStreamedChat(t *testing.T) {
	t.Parallel()
	url, _ := fakeServer(t, constant("<think>hm</think>\n\nHi <tool_call>{\"name\":\"f\",\"arguments\":{\"a\":12}}</tool_call>"))
	status, body := call(t, "POST", url+"/v1/chat/completions", chatBody(tools+`,"stream":true,"stream_options":{"include_usage":true}`))
	list := events(body)
	if status != 200 || len(list) < 6 || list[len(list)-1] != "[DONE]" {
		t.Fatalf("%d %s", status, body)
	}
	var text, reasoning, name, arguments, finish string
	for i, e := range list[:len(list)-1] {
		delta := gjson.Get(e, "choices.0.delta")
		if i == 0 && delta.Get("role").String() != "assistant" {
			t.Errorf("the first chunk is %s", e)
		}
		text += delta.Get("content").String()
		reasoning += delta.Get("reasoning_content").String()
		name += delta.Get("tool_calls.0.function.name").String()
		arguments += delta.Get("tool_calls.0.function.arguments").String()
		finish += gjson.Get(e, "choices.0.finish_reason").String()
		if gjson.Get(e, "object").String() != "chat.completion.chunk" || gjson.Get(e, "id").String() != "chatcmpl-1" {
			t.Errorf("chunk %s", e)
		}
		if usage := gjson.Get(e, "usage"); usage.IsObject() != (i == len(list)-2) {
			t.Errorf("chunk %d has usage %s", i, usage)
		}
	}
	if text != "Hi" || reasoning != "hm" || name != "f" || arguments != `{"a":12}` || finish != "tool_calls" {
		t.Errorf("text %q, reasoning %q, call %s(%s), finish %q", text, reasoning, name, arguments, finish)
	}
	status, body = call(t, "POST", url+"/v1/chat/completions", chatBody(tools))
	message := gjson.Get(body, "choices.0.message")
	if status != 200 || message.Get("tool_calls.0.function.arguments").String() != `{"a":12}` || message.Get("reasoning_content").String() != "hm" ||
		message.Get("content").String() != "Hi" || gjson.Get(body, "choices.0.finish_reason").String() != "tool_calls" {
		t.Errorf("%d %s", status, body)
	}
}

// TestRequiredCallsCutShort: an answer that had to be calls has no text, wherever
// its length ends it.
func TestRequiredCallsCutShort(t *testing.T) {
	t.Parallel()
	url, _ := fakeServer(t, constant(strings.Repeat("<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>", 9)))
	for _, length := range []int{20, 60, 70} {
		status, body := call(t, "POST", url+"/v1/chat/completions", chatBody(tools+`,"tool_choice":"required","max_tokens":`+strconv.Itoa(length)))
		message := gjson.Get(body, "choices.0.message")
		if status != 200 || message.Get("content").String() != "" || gjson.Get(body, "choices.0.finish_reason").String() != "length" {
			t.Errorf("%d %s", status, body)
		}
		if n := len(message.Get("tool_calls").Array()); n != length/52 {
			t.Errorf("after %d tokens there are %d calls", length, n)
		}
	}
}

func TestTriggerFeedsTheGrammar(t *testing.T) {
	t.Parallel()
	url, b := fakeServer(t, constant(`text <tool_call>{"name":"f","arguments":{}}</tool_call>`))
	if status, body := call(t, "POST", url+"/v1/chat/completions", chatBody(tools)); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	if b.fed != "<tool_call>" {
		t.Errorf("the grammar was fed %q", b.fed)
	}
}

func TestStreamedCompletionAndTurns(t *testing.T) {
	t.Parallel()
	url, _ := fakeServer(t, constant("abc"))
	_, body := call(t, "POST", url+"/v1/completions", `{"prompt":"x assistant\n","stream":true,"stream_options":{"include_usage":true},"n":2}`)
	texts := map[int64]string{}
	list := events(body)
	for _, e := range list {
		texts[gjson.Get(e, "choices.0.index").Int()] += gjson.Get(e, "choices.0.text").String()
	}
	if texts[0] != "abc" || texts[1] != "abc" || gjson.Get(list[len(list)-2], "usage.completion_tokens").Int() != 6 {
		t.Errorf("%v in %s", texts, body)
	}
	call(t, "POST", url+"/v1/chat/completions", chatBody(""))
	_, body = call(t, "POST", url+"/v1/chat/completions", `{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"abc"},{"role":"user","content":"more"}]}`)
	if cached := gjson.Get(body, "usage.prompt_tokens_details.cached_tokens").Int(); cached < 50 {
		t.Errorf("%d tokens of the first turn were reused: %s", cached, body)
	}
}

func TestErrorsAfterTheFirstByte(t *testing.T) {
	t.Parallel()
	url, b := fakeServer(t, constant(strings.Repeat("x", 50)))
	b.gate = make(chan struct{})
	go func() {
		for range 5 {
			b.gate <- struct{}{}
		}
		b.mu.Lock()
		b.fail = llama.ErrNoToken
		b.mu.Unlock()
		close(b.gate)
	}()
	status, body := call(t, "POST", url+"/v1/chat/completions", chatBody(`"stream":true`))
	list := events(body)
	last := list[len(list)-1]
	if status != 200 || gjson.Get(last, "error.message").String() == "" || strings.Contains(body, "[DONE]") {
		t.Errorf("%d %s", status, body)
	}
}

func TestTokenIsRequired(t *testing.T) {
	t.Parallel()
	url, _ := fakeServer(t, constant(""))
	for _, header := range []string{"", "Bearer wrong", "Basic " + testToken} {
		request := httptest.NewRequestWithContext(t.Context(), "GET", url+"/health", nil)
		request.RequestURI = ""
		request.Header.Set("Authorization", header)
		response, err := httpClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != 401 {
			t.Errorf("%q: status %d", header, response.StatusCode)
		}
	}
}
