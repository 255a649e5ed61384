package observe

import (
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/craton-ai/craton/internal/guard/breaker"
	"github.com/craton-ai/craton/internal/guard/budget"
	"github.com/craton-ai/craton/internal/guard/limit"
	"github.com/craton-ai/craton/internal/guard/meter"
)

// Sources are read when metrics are collected; nil ones are left out.
type Sources struct {
	Breakers func() map[string]breaker.State
	Limits   func() limit.Stats
	Meter    func() meter.Stats
	Budgets  func() []budget.Exposure
	// AccessDropped counts access lines that were dropped.
	AccessDropped func() int64
	// InFlight counts requests under way.
	InFlight func() int64
}

// maxValues is how many values a label may take.
const maxValues = 300

// seconds are the buckets of latency histograms, from 5 ms to 5 min.
var seconds = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300}

// Metrics is the Prometheus registry. It is safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	models   bounded
	also     []func(*meter.Finished)
	known    known[labels, *series]

	requests, tokens, cost, upstreamErrors, estimated *prometheus.CounterVec
	latency, firstToken                               *prometheus.HistogramVec
}

// NewMetrics makes the registry with everything in it.
func NewMetrics(s Sources) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), models: bounded{most: maxValues}}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "craton", Name: name, Help: help}, labels)
		m.registry.MustRegister(v)
		return v
	}
	histogram := func(name, help string, labels ...string) *prometheus.HistogramVec {
		v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "craton", Name: name, Help: help, Buckets: seconds}, labels)
		m.registry.MustRegister(v)
		return v
	}
	m.requests = counter("requests_total", "Finished model requests.", "dialect", "upstream", "model", "status")
	m.tokens = counter("tokens_total", "Tokens used, by kind.", "upstream", "model", "kind")
	m.cost = counter("cost_usd_total", "Cost of requests with a known price, in USD.", "upstream", "model")
	m.upstreamErrors = counter("upstream_errors_total", "Requests that failed because of the upstream, by kind of error.", "upstream", "kind")
	m.estimated = counter("usage_estimated_total", "Requests whose usage was estimated.", "upstream")
	m.latency = histogram("request_duration_seconds", "From admission to the last byte.", "dialect", "upstream", "model")
	m.firstToken = histogram("time_to_first_token_seconds", "From admission to the first token.", "upstream", "model")
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), state{s})
	return m
}

// Also hands every finished request to f as well. It must be called before the
// first one.
func (m *Metrics) Also(f func(*meter.Finished)) { m.also = append(m.also, f) }

// Handler serves the metrics in Prometheus' and OpenMetrics' text formats.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{EnableOpenMetrics: true, MaxRequestsInFlight: 4})
}

// Finished counts a finished request. The meter calls it on its own goroutine.
func (m *Metrics) Finished(f *meter.Finished) {
	upstream, name := f.Upstream, ""
	if upstream != "" {
		// A request that reached no upstream names whatever its client typed.
		name = m.models.value(f.Model)
	}
	m.series(labels{f.Dialect, upstream, name, f.Status}).count(f)
	if f.Err != nil && upstream != "" && f.Status >= 500 {
		m.upstreamErrors.WithLabelValues(upstream, f.Err.Kind.String()).Inc()
	}
	for _, f2 := range m.also {
		f2(f)
	}
}

type count struct {
	kind string
	n    int64
}

// tokenKinds is how many kinds of tokens are counted.
const tokenKinds = 8

func kinds(f *meter.Finished) [tokenKinds]count {
	t := &f.Tokens
	return [tokenKinds]count{
		{"input", t.Input}, {"cached_read", t.CachedRead}, {"cache_write_5m", t.CacheWrite5m}, {"cache_write_1h", t.CacheWrite1h},
		{"output", t.Output}, {"reasoning", t.Reasoning}, {"audio_input", t.AudioInput}, {"audio_output", t.AudioOutput},
	}
}

// bounded keeps the first values of a label and calls the rest "other".
type bounded struct {
	mu   sync.Mutex
	most int
	seen map[string]bool
}

func (b *bounded) value(v string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.seen[v] {
		return v
	}
	if len(b.seen) >= b.most {
		return "other"
	}
	if b.seen == nil {
		b.seen = map[string]bool{}
	}
	b.seen[v] = true
	return v
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("craton_"+name, help, labels, nil)
}

// The descriptions of what is read at collection.
var (
	descBreaker  = desc("breaker_state", "Circuit breaker: 0 closed, 1 half-open, 2 open.", "upstream")
	descQueue    = desc("queue_depth", "Requests waiting for a free concurrency slot.")
	descKeys     = desc("limited_keys", "Keys whose rate is remembered.")
	descWaiting  = desc("usage_records_waiting", "Usage records not stored yet.")
	descShed     = desc("usage_records_shed_total", "Usage records dropped because too many waited.")
	descShedCost = desc("usage_records_shed_usd_total", "Cost of dropped usage records, in USD.")
	descUnpriced = desc("usage_unpriced_total", "Requests whose cost is unknown.")
	descFailed   = desc("usage_write_failures_total", "Batches of usage records the store refused; they are sent again.")
	descLeased   = desc("budget_leased_usd", "Budget slices this replica holds, in USD: what others cannot spend.")
	descReserved = desc("budget_reserved_usd", "Worst-case cost of requests under way, over all budgets, in USD.")
	descDropped  = desc("access_log_dropped_total", "Access log lines dropped because the writer did not keep up.")
	descInFlight = desc("requests_in_flight", "Requests under way.")
)

// state collects from Sources.
type state struct{ Sources }

// Describe implements prometheus.Collector.
func (s state) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descBreaker, descQueue, descKeys, descWaiting, descShed, descShedCost,
		descUnpriced, descFailed, descLeased, descReserved, descDropped, descInFlight} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (s state) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v float64) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v)
	}
	if s.Breakers != nil {
		for upstream, state := range s.Breakers() {
			gauge(descBreaker, float64(state), upstream)
		}
	}
	if s.Limits != nil {
		l := s.Limits()
		gauge(descQueue, float64(l.Waiting))
		gauge(descKeys, float64(l.Keys))
	}
	if s.Meter != nil {
		st := s.Meter()
		gauge(descWaiting, float64(st.Waiting))
		counter(descShed, float64(st.Shed))
		counter(descShedCost, float64(st.ShedNanoUSD)/1e9)
		counter(descUnpriced, float64(st.Unpriced))
		counter(descFailed, float64(st.FailedWrites))
	}
	if s.Budgets != nil {
		var leased, reserved int64
		for _, e := range s.Budgets() {
			leased += e.Leased - e.Spent
			reserved += e.Reserved
		}
		gauge(descLeased, float64(leased)/1e9)
		gauge(descReserved, float64(reserved)/1e9)
	}
	if s.AccessDropped != nil {
		counter(descDropped, float64(s.AccessDropped()))
	}
	if s.InFlight != nil {
		gauge(descInFlight, float64(s.InFlight()))
	}
}

// milliseconds turns a record's figure into a duration.
func milliseconds(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }
