package observe

import (
	"context"
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"

	"github.com/craton-ai/craton/internal/guard/meter"
)

// maxSeries bounds how many series are remembered; further ones are looked up
// by their labels each time, which is slow but right.
const maxSeries = 4096

// known remembers what was looked up or made for a key, up to maxSeries.
type known[K comparable, V any] struct {
	mu  sync.RWMutex
	all map[K]V
}

// of returns the value of a key, made if need be.
func (k *known[K, V]) of(key K, fresh func() V) V {
	k.mu.RLock()
	v, ok := k.all[key]
	k.mu.RUnlock()
	if ok {
		return v
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if v, ok := k.all[key]; ok {
		return v
	}
	v = fresh()
	if k.all == nil {
		k.all = map[K]V{}
	}
	if len(k.all) < maxSeries {
		k.all[key] = v
	}
	return v
}

// labels are what the series of one request have in common.
type labels struct {
	dialect, upstream, model string
	status                   int
}

// series are the counters of requests with the same labels, found once: a
// look-up by labels costs more than counting. Those that are not always
// counted are made when they first are, so that none is shown without cause.
type series struct {
	m        *Metrics
	labels   labels
	requests prometheus.Counter
	latency  prometheus.Observer
	// first, cost and estimated, and tokens by kind.
	first           sometimes[prometheus.Observer]
	cost, estimated sometimes[prometheus.Counter]
	tokens          [tokenKinds]sometimes[prometheus.Counter]
}

// sometimes is made when it is first used.
type sometimes[T any] struct {
	once sync.Once
	v    T
}

func (s *sometimes[T]) of(find func() T) T {
	s.once.Do(func() { s.v = find() })
	return s.v
}

func (m *Metrics) series(l labels) *series {
	return m.known.of(l, func() *series {
		return &series{m: m, labels: l,
			requests: m.requests.WithLabelValues(l.dialect, l.upstream, l.model, strconv.Itoa(l.status)),
			latency:  m.latency.WithLabelValues(l.dialect, l.upstream, l.model)}
	})
}

// count counts a finished request.
func (s *series) count(f *meter.Finished) {
	m, upstream, name := s.m, s.labels.upstream, s.labels.model
	s.requests.Inc()
	s.latency.Observe(float64(f.LatencyMs) / 1e3)
	if f.TTFTMs > 0 {
		s.first.of(func() prometheus.Observer { return m.firstToken.WithLabelValues(upstream, name) }).Observe(float64(f.TTFTMs) / 1e3)
	}
	for i, k := range kinds(f) {
		if k.n > 0 {
			s.tokens[i].of(func() prometheus.Counter { return m.tokens.WithLabelValues(upstream, name, k.kind) }).Add(float64(k.n))
		}
	}
	if f.CostKnown {
		s.cost.of(func() prometheus.Counter { return m.cost.WithLabelValues(upstream, name) }).Add(float64(f.CostNanoUSD) / 1e9)
	}
	if f.Estimated {
		s.estimated.of(func() prometheus.Counter { return m.estimated.WithLabelValues(upstream) }).Inc()
	}
}

// outcome is what the GenAI metrics tell apart.
type outcome struct{ upstream, model, failure string }

// measured are the attributes of an outcome: of the request, and of the tokens
// it read and made.
type measured struct{ all, read, made []metric.RecordOption }

func newMeasured(o outcome) *measured {
	set := []attribute.KeyValue{semconv.GenAIOperationNameKey.String("chat"), attribute.String("craton.upstream", o.upstream),
		semconv.GenAIResponseModel(o.model)}
	if o.failure != "" {
		set = append(set, semconv.ErrorTypeKey.String(o.failure))
	}
	with := func(more ...attribute.KeyValue) []metric.RecordOption {
		all := append(append([]attribute.KeyValue{}, set...), more...)
		return []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(all...))}
	}
	return &measured{all: with(), read: with(semconv.GenAITokenTypeInput), made: with(semconv.GenAITokenTypeOutput)}
}

// record records a finished request.
func (i *instruments) record(f *meter.Finished) {
	o := outcome{upstream: f.Upstream, model: i.models.value(f.Model)}
	if f.Err != nil {
		o.failure = f.Err.Kind.String()
	}
	ctx, m := context.Background(), i.known.of(o, func() *measured { return newMeasured(o) })
	i.duration.Record(ctx, milliseconds(f.LatencyMs).Seconds(), m.all...)
	if f.TTFTMs > 0 {
		i.firstToken.Record(ctx, milliseconds(f.TTFTMs).Seconds(), m.all...)
	}
	k := &f.Tokens
	if in := k.Input + k.CachedRead + k.CacheWrite5m + k.CacheWrite1h + k.AudioInput; in > 0 {
		i.tokens.Record(ctx, in, m.read...)
	}
	if out := k.Output + k.Reasoning + k.AudioOutput; out > 0 {
		i.tokens.Record(ctx, out, m.made...)
	}
}
