package main

// cases are the rows of the matrix, in order: what every client is asked to do
// where its contract can. Runners use these names.
var cases = []string{
	"text",
	"multi-turn",
	"streaming",
	"tools",
	"parallel tools",
	"streaming tools",
	"structured output",
	"images",
	"reasoning",
	"token counting",
	"embeddings",
	"models",
	"model names",
	"other upstreams",
	"wrong key",
	"unknown model",
	"malformed request",
	"oversized request",
	"unsupported feature",
	"rate limit",
	"failure in mid-stream",
	"cancellation",
}
