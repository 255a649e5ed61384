package openai_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/provider"
	"github.com/craton-ai/craton/internal/provider/openai"
	"github.com/craton-ai/craton/internal/provider/script"
)

const secret = "sk-hush"

// saw is what a server was sent.
type saw struct {
	url    string
	header http.Header
	body   string
}

// capture returns a server that answers with the given status and body, and what it last saw.
func capture(t *testing.T, status int, contentType, answer string) (*httptest.Server, *saw) {
	t.Helper()
	last := &saw{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		*last = saw{r.URL.RequestURI(), r.Header, string(body)}
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Set-Cookie", "private")
		w.Header().Set("X-Request-Id", "req_1")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(s.Close)
	return s, last
}

const completion = `{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}`

func ask(stream bool) *model.Request {
	n := 9
	return &model.Request{Model: "m one", MaxTokens: &n, Stream: stream, Hops: []string{"other"}, Messages: []model.Message{
		{Role: model.RoleDeveloper, Parts: []model.Part{&model.Text{Text: "be brief"}}}, model.UserText("hello"),
	}}
}

func text(t *testing.T, s model.Stream, err error) string {
	t.Helper()
	if err != nil {
		t.Fatalf("Generate: %v", err)
	}
	r, err := model.Collect(s)
	if err != nil {
		t.Fatalf("Collect: %v", err)
	}
	return r.Choices[0].Message.Text()
}

func TestRequest(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cfg         provider.Config
		url         string
		header      [2]string
		has, hasNot string
	}{
		"openai": {provider.Config{Kind: "openai", BaseURL: "/v1/"}, "/v1/chat/completions",
			[2]string{"Authorization", "Bearer " + secret}, `"max_completion_tokens":9`, `"max_tokens"`},
		"old server": {provider.Config{Kind: "openai", BaseURL: "/v1", OpenAI: provider.OpenAI{MaxTokensName: "max_tokens", NoDeveloperRole: true}},
			"/v1/chat/completions", [2]string{"Authorization", "Bearer " + secret}, `"role":"system"`, `"max_completion_tokens"`},
		"azure": {provider.Config{Kind: "azure", Azure: provider.Azure{Deployments: map[string]string{"m one": "my/deploy"}}},
			"/openai/deployments/my%2Fdeploy/chat/completions?api-version=2024-10-21", [2]string{"Api-Key", secret}, `"model":"m one"`, secret},
		"azure version": {provider.Config{Kind: "azure", Azure: provider.Azure{APIVersion: "2025-01-01-preview"}},
			"/openai/deployments/m%20one/chat/completions?api-version=2025-01-01-preview", [2]string{"Api-Key", secret}, `"model":"m one"`, secret},
		"azure v1": {provider.Config{Kind: "azure", BaseURL: "/openai/v1"}, "/openai/v1/chat/completions", [2]string{"Api-Key", secret}, `"messages"`, secret},
	} {
		server, last := capture(t, 200, "application/json", completion)
		cfg := c.cfg
		cfg.BaseURL, cfg.APIKey, cfg.Instance = server.URL+cfg.BaseURL, provider.StaticKey(secret), "me"
		s, err := connect(t, cfg).Generate(t.Context(), ask(false))
		if got := text(t, s, err); got != "hi" {
			t.Errorf("%s: got %q", name, got)
		}
		if last.url != c.url || last.header.Get(c.header[0]) != c.header[1] || last.header.Get(provider.HopHeader) != "other, me" {
			t.Errorf("%s: sent to %s with %v", name, last.url, last.header)
		}
		if !strings.Contains(last.body, c.has) || strings.Contains(last.body, c.hasNot) {
			t.Errorf("%s: sent %s, want %s and not %s", name, last.body, c.has, c.hasNot)
		}
	}
}

func TestServerThatIgnoresStreaming(t *testing.T) {
	t.Parallel()
	server, _ := capture(t, 200, "application/json; charset=utf-8", completion)
	s, err := connect(t, provider.Config{Kind: "openai", BaseURL: server.URL}).Generate(t.Context(), ask(true))
	if got := text(t, s, err); got != "hi" {
		t.Errorf("got %q, want the whole answer as a stream", got)
	}
}

func TestStreamCutOff(t *testing.T) {
	t.Parallel()
	server, _ := capture(t, 200, "text/event-stream", `data: {"id":"c","choices":[{"index":0,"delta":{"content":"hal"}}]}`+"\n\n")
	s, err := connect(t, provider.Config{Kind: "openai", BaseURL: server.URL}).Generate(t.Context(), ask(true))
	if err != nil {
		t.Fatal(err)
	}
	r, err := model.Collect(s)
	var e *model.Error
	if !errors.As(err, &e) || e.Kind != model.UpstreamGarbage || r.Choices[0].Message.Text() != "hal" {
		t.Errorf("got %v after %+v, want the cut to be noticed and what came kept", err, r)
	}
}

func TestErrorsHideTheKey(t *testing.T) {
	t.Parallel()
	server, _ := capture(t, 401, "application/json", `{"error":{"message":"Incorrect API key provided: `+secret+`","type":"invalid_request_error","code":"invalid_api_key"}}`)
	_, err := connect(t, provider.Config{Kind: "openai", BaseURL: server.URL, APIKey: provider.StaticKey(secret)}).Generate(t.Context(), ask(false))
	e := model.AsError(err)
	if e == nil || e.Kind != model.UpstreamDenied || strings.Contains(e.Public(), secret) || e.UpstreamStatus != 401 {
		t.Errorf("got %v, saying %q", err, e.Public())
	}
}

func TestMajorLossesAreRefused(t *testing.T) {
	t.Parallel()
	server, last := capture(t, 200, "application/json", completion)
	req := ask(false)
	req.Messages[1].Parts = append(req.Messages[1].Parts, &model.Video{Source: model.Source{MIME: "video/mp4", Data: []byte{1}}})
	_, err := connect(t, provider.Config{Kind: "openai", BaseURL: server.URL}).Generate(t.Context(), req)
	if e := model.AsError(err); e == nil || e.Kind != model.Unsupported || e.Subject == "" || last.url != "" {
		t.Errorf("got %v after a request to %q, want a refusal before any", err, last.url)
	}
}

func TestMinorLossesAreTold(t *testing.T) {
	t.Parallel()
	server, _ := capture(t, 200, "application/json", completion)
	p := connect(t, provider.Config{Kind: "openai", BaseURL: server.URL})
	req := ask(false)
	req.Messages[1].Parts = append(req.Messages[1].Parts, &model.CachePoint{})
	want, err := p.Losses(req)
	if err != nil || len(want) == 0 {
		t.Fatalf("Losses: %v, %v", want, err)
	}
	s, err := p.Generate(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := model.LossesOf(s); len(got) != len(want) || got[0] != want[0] {
		t.Errorf("the stream tells %v, want %v", got, want)
	}
}

func TestRelay(t *testing.T) {
	t.Parallel()
	body := `{"model":"m","strange" : 1}`
	for name, c := range map[string]struct {
		x      model.Exchange
		status int
		url    string
	}{
		"chat":       {model.Exchange{Dialect: model.DialectOpenAIChat, Operation: "chat"}, 200, "/v1/chat/completions"},
		"embeddings": {model.Exchange{Dialect: model.DialectOpenAIChat, Operation: "embeddings"}, 200, "/v1/embeddings"},
		"responses":  {model.Exchange{Dialect: model.DialectOpenAIResponses, Operation: "responses"}, 200, "/v1/responses"},
		"an error":   {model.Exchange{Dialect: model.DialectOpenAIChat, Operation: "chat", Stream: true}, 429, "/v1/chat/completions"},
	} {
		server, last := capture(t, c.status, "application/json", "as it is")
		p := connect(t, provider.Config{Kind: "openai", BaseURL: server.URL + "/v1", Instance: "me", APIKey: provider.StaticKey(secret), OpenAI: provider.OpenAI{Responses: true}})
		c.x.Model, c.x.Body, c.x.Hops, c.x.Header = "m", []byte(body), []string{"other"}, http.Header{"Openai-Beta": {"x"}}
		r, err := p.Relay(t.Context(), &c.x)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		answer, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil || string(answer) != "as it is" || r.Status != c.status || r.Header.Get("X-Request-Id") != "req_1" || r.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s: answered %d %q %v, %v", name, r.Status, answer, r.Header, err)
		}
		if last.url != c.url || last.body != body || last.header.Get("Openai-Beta") != "x" || last.header.Get(provider.HopHeader) != "other, me" || last.header.Get("Authorization") != "Bearer "+secret {
			t.Errorf("%s: sent %+v", name, last)
		}
	}
}

func TestRelayRefusesOtherDialects(t *testing.T) {
	t.Parallel()
	p := connect(t, provider.Config{Kind: "openai", BaseURL: "http://127.0.0.1:1"})
	for _, x := range []model.Exchange{
		{Dialect: model.DialectOpenAIResponses, Operation: "responses"}, {Dialect: model.DialectAnthropic, Operation: "messages"},
		{Dialect: model.DialectAnthropic, Operation: "chat"}, {Dialect: model.DialectOpenAIChat, Operation: "invoke"},
	} {
		_, err := p.Relay(t.Context(), &x)
		if e := model.AsError(err); e == nil || e.Kind != model.Unsupported {
			t.Errorf("%+v: got %v, want it unsupported", x, err)
		}
	}
}

func TestConfiguredModels(t *testing.T) {
	t.Parallel()
	p := connect(t, provider.Config{Name: "up", Kind: "openai", BaseURL: "http://127.0.0.1:1", Models: []string{"a", "b"}})
	cards, err := p.Models(t.Context())
	if err != nil || len(cards) != 2 || cards[1].ID != "b" || cards[1].Upstream != "up" {
		t.Errorf("got %+v, %v", cards, err)
	}
}

func TestModelsNameTheirUpstream(t *testing.T) {
	t.Parallel()
	server := newLoopback(t)
	cards, err := connect(t, provider.Config{Name: "up", Kind: "openai", BaseURL: server.URL + "/v1"}).Models(t.Context())
	if err != nil || len(cards) != 2 || cards[0].ID != script.ChatModel || cards[0].Upstream != "up" {
		t.Errorf("got %+v, %v", cards, err)
	}
}

func TestBadQuirk(t *testing.T) {
	t.Parallel()
	_, err := openai.New(provider.Config{Kind: "openai", OpenAI: provider.OpenAI{MaxTokensName: "tokens"}})
	if e := model.AsError(err); e == nil || e.Kind != model.Invalid || e.Subject != "max_tokens_name" {
		t.Errorf("got %v", err)
	}
}
