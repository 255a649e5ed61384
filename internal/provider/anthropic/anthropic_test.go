package anthropic_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/provider"
	"github.com/craton-ai/craton/internal/provider/script"
)

const secret = "sk-ant-hush"

// saw is what a server was sent.
type saw struct {
	url    string
	header http.Header
	body   string
}

func capture(t *testing.T, status int, answer string) (*httptest.Server, *saw) {
	t.Helper()
	last := &saw{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		*last = saw{r.URL.RequestURI(), r.Header, string(body)}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Request-Id", "req_1")
		w.Header().Set("Anthropic-Organization-Id", "private")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(s.Close)
	return s, last
}

func TestRelay(t *testing.T) {
	t.Parallel()
	body := `{"model":"m","strange" : 1}`
	for operation, url := range map[string]string{"messages": "/v1/messages", "count_tokens": "/v1/messages/count_tokens"} {
		server, last := capture(t, 529, "as it is")
		p := connect(t, provider.Config{BaseURL: server.URL + "/v1", Instance: "me", APIKey: provider.StaticKey(secret)})
		r, err := p.Relay(t.Context(), &model.Exchange{
			Dialect: model.DialectAnthropic, Operation: operation, Body: []byte(body), Hops: []string{"other"},
			Header: http.Header{"anthropic-beta": {"x", "y"}, "Anthropic-Version": {"2099-01-01"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil || string(answer) != "as it is" || r.Status != 529 || r.Header.Get("Request-Id") != "req_1" || r.Header.Get("Anthropic-Organization-Id") != "" {
			t.Errorf("%s: answered %d %q %v, %v", operation, r.Status, answer, r.Header, err)
		}
		h := last.header
		if last.url != url || last.body != body || len(h["Anthropic-Beta"]) != 2 || h.Get("Anthropic-Version") != "2099-01-01" ||
			h.Get("X-Api-Key") != secret || h.Get(provider.HopHeader) != "other, me" {
			t.Errorf("%s: sent %+v", operation, last)
		}
	}
	_, err := connect(t, provider.Config{}).Relay(t.Context(), &model.Exchange{Dialect: model.DialectOpenAIChat, Operation: "chat"})
	if e := model.AsError(err); e == nil || e.Kind != model.Unsupported {
		t.Errorf("another dialect: got %v, want it unsupported", err)
	}
}

func TestErrorsHideTheKey(t *testing.T) {
	t.Parallel()
	server, last := capture(t, 401, `{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key `+secret+`"}}`)
	p := connect(t, provider.Config{BaseURL: server.URL, APIKey: provider.StaticKey(secret)})
	_, err := p.Generate(t.Context(), &model.Request{Model: "m", Messages: []model.Message{model.UserText("hello")}})
	e := model.AsError(err)
	if e == nil || e.Kind != model.UpstreamDenied || strings.Contains(e.Public(), secret) {
		t.Errorf("got %v, saying %q", err, e.Public())
	}
	if last.header.Get("Anthropic-Version") != "2023-06-01" {
		t.Errorf("sent %v, want the contract's version", last.header)
	}
}

func TestMajorLossesAreRefused(t *testing.T) {
	t.Parallel()
	server, last := capture(t, 200, "{}")
	p := connect(t, provider.Config{BaseURL: server.URL})
	_, err := p.Generate(t.Context(), &model.Request{Model: "m", N: 2, Messages: []model.Message{model.UserText("hello")}})
	if e := model.AsError(err); e == nil || e.Kind != model.Unsupported || last.url != "" {
		t.Errorf("got %v after a request to %q, want a refusal before any", err, last.url)
	}
}

func TestModelsArePaged(t *testing.T) {
	t.Parallel()
	server := newLoopback(t)
	cards, err := connect(t, provider.Config{Name: "up", BaseURL: server.URL}).Models(t.Context())
	if err != nil || len(cards) != 2 || cards[1].ID != script.EmbedModel || cards[1].Upstream != "up" {
		t.Errorf("got %+v, %v; want both pages", cards, err)
	}
}
