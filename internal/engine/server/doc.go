// Package server is the engine child process: it runs GGUF models and serves
// them on loopback with the subset of the OpenAI API that llama-server also
// speaks, so that either can stand behind the same provider.
//
// It is for `craton engine`, which a supervisor starts. Each model has one
// scheduler goroutine that owns its context and decodes all running requests
// together, token by token, while prompts are read in chunks; the attention
// state of a finished turn is kept, so that the next turn of a conversation only
// computes what is new. Every request needs the bearer token. A queue that is
// full answers 429, a prompt that does not fit 400 with the numbers, and a model
// that does not fit the memory limit is refused before it is loaded.
//
//	err := server.Run(ctx, server.Options{
//		Library: "/opt/craton/engine", Listen: "127.0.0.1:0", Token: token,
//		Models: []server.ModelSpec{{Name: "small", Path: "small.gguf"}},
//		Ready:  func(addr string) { fmt.Println(addr) },
//	})
package server
