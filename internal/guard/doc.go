// Package guard is what stands between a request and its upstream: the shape
// shared by retries, fallbacks, breakers, hedges and timeouts, which are its
// subpackages. It is for them, and for whoever puts them together.
//
// A [Guard] runs one operation, perhaps several times or not at all. [Wrap]
// makes it a model.Provider around a model.Provider, for chat, embeddings and
// relayed requests alike; [Do] runs any single call under it, which is how the
// fast lane and the edge's own pipelines use it.
//
// Guarantees: a guard sees an error only when nothing has reached the client:
// a stream is judged by its first event, a relayed answer by its status, and
// afterwards the guard's work is over. What a guard gives up is closed.
//
//	chain := guard.Chain(retries, breaker, timeouts)
//	provider = guard.Wrap(provider, chain)
//	stream, err := provider.Generate(ctx, req)
package guard
