// Package openai is the upstream that speaks OpenAI's Chat Completions,
// Embeddings and Models contracts: OpenAI itself and the servers that copy it
// (vLLM, Ollama, llama-server and many others), and Azure OpenAI with its own
// paths and key header. How a server deviates is data, provider.OpenAI.
//
// It is for the command that wires upstreams, by way of provider/all. A
// Provider refuses a request it cannot express before the upstream is called,
// passes requests of its own dialect through untouched (Relay) unless they use
// words its server is said not to know, and is safe for concurrent use.
//
//	p, err := openai.New(provider.Config{
//		Kind: "openai", BaseURL: "http://127.0.0.1:11434/v1",
//		OpenAI: provider.OpenAI{MaxTokensName: "max_tokens"},
//	})
package openai
