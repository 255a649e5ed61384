package observe

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/craton-ai/craton/internal/guard/meter"
	"github.com/craton-ai/craton/internal/model"
)

const (
	scope = "github.com/craton-ai/craton"
	// DefaultSample is the share of requests traced.
	DefaultSample = 0.1
	// exportTimeout bounds one export, so that a dead collector cannot hold a stop up.
	exportTimeout = 5 * time.Second
)

// TelemetryConfig says where traces and metrics go.
type TelemetryConfig struct {
	// Endpoint is the collector's base URL (OTLP over HTTP), such as
	// "http://localhost:4318"; empty means that nothing is made or sent.
	Endpoint string
	// Sample is the share of requests traced that no caller decided about, 0..1.
	Sample float64
	// Version is the server's, Instance tells replicas apart.
	Version, Instance string
	// Failed is told of exports that failed; nil ignores them.
	Failed func(error)
}

// Telemetry makes OpenTelemetry traces and metrics with the GenAI attributes of
// the semantic conventions 1.41. Without an endpoint it does nothing and costs
// next to nothing. It is safe for concurrent use. Close it.
type Telemetry struct {
	tracer     trace.Tracer
	share      float64
	propagator propagation.TextMapPropagator
	metrics    *instruments
	closers    []func(context.Context) error
}

// NewTelemetry connects to nothing yet: exports begin with the first span.
func NewTelemetry(ctx context.Context, cfg TelemetryConfig) (*Telemetry, error) {
	t := &Telemetry{tracer: noop.NewTracerProvider().Tracer(scope), propagator: propagation.TraceContext{}}
	if cfg.Endpoint == "" {
		return t, nil
	}
	base := strings.TrimSuffix(cfg.Endpoint, "/")
	spans, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(base+"/v1/traces"), otlptracehttp.WithTimeout(exportTimeout))
	if err != nil {
		return nil, fmt.Errorf("observe.otlp: %w", err)
	}
	points, err := otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpointURL(base+"/v1/metrics"), otlpmetrichttp.WithTimeout(exportTimeout))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("observe.otlp: %w", err), spans.Shutdown(ctx))
	}
	return t, t.start(cfg, told{spans, cfg.Failed}, sdkmetric.NewPeriodicReader(points))
}

// start builds the providers on an exporter and a reader.
func (t *Telemetry) start(cfg TelemetryConfig, spans sdktrace.SpanExporter, points sdkmetric.Reader) error {
	about := resource.NewWithAttributes(semconv.SchemaURL, semconv.ServiceName("craton"),
		semconv.ServiceVersion(cfg.Version), semconv.ServiceInstanceID(cfg.Instance))
	tracers := sdktrace.NewTracerProvider(
		sdktrace.WithResource(about), sdktrace.WithBatcher(spans),
		sdktrace.WithSampler(sampler(cfg.Sample)))
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithResource(about), sdkmetric.WithReader(points),
		sdkmetric.WithExemplarFilter(exemplar.AlwaysOffFilter)) // nothing is measured within a trace
	t.tracer, t.share = tracers.Tracer(scope), cfg.Sample
	t.closers = append(t.closers, tracers.Shutdown, meters.Shutdown)
	var err error
	t.metrics, err = newInstruments(meters.Meter(scope))
	return err
}

// sampler samples a share of requests. A caller may ask for less by its trace's
// flag, but not for more: neither by the flag nor by choosing a trace id, which
// is why the draw is our own. Requests without a caller's trace were drawn
// before their span began.
func sampler(share float64) sdktrace.Sampler {
	return sdktrace.ParentBased(sdktrace.AlwaysSample(), sdktrace.WithRemoteParentSampled(draw{share}))
}

// draw samples at random.
type draw struct{ share float64 }

// ShouldSample implements the sampler.
func (d draw) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	decision := sdktrace.Drop
	if rand.Float64() < d.share {
		decision = sdktrace.RecordAndSample
	}
	return sdktrace.SamplingResult{Decision: decision, Tracestate: trace.SpanContextFromContext(p.ParentContext).TraceState()}
}

// Description implements the sampler.
func (d draw) Description() string { return fmt.Sprintf("draw{%g}", d.share) }

// told reports failed exports to the operator instead of to OpenTelemetry's global handler.
type told struct {
	sdktrace.SpanExporter
	failed func(error)
}

// ExportSpans implements the exporter.
func (e told) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := e.SpanExporter.ExportSpans(ctx, spans)
	if err != nil && e.failed != nil {
		e.failed(err)
		return nil
	}
	return err
}

// Close sends what waits and stops, within ctx.
func (t *Telemetry) Close(ctx context.Context) error {
	var errs []error
	for _, c := range t.closers {
		errs = append(errs, c(ctx))
	}
	return errors.Join(errs...)
}

// Operation is what a request asks for.
type Operation struct {
	// Name is "chat", "embeddings" or another of the edge's operations.
	Name string
	// Model is the name asked for.
	Model     string
	Dialect   string
	RequestID string
	Stream    bool
	// MaxTokens is the answer's bound; 0 when none was given.
	MaxTokens int
}

// Span is one traced request. A nil Span, and one that is not sampled, does nothing.
type Span struct{ span trace.Span }

// Begin starts a request's span, as a child of the caller's where header
// carries a trace context. The context carries it on.
func (t *Telemetry) Begin(ctx context.Context, header http.Header, op Operation) (context.Context, *Span) {
	if t.metrics == nil {
		return ctx, nil
	}
	ctx, drawn := t.draw(ctx, header)
	if !drawn {
		return ctx, nil
	}
	ctx, span := t.tracer.Start(ctx, op.Name+" "+op.Model, trace.WithSpanKind(trace.SpanKindServer))
	if !span.IsRecording() {
		return ctx, nil
	}
	span.SetAttributes(semconv.GenAIOperationNameKey.String(genAIOperation(op.Name)), semconv.GenAIRequestModel(op.Model),
		semconv.GenAIRequestStream(op.Stream), attribute.String("craton.dialect", op.Dialect), attribute.String("craton.request_id", op.RequestID))
	if op.MaxTokens > 0 {
		span.SetAttributes(semconv.GenAIRequestMaxTokens(op.MaxTokens))
	}
	return ctx, &Span{span}
}

// draw reads the caller's trace context, and draws where there is none: most
// requests are not traced and should cost nothing.
func (t *Telemetry) draw(ctx context.Context, header http.Header) (context.Context, bool) {
	if header.Get("Traceparent") != "" {
		ctx = t.propagator.Extract(ctx, propagation.HeaderCarrier(header))
	}
	return ctx, trace.SpanContextFromContext(ctx).IsValid() || rand.Float64() < t.share
}

// genAIOperation maps our operations to the conventions' names.
func genAIOperation(name string) string {
	if name == "embeddings" {
		return "embeddings"
	}
	return "chat"
}

// Inject adds the trace context of ctx to the headers of an upstream call.
func (t *Telemetry) Inject(ctx context.Context, header http.Header) {
	if t.metrics != nil {
		t.propagator.Inject(ctx, propagation.HeaderCarrier(header))
	}
}

// TraceID is the span's trace id in hex; empty when it is not sampled.
func (s *Span) TraceID() string {
	if s == nil {
		return ""
	}
	return s.span.SpanContext().TraceID().String()
}

// Attempt marks a call of an upstream.
func (s *Span) Attempt(upstream, name string) {
	if s != nil {
		s.span.AddEvent("upstream call", trace.WithAttributes(attribute.String("craton.upstream", upstream), semconv.GenAIResponseModel(name)))
	}
}

// First marks the first token.
func (s *Span) First() {
	if s != nil {
		s.span.AddEvent("first token")
	}
}

// Ended is what is known of a request at its end.
type Ended struct {
	Upstream, Vendor, Model, ResponseID string
	// Stops are why the choices ended.
	Stops []string
	// Usage is nil where none is known.
	Usage *model.Usage
	Err   error
}

// End closes the span.
func (s *Span) End(e Ended) {
	if s == nil {
		return
	}
	defer s.span.End()
	set := []attribute.KeyValue{attribute.String("craton.upstream", e.Upstream), provider(e.Vendor), semconv.GenAIResponseModel(e.Model)}
	if e.ResponseID != "" {
		set = append(set, semconv.GenAIResponseID(e.ResponseID))
	}
	if len(e.Stops) > 0 {
		set = append(set, semconv.GenAIResponseFinishReasons(e.Stops...))
	}
	if u := e.Usage; u != nil {
		set = append(set, semconv.GenAIUsageInputTokens(int(u.InputTotal())), semconv.GenAIUsageOutputTokens(int(u.Output)),
			semconv.GenAIUsageCacheReadInputTokens(int(u.CacheRead)),
			semconv.GenAIUsageCacheCreationInputTokens(int(u.CacheWrite5m+u.CacheWrite1h)),
			semconv.GenAIUsageReasoningOutputTokens(int(u.Reasoning)))
	}
	if e.Err != nil {
		err := model.AsError(e.Err)
		set = append(set, semconv.ErrorTypeKey.String(err.Kind.String()))
		s.span.SetStatus(codes.Error, err.Public())
	}
	s.span.SetAttributes(set...)
}

// providers are the conventions' names of vendors that differ from ours.
var providers = map[string]string{"amazon": "aws.bedrock", "google": "gcp.gemini", "mistral": "mistral_ai", "xai": "x_ai"}

func provider(vendor string) attribute.KeyValue {
	if name, ok := providers[vendor]; ok {
		vendor = name
	}
	return semconv.GenAIProviderNameKey.String(vendor)
}

// instruments are the conventions' GenAI metrics.
type instruments struct {
	models     bounded
	known      known[outcome, *measured]
	tokens     metric.Int64Histogram
	duration   metric.Float64Histogram
	firstToken metric.Float64Histogram
}

func newInstruments(m metric.Meter) (*instruments, error) {
	var errs [3]error
	i := &instruments{models: bounded{most: maxValues}}
	i.tokens, errs[0] = m.Int64Histogram("gen_ai.client.token.usage", metric.WithUnit("{token}"),
		metric.WithDescription("Tokens read and made by one request."),
		metric.WithExplicitBucketBoundaries(1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576))
	i.duration, errs[1] = m.Float64Histogram("gen_ai.server.request.duration", metric.WithUnit("s"),
		metric.WithDescription("From admission to the last byte."), metric.WithExplicitBucketBoundaries(seconds...))
	i.firstToken, errs[2] = m.Float64Histogram("gen_ai.server.time_to_first_token", metric.WithUnit("s"),
		metric.WithDescription("From admission to the first token."), metric.WithExplicitBucketBoundaries(seconds...))
	return i, errors.Join(errs[:]...)
}

// Finished records a finished request. The meter calls it on its own goroutine.
func (t *Telemetry) Finished(f *meter.Finished) {
	if t.metrics == nil || f.Upstream == "" {
		return
	}
	t.metrics.record(f)
}
