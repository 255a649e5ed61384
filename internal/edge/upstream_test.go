package edge_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/edge/edgetest"
	"github.com/craton-ai/craton/internal/gateway"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/provider"
	"github.com/craton-ai/craton/internal/provider/anthropic"
	"github.com/craton-ai/craton/internal/provider/bedrock"
	"github.com/craton-ai/craton/internal/provider/openai"
)

const upstreamKey = "sk-upstream-secret-0123456789"

// rude is an upstream server whose every answer is the handler's.
func rude(t *testing.T, answer http.HandlerFunc) *edgetest.World {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	cfg := func(kind string) provider.Config {
		return provider.Config{Name: kind, Kind: kind, BaseURL: server.URL, APIKey: provider.StaticKey(upstreamKey), Region: "eu-central-1"}
	}
	o, err := openai.New(cfg("openai"))
	if err != nil {
		t.Fatal(err)
	}
	a, err := anthropic.New(cfg("anthropic"))
	if err != nil {
		t.Fatal(err)
	}
	aws := cfg("bedrock")
	aws.APIKey, aws.AWS = provider.Key{}, provider.AWS{AccessKeyID: "AKIDUPSTREAM", SecretKey: provider.StaticKey(upstreamKey)}
	b, err := bedrock.New(aws)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.Close(); a.Close(); b.Close() })
	var upstreams []gateway.Upstream
	for kind, p := range map[string]model.Provider{"openai": o, "anthropic": a, "bedrock": b} {
		upstreams = append(upstreams, gateway.Upstream{Name: kind, Provider: p, Dialects: dialects[kind], Cards: []model.Card{{ID: "m",
			Capabilities: []model.Capability{model.CanChat, model.CanStream}}}})
	}
	return edgetest.New(t, edgetest.Options{NoScript: true, Upstreams: upstreams})
}

// TestUpstreamsWordsStayInside lets upstreams say what clients must not read:
// the server's key, whose account it is, and where it lives.
func TestUpstreamsWordsStayInside(t *testing.T) {
	t.Parallel()
	for _, status := range []int{401, 403, 500} {
		w := rude(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Openai-Organization", "org-secret")
			w.Header().Set("Set-Cookie", "session=secret")
			w.Header().Set("Server", "secret-server")
			w.WriteHeader(status)
			fmt.Fprintf(w, `{"type":"error","error":{"type":"authentication_error","message":"Incorrect API key provided: %s, of org-secret at 10.1.2.3"},"message":"key %s of account-secret"}`, upstreamKey, upstreamKey)
		})
		for _, c := range []*contract{chat(), messages(), converse()} {
			for _, kind := range []string{"openai", "anthropic", "bedrock"} {
				for _, stream := range []bool{false, true} {
					a := w.Do(t, &edgetest.Scenario{Method: http.MethodPost, Path: c.path(kind+"/m", stream), Body: c.body(kind+"/m", "Hello", stream)})
					if a.Status < 400 || a.Status == 401 || a.Status == 403 {
						t.Errorf("%d of %s to %s: status %d tells the client that its own key is wrong", status, c.name, kind, a.Status)
					}
					if all := a.Body + fmt.Sprint(a.Header); strings.Contains(all, "secret") || strings.Contains(all, "10.1.2.3") {
						t.Errorf("%d of %s to %s leaks: %s", status, c.name, kind, all)
					}
				}
			}
		}
	}
}

// TestUpstreamsThatTalkNonsense answers each contract's error.
func TestUpstreamsThatTalkNonsense(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{"html": "<html>welcome to sk-upstream-secret</html>", "truncated": `{"id":"x","choices":[{"message":{"role":"assist`, "empty": "", "another": `{"hello":1}`} {
		w := rude(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
		for _, c := range []*contract{chat(), messages(), converse()} {
			for _, kind := range []string{"openai", "anthropic", "bedrock"} {
				if kind == c.name || c.name == "chat" && kind == "openai" || c.name == "messages" && kind == "anthropic" {
					continue // the fast lane: whatever it is, it is passed on
				}
				a := w.Do(t, &edgetest.Scenario{Method: http.MethodPost, Path: c.path(kind+"/m", false), Body: c.body(kind+"/m", "Hello", false)})
				if e := c.faults["garbage"]; a.Status != e.status || !strings.Contains(a.Body, e.want[len(e.want)-1]) || strings.Contains(a.Body, "secret") {
					t.Errorf("%s, %s to %s: %d %s", name, c.name, kind, a.Status, a.Body)
				}
			}
		}
	}
}

const (
	openAIStart    = `data: {"id":"x","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":"one "}}]}` + "\n\n"
	anthropicStart = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"x\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[],\"model\":\"m\",\"usage\":{\"input_tokens\":7,\"output_tokens\":1}}}\n\n" +
		"event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n" +
		"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"one \"}}\n\n"
)

// TestUpstreamsThatBreakOff cuts streams in the middle: the client gets an
// error event of its contract, on either lane, and the bill says what was used.
func TestUpstreamsThatBreakOff(t *testing.T) {
	t.Parallel()
	w := rude(t, func(w http.ResponseWriter, r *http.Request) {
		start := openAIStart
		if strings.HasSuffix(r.URL.Path, "/messages") {
			start = anthropicStart
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, start)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	for _, c := range []*contract{chat(), messages(), converse()} {
		for _, kind := range []string{"openai", "anthropic"} {
			w.Run(t, []edgetest.Scenario{{Name: c.name + " to " + kind, Method: http.MethodPost, Path: c.path(kind+"/m", true), Body: c.body(kind+"/m", "Hello", true),
				Want: []string{"one ", map[string]string{"chat": `data: {"error":{`, "messages": "event: error\n", "converse": ":exception-type="}[c.name]},
				Not:  []string{"[DONE]", "message_stop\n", "messageStop", "EOF"},
				Then: func(t *testing.T, a *edgetest.Answer) {
					r := a.World.Record(t, a.Header.Get(c.requestID))
					if r.Status < 500 || r.Tokens.Input == 0 || r.Tokens.Output == 0 || r.Attempts != 1 {
						t.Errorf("recorded as %+v", r)
					}
				}}})
		}
	}
}
