package main

// cases are the rows of the matrix, in order: what every client is asked to do
// where its contract can. Runners use these names.
var cases = []string{
	"text",
	"multi-turn",
	"streaming",
	"streaming usage",
	"tools round trip",
	"parallel tools",
	"tools in streaming",
	"structured output",
	"images",
	"reasoning",
	"token counting",
	"embeddings",
	"models",
	"model names",
	"upstreams of other kinds",
	"error: wrong key",
	"error: unknown model",
	"error: malformed request",
	"error: oversized request",
	"error: unsupported feature",
	"error: rate limit with retry hint",
	"error: mid-stream failure",
	"cancellation",
}
