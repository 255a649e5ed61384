package edge_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/craton-ai/craton/internal/edge/edgetest"
	"github.com/craton-ai/craton/internal/gateway"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/provider"
	"github.com/craton-ai/craton/internal/provider/openai"
)

// serving is an OpenAI upstream with one model m, whose answers are the handler's.
func serving(t *testing.T, name string, quirks provider.OpenAI, answer http.HandlerFunc) gateway.Upstream {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	p, err := openai.New(provider.Config{Name: name, Kind: "openai", BaseURL: server.URL, APIKey: provider.StaticKey(upstreamKey), OpenAI: quirks})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return gateway.Upstream{Name: name, Provider: p, Dialects: dialects["openai"], Cards: []model.Card{{ID: "m",
		Capabilities: []model.Capability{model.CanChat, model.CanStream}}}}
}

const goodAnswer = `{"id":"x","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"good"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1}}`

// TestLanesJudgeRefusalsAlike has an upstream refuse in words that are not the
// client's to read: on either lane another one answers, and where there is
// none the words stay inside.
func TestLanesJudgeRefusalsAlike(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		body   string
		alone  int // what the client gets where nobody else can be asked
	}{
		"out of credit":      {402, `{"error":{"message":"Account 4711 of ops@example.com is out of credit"}}`, 502},
		"out of quota":       {400, `{"error":{"message":"Account 4711 spent it all","code":"insufficient_quota"}}`, 502},
		"no longer there":    {404, `{"error":{"message":"The model m does not exist","code":"model_not_found"}}`, 404},
		"moved":              {302, `Account 4711 lives elsewhere`, 502},
		"a key it took once": {400, `{"error":{"message":"Account 4711","code":"invalid_api_key"}}`, 502},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int64
			refuse := func(w http.ResponseWriter, _ *http.Request) {
				calls.Add(1)
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}
			w := edgetest.New(t, edgetest.Options{NoScript: true, Upstreams: []gateway.Upstream{
				serving(t, "bad", provider.OpenAI{}, refuse), serving(t, "alone", provider.OpenAI{}, refuse),
				serving(t, "good", provider.OpenAI{}, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, goodAnswer) }),
			}, Names: gateway.Names{Fallbacks: map[string][]string{"bad/m": {"good/m"}}}})
			for lane, header := range map[string]map[string]string{"fast": nil, "slow": {"X-Craton-Strict": "true"}} {
				ask := func(upstream string) *edgetest.Answer {
					calls.Store(0)
					return w.Do(t, &edgetest.Scenario{Method: http.MethodPost, Path: "/v1/chat/completions", Header: header,
						Body: `{"model":"` + upstream + `/m","messages":[{"role":"user","content":"hi"}]}`})
				}
				if a := ask("bad"); a.Status != 200 || !strings.Contains(a.Body, "good") || calls.Load() != 1 {
					t.Errorf("%s lane: %d %s after %d calls", lane, a.Status, a.Body, calls.Load())
				}
				if a := ask("alone"); a.Status != c.alone || strings.Contains(a.Body, "4711") {
					t.Errorf("%s lane, nobody else: %d %s", lane, a.Status, a.Body)
				}
			}
		})
	}
}

// TestFastLanePassesRefusals: what an upstream says of the client's request is
// the client's, byte for byte, and it is asked once.
func TestFastLanePassesRefusals(t *testing.T) {
	t.Parallel()
	const words = `{"error" :{"message":"temperature must be at most 2","type":"invalid_request_error","param":"temperature","odd":[1.0]}}`
	// Longer than what is read to judge it.
	for name, body := range map[string]string{"short": words, "long": words + strings.Repeat(" ", 2<<20)} {
		var calls atomic.Int64
		w := edgetest.New(t, edgetest.Options{NoScript: true, Upstreams: []gateway.Upstream{
			serving(t, "up", provider.OpenAI{}, func(w http.ResponseWriter, _ *http.Request) {
				calls.Add(1)
				w.WriteHeader(400)
				_, _ = io.WriteString(w, body)
			})}})
		a := w.Do(t, &edgetest.Scenario{Method: http.MethodPost, Path: "/v1/chat/completions", Body: `{"model":"up/m","messages":[{"role":"user","content":"hi"}]}`})
		if a.Status != 400 || a.Body != body || calls.Load() != 1 {
			t.Errorf("%s: %d, %d bytes after %d calls", name, a.Status, len(a.Body), calls.Load())
		}
		if r := w.Record(t, a.Header.Get("X-Request-Id")); r.Status != 400 || r.Attempts != 1 {
			t.Errorf("%s: recorded as %+v", name, r)
		}
	}
}

// TestQuirksHoldOnBothLanes: a server that knows older words only never reads
// newer ones, and gets what it knows as it is.
func TestQuirksHoldOnBothLanes(t *testing.T) {
	t.Parallel()
	const user = `{"role":"user","content":"a \"developer\" asks"}`
	for name, c := range map[string]struct {
		rest string
		// want is in what the server reads, or all of it where it passes.
		want string
	}{
		"bound":     {`"max_completion_tokens":7,"messages":[` + user + `]`, `"max_tokens":7`},
		"role":      {`"messages":[{"role":"developer","content":"be brief"},` + user + `]`, `"role":"system"`},
		"streamed":  {`"stream":true,"messages":[` + user + `]`, `"stream":true`},
		"old words": {`"max_tokens" :7,"messages":[` + user + `]`, `{"model":"m","max_tokens" :7,"messages":[` + user + `]}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			read := make(chan string, 2)
			w := edgetest.New(t, edgetest.Options{NoScript: true, Upstreams: []gateway.Upstream{
				serving(t, "old", provider.OpenAI{MaxTokensName: "max_tokens", NoDeveloperRole: true, NoStreamUsage: true}, func(w http.ResponseWriter, r *http.Request) {
					raw, _ := io.ReadAll(r.Body)
					read <- string(raw)
					w.Header().Set("Content-Type", "application/json")
					_, _ = io.WriteString(w, goodAnswer)
				})}})
			a := w.Do(t, &edgetest.Scenario{Method: http.MethodPost, Path: "/v1/chat/completions", Body: `{"model":"old/m",` + c.rest + `}`})
			got := <-read
			for _, unknown := range []string{`"max_completion_tokens"`, `"developer"`, `"stream_options"`} {
				if strings.Contains(got, unknown) {
					t.Errorf("the server reads %s", got)
				}
			}
			if a.Status != 200 || !strings.Contains(got, c.want) {
				t.Errorf("%d %s; the server reads %s", a.Status, a.Body, got)
			}
			if r := w.Record(t, a.Header.Get("X-Request-Id")); r.Attempts != 1 || r.Tokens.Input != 3 {
				t.Errorf("recorded as %+v", r)
			}
		})
	}
}
