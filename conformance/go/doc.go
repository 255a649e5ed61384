// Package sdks drives the built server with the official Go SDKs, unmodified:
// openai-go, anthropic-sdk-go and aws-sdk-go-v2's bedrockruntime.
//
// For maintainers. It is a module of its own, so that the clients' versions
// are pinned here and nothing of them is in the server's module. It holds tests
// only; conformance/stage starts the servers and conformance/table reads what
// came of each case:
//
//	conformance/run.sh go
package sdks
