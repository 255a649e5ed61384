package edge_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/craton-ai/craton/internal/edge/edgetest"
	"github.com/craton-ai/craton/internal/gateway"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/provider"
	"github.com/craton-ai/craton/internal/provider/anthropic"
	"github.com/craton-ai/craton/internal/provider/openai"
	"github.com/craton-ai/craton/internal/provider/script"
	"github.com/craton-ai/craton/internal/usage"
)

// corpus is a request of each sort, in the hub's words.
func corpus() map[string]*model.Request {
	limit := 40
	weather := model.Tool{Name: "get_weather", Description: "The weather of a city.",
		Schema: []byte(`{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}`)}
	call := model.Message{Role: model.RoleAssistant, Parts: []model.Part{&model.ToolCall{ID: "call_1", Name: "get_weather", Arguments: `{"city":"Oslo"}`}}}
	result := model.Message{Role: model.RoleUser, Parts: []model.Part{&model.ToolResult{CallID: "call_1", Content: []model.Part{&model.Text{Text: "rain"}}}}}
	ask := func(texts ...string) *model.Request {
		r := &model.Request{MaxTokens: &limit}
		for i, text := range texts {
			m := model.UserText(text)
			if i%2 == 1 {
				m.Role = model.RoleAssistant
			}
			r.Messages = append(r.Messages, m)
		}
		return r
	}
	all := map[string]*model.Request{
		"text": ask("Hello there"), "turns": ask("My name is Ada", "Nice", "What is my name?"), "unicode": ask("Say grüß dich 世界 🌍"),
		"cut": ask("count to 50"), "tool": ask("What is the weather in Oslo?"), "result": ask("What is the weather in Oslo?"),
		"schema": ask("Give me a city"), "refused": ask("fail 400"), "limited": ask("fail 429"), "broken": ask("fail 500"),
		"late": ask("fail 500 after 3"), "cool": ask("Hello"),
	}
	all["tool"].Tools = []model.Tool{weather}
	all["result"].Tools = []model.Tool{weather}
	all["result"].Messages = append(all["result"].Messages, call, result)
	all["schema"].Format = &model.Format{Kind: model.FormatSchema, Name: "city", Schema: weather.Schema}
	all["cool"].Temperature = new(float64)
	return all
}

// outcome is what a client sees of an answer.
type outcome struct {
	Response *model.Response
	Kind     model.Kind
	Message  string
}

func ask(t *testing.T, p model.Provider, req *model.Request) outcome {
	t.Helper()
	s, err := p.Generate(t.Context(), req)
	var r *model.Response
	if err == nil {
		r, err = model.Collect(s)
	}
	if err != nil {
		return outcome{Kind: model.AsError(err).Kind, Message: model.AsError(err).Public()}
	}
	return outcome{Response: r}
}

// TestLanesAreIndistinguishable sends the same requests down either lane, and
// compares what the client sees and what is written into its bill.
func TestLanesAreIndistinguishable(t *testing.T) {
	t.Parallel()
	outer, _ := chained(t)
	for _, kind := range []string{"openai", "anthropic"} {
		fast, slow := client(t, outer, kind, nil), client(t, outer, kind, map[string]string{"X-Craton-Strict": "true"})
		for name, req := range corpus() {
			for _, stream := range []bool{false, true} {
				t.Run(kind+" "+name+map[bool]string{true: " stream"}[stream], func(t *testing.T) {
					r := *req
					r.Model, r.Stream = kind+"/script-chat", stream
					before := len(outer.Usage(t, outer.Root))
					got := ask(t, fast, &r)
					records := settled(t, outer, before+1)
					want := ask(t, slow, &r)
					records = settled(t, outer, len(records)+1)
					// Ids are made anew.
					if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(model.Response{}, "ID", "Created")); diff != "" {
						t.Errorf("the client sees (-slow +fast):\n%s", diff)
					}
					billed := records[len(records)-2:]
					if name == "limited" || name == "broken" || name == "late" && !stream {
						billed[1].Attempts++ // the fast lane's own, before the slow one mends what it can
					}
					if name == "late" && stream {
						// Nobody said what was used; the lanes estimate it from different things.
						billed[0].Tokens, billed[0].CostNanoUSD = billed[1].Tokens, billed[1].CostNanoUSD
					}
					if diff := cmp.Diff(billed[1], billed[0], cmpopts.IgnoreFields(usage.Record{}, "ID", "At", "RequestID", "LatencyMs", "TTFTMs")); diff != "" {
						t.Errorf("the usage records say (-slow +fast):\n%s", diff)
					}
				})
			}
		}
	}
}

// settled waits for the n-th usage record and returns all by time of writing.
func settled(t *testing.T, w *edgetest.World, n int) []usage.Record {
	t.Helper()
	edgetest.Eventually(t, "a usage record", func() bool { return len(w.Usage(t, w.Root)) >= n })
	records := w.Usage(t, w.Root)
	slices.SortFunc(records, func(a, b usage.Record) int { return a.At.Compare(b.At) })
	w.Advance(time.Second) // so that the next one has a later time
	return records
}

// tape stands between two servers and keeps what passed.
type tape struct {
	mu             sync.Mutex
	asked, answers [][]byte
	URL            string
}

func newTape(t *testing.T, to string) *tape {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	tp := &tape{}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.FlushInterval = -1
	proxy.ModifyResponse = func(r *http.Response) error {
		raw, err := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(raw))
		tp.mu.Lock()
		defer tp.mu.Unlock()
		tp.answers = append(tp.answers, raw)
		return err
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(raw))
		tp.mu.Lock()
		tp.asked = append(tp.asked, raw)
		tp.mu.Unlock()
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	tp.URL = server.URL
	return tp
}

func (tp *tape) last() (asked, answer string) {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	return string(tp.asked[len(tp.asked)-1]), string(tp.answers[len(tp.answers)-1])
}

// TestFastLanePassesBytes holds what the client sent and got against what
// passed between the server and its upstream.
func TestFastLanePassesBytes(t *testing.T) {
	t.Parallel()
	inner := edgetest.New(t, edgetest.Options{})
	tp := newTape(t, inner.URL)
	key := provider.StaticKey(inner.Key("").Token)
	oa, err := openai.New(provider.Config{Name: "oa", Kind: "openai", BaseURL: tp.URL + "/v1", APIKey: key})
	if err != nil {
		t.Fatal(err)
	}
	an, err := anthropic.New(provider.Config{Name: "an", Kind: "anthropic", BaseURL: tp.URL, APIKey: key})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { oa.Close(); an.Close() })
	w := edgetest.New(t, edgetest.Options{NoScript: true, Upstreams: []gateway.Upstream{
		{Name: "oa", Provider: oa, Dialects: dialects["openai"], Cards: script.Cards()},
		{Name: "an", Provider: an, Dialects: dialects["anthropic"], Cards: script.Cards()},
	}})
	const odd = `{ "messages" :[{"role":"user","content":"Say \u00fc\/ hi"}],` + "\n\t" + `"unknown_member":{"a":[1.0,1e2]},"model": "MODEL" , "max_tokens":9`
	for _, c := range []struct{ name, path, upstream, rest, added string }{
		{"chat", "/v1/chat/completions", "oa", `}`, ""},
		{"chat stream with usage", "/v1/chat/completions", "oa", `,"stream":true,"stream_options":{"include_usage":true}}`, ""},
		{"chat stream", "/v1/chat/completions", "oa", `,"stream":true}`, `"stream_options":{"include_usage":true},`},
		{"messages", "/v1/messages", "an", `}`, ""},
		{"messages stream", "/v1/messages", "an", `,"stream":true}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := func(model string) string { return strings.Replace(odd+c.rest, "MODEL", model, 1) }
			a := w.Do(t, &edgetest.Scenario{Method: http.MethodPost, Path: c.path, Body: body(c.upstream + "/script-chat")})
			asked, answer := tp.last()
			if want := strings.Replace(body("script-chat"), "{", "{"+c.added, 1); asked != want {
				t.Errorf("the upstream was asked\n%s\nwant\n%s", asked, want)
			}
			if c.added == "" {
				if a.Body != answer {
					t.Errorf("the client got\n%s\nwant\n%s", a.Body, answer)
				}
			} else if strings.Contains(a.Body, "prompt_tokens") || !strings.Contains(answer, "prompt_tokens") || !strings.Contains(a.Body, "hi") || !strings.HasSuffix(a.Body, "data: [DONE]\n\n") {
				t.Errorf("a client that did not ask for usage got\n%s\nof\n%s", a.Body, answer)
			}
			if r := w.Record(t, a.Header.Get("X-Request-Id")); r.Tokens.Input == 0 || r.Tokens.Output == 0 || r.Estimated {
				t.Errorf("usage was not read off the answer: %+v", r)
			}
		})
	}
}

// cutOff relays an answer whose body fails after its first byte.
type cutOff struct {
	edgetest.Stub
	err error
}

func (c *cutOff) Relay(context.Context, *model.Exchange) (*model.Relayed, error) {
	header := http.Header{"Content-Type": {"application/json"}}
	return &model.Relayed{Status: 200, Header: header, Body: io.NopCloser(io.MultiReader(strings.NewReader("{"), iotest.ErrReader(c.err)))}, nil
}

// TestFastLaneTellsWhyAnswersEnd: a guard's error is told and recorded as its
// own, and any other as the upstream's.
func TestFastLaneTellsWhyAnswersEnd(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err    error
		status int
	}{
		"slow": {&model.Error{Kind: model.Timeout, Message: "It paused for too long."}, 504}, "gone": {io.ErrUnexpectedEOF, 502},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := edgetest.New(t, edgetest.Options{NoScript: true, Upstreams: []gateway.Upstream{
				{Name: "up", Provider: &cutOff{err: c.err}, Dialects: dialects["openai"], Cards: script.Cards()},
			}})
			body := `{"model":"up/script-chat","messages":[{"role":"user","content":"hi"}]`
			whole := w.Do(t, &edgetest.Scenario{Method: http.MethodPost, Path: "/v1/chat/completions", Body: body + "}"})
			stream := w.Do(t, &edgetest.Scenario{Method: http.MethodPost, Path: "/v1/chat/completions", Body: body + `,"stream":true}`})
			if whole.Status < 500 || stream.Status != 200 || !strings.Contains(stream.Body, `data: {"error":`) {
				t.Errorf("the client got %d %s and %s", whole.Status, whole.Body, stream.Body)
			}
			for _, a := range []*edgetest.Answer{whole, stream} {
				if r := w.Record(t, a.Header.Get("X-Request-Id")); r.Status != c.status {
					t.Errorf("recorded as %d, want %d", r.Status, c.status)
				}
			}
		})
	}
}
