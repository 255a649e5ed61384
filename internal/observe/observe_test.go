package observe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/craton-ai/craton/internal/guard/breaker"
	"github.com/craton-ai/craton/internal/guard/budget"
	"github.com/craton-ai/craton/internal/guard/limit"
	"github.com/craton-ai/craton/internal/guard/meter"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/usage"
)

func finished(modelName string) *meter.Finished {
	return &meter.Finished{CostKnown: true, Record: usage.Record{
		Model: modelName, Upstream: "up", Dialect: "openai.chat", Status: 200, LatencyMs: 1500, TTFTMs: 200,
		Tokens: usage.Tokens{Input: 100, CachedRead: 7, Output: 50, Reasoning: 20}, CostNanoUSD: 2_500_000_000,
	}}
}

func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	m := NewMetrics(Sources{
		Breakers:      func() map[string]breaker.State { return map[string]breaker.State{"up": breaker.Open} },
		Limits:        func() limit.Stats { return limit.Stats{Keys: 4, Waiting: 3} },
		Meter:         func() meter.Stats { return meter.Stats{Waiting: 9, Shed: 2, ShedNanoUSD: 5e8} },
		Budgets:       func() []budget.Exposure { return []budget.Exposure{{Leased: 3e9, Spent: 1e9, Reserved: 5e8}} },
		AccessDropped: func() int64 { return 6 },
		InFlight:      func() int64 { return 8 },
	})
	told := 0
	m.Also(func(*meter.Finished) { told++ })
	m.Finished(finished("m"))
	failed := finished("m")
	failed.Status, failed.Err = 502, model.Errorf(model.UpstreamDown, "", "down")
	m.Finished(failed)
	refused := finished("whatever the client typed")
	refused.Upstream, refused.Status = "", 404
	m.Finished(refused)
	text := scrape(t, m)
	for _, want := range []string{
		`craton_requests_total{dialect="openai.chat",model="m",status="200",upstream="up"} 1`,
		`craton_requests_total{dialect="openai.chat",model="",status="404",upstream=""} 1`,
		`craton_tokens_total{kind="cached_read",model="m",upstream="up"} 14`,
		`craton_cost_usd_total{model="m",upstream="up"} 5`,
		`craton_upstream_errors_total{kind="upstream down",upstream="up"} 1`,
		`craton_request_duration_seconds_sum{dialect="openai.chat",model="m",upstream="up"} 3`,
		`craton_time_to_first_token_seconds_bucket{model="m",upstream="up",le="0.25"} 2`,
		`craton_breaker_state{upstream="up"} 2`, `craton_queue_depth 3`, `craton_limited_keys 4`,
		`craton_usage_records_waiting 9`, `craton_usage_records_shed_total 2`, `craton_usage_records_shed_usd_total 0.5`,
		`craton_budget_leased_usd 2`, `craton_budget_reserved_usd 0.5`, `craton_access_log_dropped_total 6`,
		`craton_requests_in_flight 8`, `go_goroutines`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if strings.Contains(text, "typed") {
		t.Error("a client's text became a label")
	}
	if told != 3 {
		t.Errorf("Also was told of %d of 3", told)
	}
}

func TestLabelsAreBounded(t *testing.T) {
	t.Parallel()
	m := NewMetrics(Sources{})
	for i := range 3 * maxValues {
		m.Finished(finished(fmt.Sprint("model-", i)))
	}
	text := scrape(t, m)
	if n := strings.Count(text, "\ncraton_requests_total{"); n != maxValues+1 {
		t.Errorf("%d series, want %d and one for the rest", n, maxValues)
	}
	if !strings.Contains(text, fmt.Sprintf(`model="other",status="200",upstream="up"} %d`, 2*maxValues)) {
		t.Error("the rest is not counted as other")
	}
}

// sink is a writer that can be held up.
type sink struct {
	mu   sync.Mutex
	hold chan struct{}
	text strings.Builder
	err  error
}

func (s *sink) Write(p []byte) (int, error) {
	if s.hold != nil {
		<-s.hold
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	return s.text.Write(p)
}

func (s *sink) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func TestAccessLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := &sink{}
		l := NewAccessLog(out)
		l.Log(Access{At: time.Now(), RequestID: "r1", Method: "POST", Path: "/v1/x", Status: 200, Bytes: 5, Duration: 1500 * time.Microsecond,
			Stream: true, Dialect: "d", Tenant: "t", KeyID: "k", Model: "m", Upstream: "u", TraceID: "abc"})
		<-time.After(accessInterval + time.Millisecond)
		synctest.Wait()
		var line map[string]any
		if err := json.Unmarshal([]byte(out.String()), &line); err != nil {
			t.Fatalf("%q: %v", out.String(), err)
		}
		for key, want := range map[string]any{"request_id": "r1", "status": 200.0, "duration_ms": 1.5, "stream": true, "key": "k", "trace_id": "abc", "level": "INFO"} {
			if line[key] != want {
				t.Errorf("%s is %v, want %v", key, line[key], want)
			}
		}
		if _, ok := line["err"]; ok || line["remote"] != nil {
			t.Errorf("empty fields are written: %v", line)
		}
		l.Log(Access{RequestID: "r2", Status: 502, Err: errors.New("broken\npipe")})
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if text := out.String(); strings.Count(text, "\n") != 2 || !strings.Contains(text, `"level":"ERROR"`) {
			t.Errorf("after the stop the log is %s", text)
		}
	})
}

func TestAccessLogNeverBlocks(t *testing.T) {
	t.Parallel()
	out := &sink{hold: make(chan struct{})}
	l := NewAccessLog(out)
	const lines = accessBuffer / 50
	for range lines {
		l.Log(Access{Path: strings.Repeat("x", 200), Status: 200})
	}
	dropped := l.Dropped()
	if dropped == 0 {
		t.Error("a writer that stands still dropped nothing")
	}
	close(out.hold)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if got := int64(strings.Count(out.String(), "\n")); got+dropped != lines {
		t.Errorf("%d written and %d dropped of %d", got, dropped, lines)
	}
}

func TestAccessLogTellsOfAFailedWriter(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	l := NewAccessLog(&sink{err: full})
	l.Log(Access{})
	if err := l.Close(); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
}

// traced is a Telemetry that keeps what it makes.
func traced(t *testing.T, sample float64) (*Telemetry, *tracetest.InMemoryExporter, *sdkmetric.ManualReader) {
	t.Helper()
	tel, err := NewTelemetry(t.Context(), TelemetryConfig{})
	if err != nil {
		t.Fatal(err)
	}
	spans, points := tracetest.NewInMemoryExporter(), sdkmetric.NewManualReader()
	if err := tel.start(TelemetryConfig{Sample: sample, Version: "v", Instance: "i"}, keeping{spans}, points); err != nil {
		t.Fatal(err)
	}
	return tel, spans, points
}

// keeping keeps spans beyond the stop, which empties the exporter.
type keeping struct{ *tracetest.InMemoryExporter }

func (keeping) Shutdown(context.Context) error { return nil }

func TestSpans(t *testing.T) {
	t.Parallel()
	tel, spans, _ := traced(t, 1)
	caller := http.Header{"Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}
	ctx, span := tel.Begin(t.Context(), caller, Operation{Name: "responses", Model: "gpt", Dialect: "d", RequestID: "r", Stream: true, MaxTokens: 9})
	if span.TraceID() != "0af7651916cd43dd8448eb211c80319c" {
		t.Errorf("trace id %q is not the caller's", span.TraceID())
	}
	onward := http.Header{}
	if tel.Inject(ctx, onward); !strings.Contains(onward.Get("Traceparent"), span.TraceID()) {
		t.Errorf("the upstream gets %v", onward)
	}
	span.Attempt("up", "m")
	span.First()
	span.End(Ended{Upstream: "up", Vendor: "amazon", Model: "m", ResponseID: "id", Stops: []string{"end_turn"},
		Usage: &model.Usage{Input: 10, CacheRead: 5, Output: 7, Reasoning: 3}, Err: model.Errorf(model.Timeout, "", "slow")})
	none, _, _ := traced(t, 0)
	for _, header := range []http.Header{{}, caller} { // a caller cannot ask for more than our share
		_, unsampled := none.Begin(t.Context(), header, Operation{Name: "chat"})
		unsampled.First()
		unsampled.End(Ended{})
		if unsampled.TraceID() != "" {
			t.Error("with a share of 0 a request is traced", header)
		}
	}
	caller.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")
	if _, refused := tel.Begin(t.Context(), caller, Operation{Name: "chat"}); refused.TraceID() != "" {
		t.Error("a caller that wants no trace gets one")
	}
	if err := tel.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := spans.GetSpans()
	if len(got) != 1 || got[0].Name != "responses gpt" || len(got[0].Events) != 2 {
		t.Fatalf("spans %+v", got)
	}
	attrs := map[attribute.Key]any{}
	for _, a := range got[0].Attributes {
		attrs[a.Key] = a.Value.AsInterface()
	}
	for key, want := range map[attribute.Key]any{
		"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt", "gen_ai.provider.name": "aws.bedrock", "gen_ai.request.max_tokens": int64(9),
		"gen_ai.usage.input_tokens": int64(15), "gen_ai.usage.output_tokens": int64(7), "gen_ai.usage.cache_read.input_tokens": int64(5),
		"gen_ai.response.id": "id", "error.type": "timeout",
	} {
		if attrs[key] != want {
			t.Errorf("%s is %v, want %v", key, attrs[key], want)
		}
	}
}

func TestOTelMetrics(t *testing.T) {
	t.Parallel()
	tel, _, points := traced(t, 1)
	tel.Finished(finished("m"))
	nobody := finished("m")
	nobody.Upstream = ""
	tel.Finished(nobody)
	var all metricdata.ResourceMetrics
	if err := points.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	sums := map[string]float64{}
	for _, m := range all.ScopeMetrics[0].Metrics {
		switch d := m.Data.(type) {
		case metricdata.Histogram[int64]:
			for _, p := range d.DataPoints {
				kind, _ := p.Attributes.Value("gen_ai.token.type")
				sums[m.Name+" "+kind.AsString()] += float64(p.Sum)
			}
		case metricdata.Histogram[float64]:
			for _, p := range d.DataPoints {
				sums[m.Name] += p.Sum
			}
		}
	}
	for name, want := range map[string]float64{
		"gen_ai.client.token.usage input": 107, "gen_ai.client.token.usage output": 70,
		"gen_ai.server.request.duration": 1.5, "gen_ai.server.time_to_first_token": 0.2,
	} {
		if sums[name] != want {
			t.Errorf("%s is %v, want %v (of %v)", name, sums[name], want, sums)
		}
	}
}

// TestOTLPReachesACollector sends to a collector on loopback.
func TestOTLPReachesACollector(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	got := map[string]int{}
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		mu.Lock()
		defer mu.Unlock()
		got[r.URL.Path] += int(n)
	}))
	defer collector.Close()
	tel, err := NewTelemetry(t.Context(), TelemetryConfig{Endpoint: collector.URL + "/", Sample: 1})
	if err != nil {
		t.Fatal(err)
	}
	_, span := tel.Begin(t.Context(), nil, Operation{Name: "chat", Model: "m"})
	span.End(Ended{})
	tel.Finished(finished("m"))
	if err := tel.Close(t.Context()); err != nil {
		t.Error(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if got["/v1/traces"] == 0 || got["/v1/metrics"] == 0 {
		t.Errorf("the collector got %v", got)
	}
}

func TestADeadCollectorIsToldNotFatal(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	failures := 0
	collector := httptest.NewServer(http.NotFoundHandler())
	defer collector.Close()
	tel, err := NewTelemetry(t.Context(), TelemetryConfig{Endpoint: collector.URL, Sample: 1,
		Failed: func(error) { mu.Lock(); failures++; mu.Unlock() }})
	if err != nil {
		t.Fatal(err)
	}
	_, span := tel.Begin(t.Context(), nil, Operation{Name: "chat"})
	span.End(Ended{})
	_ = tel.Close(t.Context()) // the metrics' failure is told here
	mu.Lock()
	defer mu.Unlock()
	if failures == 0 {
		t.Error("a failed export was told to nobody")
	}
}

func TestWithoutAnEndpointNothingHappens(t *testing.T) {
	t.Parallel()
	tel, err := NewTelemetry(t.Context(), TelemetryConfig{Sample: 1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, span := tel.Begin(t.Context(), http.Header{}, Operation{Name: "chat"})
	if ctx != t.Context() || span != nil {
		t.Error("a span was made")
	}
	span.Attempt("", "")
	span.End(Ended{})
	tel.Finished(finished("m"))
	if err := tel.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func BenchmarkFinished(b *testing.B) {
	m, f := NewMetrics(Sources{}), finished("m")
	b.ReportAllocs()
	for b.Loop() {
		m.Finished(f)
	}
}

func BenchmarkAccessLog(b *testing.B) {
	l := NewAccessLog(io.Discard)
	defer l.Close()
	a := Access{At: time.Now(), RequestID: "r", Method: "POST", Path: "/v1/chat/completions", Status: 200, Model: "m", Upstream: "u", Tenant: "t", KeyID: "k"}
	b.ReportAllocs()
	for b.Loop() {
		l.Log(a)
	}
}
