// Package observe shows what the server does: Prometheus metrics, OpenTelemetry
// traces and metrics with the GenAI attributes, and an access log. It is for
// the command, which wires it, and for operators, who read it.
//
// Guarantees: nothing here blocks or slows a request. Metrics of finished
// requests are updated on the meter's writing goroutine; access lines go
// into a bounded buffer that a goroutine writes, and are dropped and counted
// when it is full. Label values are bounded: what clients could invent without
// end becomes "other". Nothing is sent anywhere unless an OTLP endpoint is
// configured.
//
//	metrics := observe.NewMetrics(observe.Sources{})
//	m := meter.New(meter.Config{Finished: metrics.Finished})
//	http.Handle("/metrics", metrics.Handler())
package observe
