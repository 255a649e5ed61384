package discover

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// answers is a Probe that knows the given URLs.
func answers(known map[string]string) Probe {
	return func(_ context.Context, url string) ([]byte, error) {
		if body, ok := known[url]; ok {
			return []byte(body), nil
		}
		return nil, errors.New("nobody there")
	}
}

func env(pairs map[string]string) func(string) string {
	return func(name string) string { return pairs[name] }
}

const (
	ollama = `{"version":"0.17.4"}`
	llama  = `{"object":"list","data":[{"id":"qwen","owned_by":"llamacpp"}]}`
	vllm   = `{"object":"list","data":[{"id":"mistral","owned_by":"vllm","max_model_len":4096}]}`
)

func TestFind(t *testing.T) {
	t.Parallel()
	none := map[string]string{}
	for name, c := range map[string]struct {
		env, probes map[string]string
		found       []string // "name base: what"
		skipped     string
	}{
		"nothing": {none, none, nil, ""},
		"servers": {none, map[string]string{
			"http://127.0.0.1:11434/api/version": ollama, "http://127.0.0.1:8080/v1/models": llama, "http://127.0.0.1:8000/v1/models": vllm,
		}, []string{
			"ollama http://127.0.0.1:11434/v1: Ollama (0.17.4) running at http://127.0.0.1:11434",
			"llama-server http://127.0.0.1:8080/v1: llama-server (qwen) running at http://127.0.0.1:8080",
			"vllm http://127.0.0.1:8000/v1: vLLM (mistral) running at http://127.0.0.1:8000",
		}, ""},
		"strangers on the ports": {none, map[string]string{
			"http://127.0.0.1:11434/api/version": "<html>", "http://127.0.0.1:8080/v1/models": vllm, "http://127.0.0.1:8000/v1/models": `{"data":[]}`,
		}, nil, ""},
		"ollama elsewhere": {map[string]string{"OLLAMA_HOST": "0.0.0.0:9999"}, map[string]string{"http://127.0.0.1:9999/api/version": ollama},
			[]string{"ollama http://127.0.0.1:9999/v1: Ollama (0.17.4) running at http://127.0.0.1:9999"}, ""},
		"keys": {map[string]string{"OPENAI_API_KEY": "hush", "ANTHROPIC_API_KEY": "hush", "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "hush", "AWS_REGION": "r-1"}, none,
			[]string{"openai : OpenAI by OPENAI_API_KEY", "anthropic : Anthropic by ANTHROPIC_API_KEY", "bedrock : Amazon Bedrock in r-1 by AWS_ACCESS_KEY_ID"}, ""},
		"addresses": {map[string]string{"OPENAI_API_KEY": "hush", "OPENAI_BASE_URL": "http://llm.example/v1", "AWS_BEARER_TOKEN_BEDROCK": "hush", "AWS_DEFAULT_REGION": "r-2", "AWS_ENDPOINT_URL": "https://vpce.example"}, none,
			[]string{"openai http://llm.example/v1: an OpenAI-compatible server at llm.example by OPENAI_BASE_URL and OPENAI_API_KEY",
				"bedrock https://vpce.example: Amazon Bedrock in r-2 by AWS_BEARER_TOKEN_BEDROCK"}, ""},
		"ourselves": {map[string]string{"OPENAI_API_KEY": "hush", "OPENAI_BASE_URL": "http://localhost:8420/v1", "OLLAMA_HOST": "127.0.0.1:8420"},
			map[string]string{"http://127.0.0.1:8420/api/version": ollama}, nil, "this server's own address"},
		"metadata": {map[string]string{"OLLAMA_HOST": "169.254.169.254:80"}, map[string]string{"http://169.254.169.254:80/api/version": ollama},
			nil, "instance metadata"},
		"no region":    {map[string]string{"AWS_ACCESS_KEY_ID": "id"}, none, nil, "no region is set"},
		"key in a URL": {map[string]string{"OPENAI_API_KEY": "hush", "OPENAI_BASE_URL": "https://user:hush@llm.example/v1"}, none, nil, "without credentials"},
	} {
		r := Find(t.Context(), Options{Getenv: env(c.env), Probe: answers(c.probes), Self: []string{"127.0.0.1:8420"}})
		var got []string
		for _, f := range r.Found {
			got = append(got, fmt.Sprintf("%s %s: %s", f.Config.Name, f.Config.BaseURL, f.What))
		}
		if strings.Join(got, "\n") != strings.Join(c.found, "\n") {
			t.Errorf("%s: found\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(c.found, "\n"))
		}
		why := strings.Join(r.Skipped, "\n")
		if !strings.Contains(why, c.skipped) || (c.skipped == "") != (why == "") {
			t.Errorf("%s: skipped %q, want %q", name, why, c.skipped)
		}
		if s := fmt.Sprintf("%+v", r); strings.Contains(s, "hush") && name != "key in a URL" || strings.Contains(why, "hush") {
			t.Errorf("%s: a secret is shown: %s", name, s)
		}
	}
}

func TestSharedFiles(t *testing.T) {
	t.Parallel()
	read := func(path string) ([]byte, error) {
		if path == "/h/.aws/credentials" {
			return []byte("[work]\naws_access_key_id=a\naws_secret_access_key=b\nregion=eu-x\n"), nil
		}
		return nil, errors.New("no such file")
	}
	r := Find(t.Context(), Options{Getenv: env(map[string]string{"HOME": "/h", "AWS_PROFILE": "work"}), ReadFile: read})
	if len(r.Found) != 1 || r.Found[0].What != "Amazon Bedrock in eu-x by profile work of the AWS shared files" {
		t.Errorf("got %+v", r)
	}
}

func TestOllamaBase(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"": "http://127.0.0.1:11434", "box": "http://box:11434", ":1234": "http://127.0.0.1:1234", "https://box/": "https://box:11434",
		"http://[::1]:5": "http://[::1]:5", "[::]": "http://127.0.0.1:11434", "0.0.0.0": "http://127.0.0.1:11434", "box:": "http://box:11434",
	} {
		if got := ollamaBase(value); got != want {
			t.Errorf("OLLAMA_HOST=%q: got %s, want %s", value, got, want)
		}
	}
}

func TestHTTPProbe(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ok":
			_, _ = io.WriteString(w, ollama)
		case "/moved":
			http.Redirect(w, r, "/ok", http.StatusFound)
		case "/silent":
			<-r.Context().Done()
		}
	}))
	defer server.Close()
	probe := HTTP(patience)
	if body, err := probe(t.Context(), server.URL+"/ok"); err != nil || string(body) != ollama {
		t.Errorf("got %q, %v", body, err)
	}
	if _, err := probe(t.Context(), server.URL+"/moved"); err == nil {
		t.Error("a redirect was followed")
	}
	if _, err := HTTP(20*time.Millisecond)(t.Context(), server.URL+"/silent"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a silent server: got %v, want the deadline", err)
	}
}

// patience is long enough for any machine; a probe that works needs none of it.
const patience = 20 * time.Second

// TestProbesThatBreakDown: the search goes on, and says what it did not see.
func TestProbesThatBreakDown(t *testing.T) {
	t.Parallel()
	probe := answers(map[string]string{"http://127.0.0.1:8080/v1/models": llama})
	result := Find(t.Context(), Options{Probe: func(ctx context.Context, url string) ([]byte, error) {
		if strings.Contains(url, "11434") {
			panic("no probing today")
		}
		return probe(ctx, url)
	}})
	if len(result.Found) != 1 || result.Found[0].Config.Name != "llama-server" {
		t.Errorf("found %+v", result.Found)
	}
	if len(result.Skipped) != 1 || !strings.Contains(result.Skipped[0], "Ollama") || !strings.Contains(result.Skipped[0], "no probing today") {
		t.Errorf("skipped %q", result.Skipped)
	}
}
