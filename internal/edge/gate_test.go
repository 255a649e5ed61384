package edge_test

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/edge"
	"github.com/craton-ai/craton/internal/edge/edgetest"
	"github.com/craton-ai/craton/internal/gateway"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
)

const hello = `{"model":"script/script-chat","messages":[{"role":"user","content":"Hello"}]}`

// TestHosts refuses names that a browser could have been made to use for this
// address, in the shape of the contract that the path belongs to.
func TestHosts(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{Edge: func(o *edge.Options) { o.Hosts = []string{"AI.example.com", "*.craton.test"} }})
	var list []edgetest.Scenario
	for _, host := range []string{"localhost", "LOCALHOST:8420", "127.0.0.1:1", "127.8.8.8", "[::1]:8420", "[::1]", "a.localhost", "localhost.",
		"ai.example.com", "Ai.Example.Com:443", "x.craton.test", "x.y.craton.test:8420"} {
		list = append(list, edgetest.Scenario{Name: host, Method: http.MethodGet, Path: "/v1/models", Host: host})
	}
	for _, host := range []string{"evil.example", "ai.example.com.evil.example", "craton.test", "10.0.0.1", "[::2]:80", "0.0.0.0:8420", "localhost.evil.example", "127.0.0.1.evil.example"} {
		for path, shape := range map[string]string{"/v1/models": `{"error":{"message":`, "/v1/messages": `{"type":"error",`,
			"/model/x/converse": `{"__type":"ValidationException"`, "/anthropic/v1/models": `"request_id":"`} {
			list = append(list, edgetest.Scenario{Name: host + path, Method: http.MethodGet, Path: path, Host: host, Status: http.StatusMisdirectedRequest,
				Want: []string{shape, "hosts"}})
		}
	}
	w.Run(t, list)
}

func TestBrowsers(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{})
	preflight := func(origin string) edgetest.Scenario {
		return edgetest.Scenario{Name: "preflight from " + origin, Method: http.MethodOptions, Path: "/v1/chat/completions", As: edgetest.Nobody,
			Header: map[string]string{"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization, content-type"},
			Status: http.StatusNoContent}
	}
	good, bad := preflight("https://app.example.com"), preflight("https://evil.example")
	good.WantHeader = map[string]string{"Access-Control-Allow-Origin": "https://app.example.com", "Access-Control-Allow-Methods": "*",
		"Access-Control-Allow-Headers": "authorization, content-type", "Vary": "Origin", "Access-Control-Allow-Credentials": ""}
	bad.WantHeader = map[string]string{"Access-Control-Allow-Origin": "", "Access-Control-Allow-Methods": "", "Vary": "Origin"}
	w.Run(t, []edgetest.Scenario{good, bad,
		{Name: "an allowed origin reads", Method: http.MethodGet, Path: "/v1/models", Header: map[string]string{"Origin": "https://app.example.com"},
			WantHeader: map[string]string{"Access-Control-Allow-Origin": "https://app.example.com", "Access-Control-Expose-Headers": "*"}},
		{Name: "another does not", Method: http.MethodGet, Path: "/v1/models", Header: map[string]string{"Origin": "https://evil.example"},
			WantHeader: map[string]string{"Access-Control-Allow-Origin": ""}},
		{Name: "an allowed origin needs a key all the same", Method: http.MethodGet, Path: "/v1/models", As: edgetest.Nobody, Status: 401,
			Header: map[string]string{"Origin": "https://app.example.com"}, WantHeader: map[string]string{"Access-Control-Allow-Origin": "*"}},
	})
}

// TestLoops answers 508 to requests that this server sent, whatever way they took.
func TestLoops(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{})
	hops := func(path, header, shape string, status int) edgetest.Scenario {
		return edgetest.Scenario{Name: path + " after " + header, Method: http.MethodPost, Path: path, Body: hello,
			Header: map[string]string{edge.HopHeader: header}, Status: status, Want: []string{shape}}
	}
	w.Run(t, []edgetest.Scenario{
		hops("/v1/chat/completions", "edgetest-instance", `"code":"loop_detected"`, 508),
		hops("/v1/chat/completions", "other, edgetest-instance", "base_url", 508),
		hops("/v1/messages", "edgetest-instance,other", `{"type":"error"`, 508),
		hops("/model/x/converse", "edgetest-instance", `{"__type":"ModelErrorException"`, 508),
		hops("/v1/chat/completions", "other", "You said", 200),
	})
}

// TestFullServer answers requests beyond its limit as overloaded, and frees
// the place of one whose client has left.
func TestFullServer(t *testing.T) {
	t.Parallel()
	endless, left := edgetest.Endless("endless")
	w := edgetest.New(t, edgetest.Options{Upstreams: []gateway.Upstream{endless}, Edge: func(o *edge.Options) { o.MaxConcurrent = 1 }})
	ctx, leave := context.WithCancel(t.Context())
	req := w.Request(t, &edgetest.Scenario{Method: http.MethodPost, Path: "/v1/chat/completions",
		Body: `{"model":"endless/m","stream":true,"messages":[{"role":"user","content":"Hello"}]}`})
	resp, err := w.Server.Client().Do(req.WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := resp.Body.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	w.Run(t, []edgetest.Scenario{
		{Name: "full", Method: http.MethodGet, Path: "/v1/models", Status: 429, Want: []string{"overloaded"}, WantHeader: map[string]string{"Retry-After": "1"}},
		{Name: "full for Amazon's clients", Method: http.MethodPost, Path: "/model/x/converse", Status: 429, Want: []string{"ThrottlingException"}},
	})
	leave()
	<-left
	edgetest.Eventually(t, "a free place", func() bool { return w.Handler.InFlight() == 0 })
	r := w.Record(t, resp.Header.Get("X-Request-Id"))
	if !r.Estimated || r.Tokens.Input == 0 || r.Tokens.Output == 0 || r.Status != 499 || r.CostNanoUSD == 0 {
		t.Errorf("what the client that left has used: %+v", r)
	}
	if a, ok := w.Access(r.RequestID); !ok || a.Model != "endless/m" || a.Upstream != "endless" || !a.Stream || a.Err == nil {
		t.Errorf("the access log says %+v", a)
	}
}

// TestAbandonedRequests meters clients that leave, in every contract.
func TestAbandonedRequests(t *testing.T) {
	t.Parallel()
	for _, c := range []*contract{chat(), messages(), converse()} {
		for _, stream := range []bool{true, false} {
			t.Run(c.name+map[bool]string{true: " stream"}[stream], func(t *testing.T) {
				t.Parallel()
				endless, left := edgetest.Endless("endless")
				w := edgetest.New(t, edgetest.Options{Upstreams: []gateway.Upstream{endless}})
				ctx, leave := context.WithCancel(t.Context())
				defer leave()
				req := w.Request(t, &edgetest.Scenario{Method: http.MethodPost, Path: c.path("endless/m", stream), Body: c.body("endless/m", "Hello", stream)})
				if stream {
					resp, err := w.Server.Client().Do(req.WithContext(ctx))
					if err != nil {
						t.Fatal(err)
					}
					defer resp.Body.Close()
				} else {
					go func() {
						edgetest.Eventually(t, "a request under way", func() bool { return w.Handler.InFlight() == 1 })
						leave()
					}()
					if resp, err := w.Server.Client().Do(req.WithContext(ctx)); err == nil {
						resp.Body.Close()
						t.Fatal("an endless answer ended")
					}
				}
				leave()
				<-left
				edgetest.Eventually(t, "a usage record", func() bool { return len(w.Usage(t, w.Root)) == 1 })
				if r := w.Usage(t, w.Root)[0]; !r.Estimated || r.Tokens.Output == 0 || r.Status != 499 {
					t.Errorf("recorded as %+v", r)
				}
			})
		}
	}
}

// TestTrustedProxies believes what a trusted proxy says of the client's host,
// which signatures cover, and what nobody else says.
func TestTrustedProxies(t *testing.T) {
	t.Parallel()
	for name, prefix := range map[string]string{"trusted": "127.0.0.0/8", "not trusted": "10.0.0.0/8"} {
		w := edgetest.New(t, edgetest.Options{Edge: func(o *edge.Options) {
			o.Hosts, o.TrustedProxies = []string{"ai.example.com"}, []netip.Prefix{netip.MustParsePrefix(prefix)}
		}})
		s := edgetest.Scenario{Name: name, Method: http.MethodPost, Path: "/model/script-chat/converse", As: "aws", Host: "ai.example.com",
			Body: `{"messages":[{"role":"user","content":[{"text":"Hello"}]}]}`,
			Sign: &edgetest.Signing{Tamper: func(r *http.Request) {
				r.Host = "127.0.0.1:9"
				r.Header.Set("X-Forwarded-Host", "ai.example.com")
				r.Header.Set("X-Forwarded-For", "198.51.100.1, 203.0.113.7")
			}},
			Then: func(t *testing.T, a *edgetest.Answer) {
				if line, _ := w.Access(a.Header.Get("X-Amzn-Requestid")); strings.HasPrefix(line.Remote, "203.0.113.7") != (name == "trusted") {
					t.Errorf("the access log says the client is %s", line.Remote)
				}
			}}
		if name != "trusted" {
			s.Status, s.Want = 403, []string{"InvalidSignatureException"}
		}
		w.Run(t, []edgetest.Scenario{s})
	}
}

// TestUnknownPaths names no operation that is not there, in the path's contract.
func TestUnknownPaths(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{})
	w.Run(t, []edgetest.Scenario{
		{Name: "root", Method: http.MethodGet, Path: "/", Status: 200, Want: []string{"/v1"}},
		{Name: "openai", Method: http.MethodGet, Path: "/v1/assistants", Status: 404, Want: []string{`{"error":{"message":"Unknown request URL`}},
		{Name: "openai without a key", Method: http.MethodGet, Path: "/v1/assistants", As: edgetest.Nobody, Status: 401},
		{Name: "wrong method", Method: http.MethodPut, Path: "/v1/chat/completions", Status: 404, Want: []string{"PUT"}},
		{Name: "anthropic", Method: http.MethodGet, Path: "/anthropic/v1/files", Status: 404, Want: []string{`{"type":"error"`, "not_found_error"}},
		{Name: "admin", Method: http.MethodGet, Path: "/admin/v1/nothing", Status: 404},
		{Name: "bedrock", Method: http.MethodPost, Path: "/model/x/nothing", As: "aws", Status: 404, Want: []string{"UnknownOperationException"}},
		{Name: "an operation that is not built", Method: http.MethodPost, Path: "/guardrail/abc/version/1/apply", As: "aws", Status: 400,
			Body: `{"source":"INPUT","content":[{"text":{"text":"x"}}]}`, Want: []string{"ValidationException", "ApplyGuardrail"}},
		{Name: "another Amazon service", Method: http.MethodGet, Path: "/2015-03-31/functions", As: "aws", Sign: &edgetest.Signing{Service: "lambda"},
			Status: 403, Want: []string{"InvalidSignatureException", "bedrock"}},
	})
}

// TestStrictMode refuses what would be lost on the way, and else reports it.
func TestStrictMode(t *testing.T) {
	t.Parallel()
	outer, _ := chained(t)
	ask := func(name, upstream string, status int, strict string, want, losses string) edgetest.Scenario {
		return edgetest.Scenario{Name: name, Method: http.MethodPost, Path: "/v1/messages", Header: map[string]string{edge.StrictHeader: strict}, Status: status,
			Body: `{"model":"` + upstream + `/script-chat","max_tokens":99,"messages":[{"role":"user","content":[{"type":"text","text":"Hello","cache_control":{"type":"ephemeral"}}]}]}`,
			Want: []string{want}, WantHeader: map[string]string{edge.LossHeader: losses}}
	}
	w := outer
	w.Run(t, []edgetest.Scenario{
		ask("a hint is lost and told", "openai", 200, "", "You said: Hello", "*"),
		ask("strict refuses it", "openai", 400, "true", "In strict mode nothing may be lost", ""),
		ask("nothing is lost on the way to its own kind", "anthropic", 200, "true", "You said: Hello", ""),
	})
	if r := w.Usage(t, w.Root); len(r) != 3 {
		t.Errorf("%d usage records of 3 requests: %+v", len(r), r)
	}
}

// TestLimits tells each contract's clients what is left, and refuses beyond it.
func TestLimits(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{Upstreams: []gateway.Upstream{edgetest.Failing("down", model.UpstreamDown)}})
	for _, name := range []string{"chat", "messages", "converse"} {
		w.AddKey(t, name, identity.KeySpec{Limits: identity.Limits{RequestsPerMinute: 2, TokensPerMinute: 10_000}})
		w.AddKey(t, name+" budget", identity.KeySpec{Budgets: identity.Budgets{DailyNanoUSD: 12_000}})
	}
	left := map[string]map[string]string{
		"chat":     {"X-Ratelimit-Limit-Requests": "2", "X-Ratelimit-Remaining-Requests": "1", "X-Ratelimit-Limit-Tokens": "10000", "X-Ratelimit-Remaining-Tokens": "*", "X-Ratelimit-Reset-Requests": "30s"},
		"messages": {"Anthropic-Ratelimit-Requests-Limit": "2", "Anthropic-Ratelimit-Requests-Remaining": "1", "Anthropic-Ratelimit-Requests-Reset": "2026-03-14T15:09:56Z", "Anthropic-Ratelimit-Tokens-Limit": "10000"},
		"converse": {"X-Ratelimit-Limit-Requests": ""},
	}
	spent := map[string]expect{"chat": {429, []string{"insufficient_quota"}}, "messages": {402, []string{"billing_error"}},
		"converse": {400, []string{"ServiceQuotaExceededException"}}}
	refused := map[string][]string{"chat": {"rate_limit_exceeded"}, "messages": {"rate_limit_error"}, "converse": {"ThrottlingException"}}
	for _, c := range []*contract{chat(), messages(), converse()} {
		ask := func(name, key string) edgetest.Scenario {
			return edgetest.Scenario{Name: c.name + " " + name, Method: http.MethodPost, Path: c.path(scriptModel, false), As: key, Body: c.body(scriptModel, "Hello", false)}
		}
		first, second, third := ask("first", c.name), ask("second", c.name), ask("third", c.name)
		first.WantHeader = left[c.name]
		third.Status, third.Want, third.WantHeader = 429, refused[c.name], map[string]string{"Retry-After": "30"}
		later := ask("later", c.name)
		broke := ask("budget", c.name+" budget")
		// An answer without a bound of its own could cost more than is left.
		broke.Body = strings.Replace(broke.Body, `"max_tokens":100`, `"max_tokens":100000`, 1)
		broke.Status, broke.Want = spent[c.name].status, append(spent[c.name].want, "budget")
		w.Run(t, []edgetest.Scenario{first, second, third, broke})
		w.Advance(time.Minute)
		w.Run(t, []edgetest.Scenario{later})
		w.Advance(-time.Minute)
	}
}

// TestConcurrency holds a key to its number of requests in flight.
func TestConcurrency(t *testing.T) {
	t.Parallel()
	endless, left := edgetest.Endless("endless")
	w := edgetest.New(t, edgetest.Options{Upstreams: []gateway.Upstream{endless}})
	w.AddKey(t, "one", identity.KeySpec{Limits: identity.Limits{Concurrent: 1}})
	ctx, leave := context.WithCancel(t.Context())
	req := w.Request(t, &edgetest.Scenario{Method: http.MethodPost, Path: "/v1/chat/completions", As: "one",
		Body: `{"model":"endless/m","stream":true,"messages":[{"role":"user","content":"Hello"}]}`})
	resp, err := w.Server.Client().Do(req.WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	second := edgetest.Scenario{Name: "a second", Method: http.MethodPost, Path: "/v1/chat/completions", As: "one", Body: hello}
	refused := second
	refused.Status, refused.Want = 429, []string{"rate_limit_exceeded"}
	w.Run(t, []edgetest.Scenario{refused})
	leave()
	<-left
	edgetest.Eventually(t, "a free place", func() bool { return w.Do(t, &second).Status == 200 })
}
