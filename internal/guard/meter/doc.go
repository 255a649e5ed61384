// Package meter writes down what every request used and cost, off the hot
// path. It is for the gateway, which begins and ends a [Call] for each
// request, and for metrics and logs, which see every finished record.
//
// A finished call is priced and put into a buffer, which costs well under a
// microsecond; one goroutine writes the buffer to the store every
// Config.Interval. Streams are watched by [Meter.Watch]: usage is read as it
// flies by; a client that goes away in the middle leaves the upstream running
// for a bounded while ([Detach]), to learn what it used; else the usage is
// estimated from what was seen and marked so.
//
// Guarantees:
//   - Nothing here blocks a request: not a slow store, not a full buffer.
//   - A clean stop (Close) loses nothing, a crash at most one interval.
//   - While the store is out of reach records wait in memory, up to
//     Config.Most of them. Beyond that new ones are shed: counted with their
//     cost in [Stats] and logged, at most once an interval. Budgets do not
//     suffer, as they are settled apart from records.
//   - A record is stored once, however often its batch is sent.
//
// Example:
//
//	m := meter.New(meter.Config{Store: store, Cost: catalog.Cost, Now: time.Now, NewID: newID})
//	defer m.Close(ctx)
//	…
//	call := m.Begin(meter.Facts{Tenant: tenant, KeyID: key})
//	call.Serve("openai", card)
//	call.First()
//	cost := call.End(&usage, 1, nil)
package meter
