package server

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/tidwall/gjson"
)

const testToken = "test-token"

var httpClient = &http.Client{}

// realServer runs the server on the library and model named by the environment,
// or skips. It answers the base URL.
func realServer(t *testing.T, change func(*Options)) string {
	t.Helper()
	dir, path := os.Getenv("CRATON_TEST_ENGINE_LIB"), os.Getenv("CRATON_TEST_ENGINE_MODEL")
	if dir == "" || path == "" {
		t.Skip("set CRATON_TEST_ENGINE_LIB (library directory) and CRATON_TEST_ENGINE_MODEL (GGUF file) to run this test")
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan string, 1), make(chan error, 1)
	o := Options{
		Library: dir, Listen: "127.0.0.1:0", Token: testToken, Threads: 2,
		Models: []ModelSpec{{Name: "small", Path: path, ContextTokens: 1024, Parallel: 2}},
		Ready:  func(addr string) { ready <- addr },
	}
	if change != nil {
		change(&o)
	}
	go func() { done <- Run(ctx, o) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run ended with %v", err)
		}
	})
	select {
	case addr := <-ready:
		return "http://" + addr
	case err := <-done:
		done <- nil
		t.Fatal(err)
		return ""
	}
}

func call(t *testing.T, method, url string, body any) (int, string) {
	t.Helper()
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		reader = strings.NewReader(string(raw))
	}
	request, err := http.NewRequestWithContext(t.Context(), method, url, reader)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+testToken)
	response, err := httpClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	out, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(out)
}

// events are the data of a server-sent event stream.
func events(body string) []string {
	var out []string
	for lines := bufio.NewScanner(strings.NewReader(body)); lines.Scan(); {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			out = append(out, data)
		}
	}
	return out
}

func TestRealChat(t *testing.T) {
	url := realServer(t, nil)
	body := `{"model":"small","messages":[{"role":"user","content":"What is the capital of France?"}],"temperature":0,"max_tokens":24,"stream":true,"stream_options":{"include_usage":true}}`
	status, out := call(t, "POST", url+"/v1/chat/completions", body)
	if status != 200 {
		t.Fatalf("%d %s", status, out)
	}
	list := events(out)
	if list[len(list)-1] != "[DONE]" {
		t.Errorf("no end mark in %q", out)
	}
	text := ""
	for _, e := range list {
		text += gjson.Get(e, "choices.0.delta.content").String()
	}
	if text == "" {
		t.Errorf("no text in %q", out)
	}
	last := list[len(list)-2]
	if gjson.Get(last, "usage.completion_tokens").Int() == 0 || len(gjson.Get(last, "choices").Array()) != 0 {
		t.Errorf("usage chunk %s", last)
	}
	t.Log(text)

	status, out = call(t, "POST", url+"/v1/chat/completions", strings.Replace(body, `,"stream":true,"stream_options":{"include_usage":true}`, "", 1))
	if status != 200 || gjson.Get(out, "choices.0.message.content").String() != text {
		t.Errorf("unstreamed: %d %s", status, out)
	}
	if gjson.Get(out, "usage.prompt_tokens_details.cached_tokens").Int() == 0 {
		t.Errorf("the second request found nothing cached: %s", out)
	}
}

func TestRealToolsAndSchema(t *testing.T) {
	url := realServer(t, nil)
	body := `{"messages":[{"role":"user","content":"What is the weather in Paris?"}],"temperature":0.7,"seed":3,"max_tokens":200,
	"tools":[{"type":"function","function":{"name":"get_weather","parameters":{"type":"object","properties":{"city":{"type":"string","maxLength":20},"unit":{"enum":["C","F"]}},"required":["city","unit"]}}}],
	"tool_choice":"required","parallel_tool_calls":false}`
	status, out := call(t, "POST", url+"/v1/chat/completions", body)
	arguments := gjson.Get(out, "choices.0.message.tool_calls.0.function.arguments").String()
	if status != 200 || gjson.Get(out, "choices.0.finish_reason").String() != "tool_calls" || !gjson.Valid(arguments) || !gjson.Get(arguments, "city").Exists() {
		t.Errorf("%d %s", status, out)
	}
	t.Log(out)
	body = `{"messages":[{"role":"user","content":"Describe a person."}],"temperature":0.8,"seed":1,"max_tokens":200,
	"response_format":{"type":"json_schema","json_schema":{"name":"p","strict":true,"schema":{"type":"object","properties":{"name":{"type":"string","maxLength":30},"age":{"type":"integer","minimum":18,"maximum":99}},"required":["name","age"],"additionalProperties":false}}}}`
	status, out = call(t, "POST", url+"/v1/chat/completions", body)
	content := gjson.Get(out, "choices.0.message.content").String()
	if age := gjson.Get(content, "age").Int(); status != 200 || age < 18 || age > 99 {
		t.Errorf("%d %s", status, out)
	}
	t.Log(content)
}

// TestRealGrammars gives the library's own parser what the compiler writes.
func TestRealGrammars(t *testing.T) {
	url := realServer(t, nil)
	for _, schema := range []string{
		`{"type":"object","properties":{"a":{"type":"string","maxLength":250},"b":{"type":"number","minimum":-1.5,"maximum":20}},"additionalProperties":{"type":"null"}}`,
		`{"type":"array","prefixItems":[{"enum":["x\"y","\n"]}],"items":{"type":"string","pattern":"^[^\"\\\\]\\w{2,}\\p{Greek}?.*$"},"maxItems":3}`,
		`{"$ref":"#/$defs/n","$defs":{"n":{"type":"object","properties":{"next":{"anyOf":[{"$ref":"#/$defs/n"},{"type":"null"}]},"id":{"type":"string","format":"uuid"},"at":{"type":"string","format":"date-time"}},"required":["id"]}}}`,
		`{"type":"object","properties":{},"additionalProperties":false}`,
		`{"type":["integer","string","null"],"minimum":17}`,
	} {
		body := `{"messages":[{"role":"user","content":"x"}],"max_tokens":3,"response_format":{"type":"json_schema","json_schema":{"name":"s","schema":` + schema + `}}}`
		if status, out := call(t, "POST", url+"/v1/chat/completions", body); status != 200 {
			t.Errorf("%s: %d %s", schema, status, out)
		}
	}
	if status, out := call(t, "POST", url+"/v1/chat/completions", `{"messages":[{"role":"user","content":"x"}],"grammar":"root ::= ("}`); status != 400 {
		t.Errorf("a broken grammar: %d %s", status, out)
	}
}

func TestRealToolsInText(t *testing.T) {
	url := realServer(t, nil)
	// The model is made to begin a call: what follows must parse.
	body := `{"messages":[{"role":"user","content":"Weather in Oslo?"}],"temperature":1.2,"seed":5,"max_tokens":120,"logit_bias":{},
	"tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":{"city":{"type":"string","maxLength":12}},"required":["city"],"additionalProperties":false}}}]}`
	for range 3 {
		status, out := call(t, "POST", url+"/v1/chat/completions", body)
		if status != 200 {
			t.Fatalf("%d %s", status, out)
		}
		for _, c := range gjson.Get(out, "choices.0.message.tool_calls").Array() {
			if arguments := c.Get("function.arguments").String(); gjson.Get(out, "choices.0.finish_reason").String() != "length" && !gjson.Get(arguments, "city").Exists() {
				t.Errorf("arguments %q in %s", arguments, out)
			}
		}
	}
}

func TestRealEmbeddings(t *testing.T) {
	url := realServer(t, func(o *Options) {
		o.Models[0].Embedding, o.Models[0].ContextTokens = true, 256
	})
	status, out := call(t, "POST", url+"/v1/embeddings", `{"input":["a cat sat on the mat","a kitten sat on the rug","stock markets fell sharply"]}`)
	if status != 200 {
		t.Fatalf("%d %s", status, out)
	}
	var vectors [3][]float64
	for i := range vectors {
		for _, v := range gjson.Get(out, "data."+string(rune('0'+i))+".embedding").Array() {
			vectors[i] = append(vectors[i], v.Float())
		}
	}
	dot := func(a, b []float64) (sum float64) {
		for i := range a {
			sum += a[i] * b[i]
		}
		return sum
	}
	if n := dot(vectors[0], vectors[0]); n < 0.999 || n > 1.001 {
		t.Errorf("the vectors are not of length one: %v", n)
	}
	if near, far := dot(vectors[0], vectors[1]), dot(vectors[0], vectors[2]); near <= far {
		t.Errorf("cat and kitten %v, cat and stocks %v", near, far)
	}
	status, out = call(t, "POST", url+"/v1/embeddings", `{"input":"`+strings.Repeat("word ", 400)+`"}`)
	if status != 400 || gjson.Get(out, "error.code").String() != "context_length_exceeded" {
		t.Errorf("%d %s", status, out)
	}
	if status, _ = call(t, "POST", url+"/v1/chat/completions", `{"messages":[{"role":"user","content":"x"}]}`); status != 400 {
		t.Errorf("an embedding model answered a chat: %d", status)
	}
}

func TestRealParentAndMemory(t *testing.T) {
	parent, stdin := io.Pipe()
	realServer(t, func(o *Options) { o.Parent = parent })
	if err := stdin.Close(); err != nil { // Run must end: the cleanup waits for it
		t.Fatal(err)
	}
	o := Options{Library: os.Getenv("CRATON_TEST_ENGINE_LIB"), Listen: "127.0.0.1:0", Token: testToken, MemoryLimit: 200 << 20,
		Models: []ModelSpec{{Name: "small", Path: os.Getenv("CRATON_TEST_ENGINE_MODEL")}}}
	err := Run(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), "is left") || !strings.Contains(err.Error(), "MiB") {
		t.Errorf("a model beyond the memory limit: %v", err)
	}
	o.MemoryLimit, o.Models[0].Path = 0, o.Models[0].Path+".absent"
	if err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "absent") {
		t.Errorf("an absent model: %v", err)
	}
}
