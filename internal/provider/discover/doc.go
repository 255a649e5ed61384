// Package discover finds upstreams that need no configuration: servers of
// models that run on this machine (Ollama, llama-server, vLLM on their default
// loopback ports) and the well-known environment keys of vendors. It is for
// the command, which calls it only when that is allowed, and prints what was
// found and where.
//
// The decision is a pure function of the environment and of what probes
// answer. It guarantees that nothing but loopback, and the address OLLAMA_HOST
// names, is probed, that instance metadata is never asked, that an address of
// this server itself is skipped with its reason, and that no secret stands in
// what is printed.
//
//	result := discover.Find(ctx, discover.Options{
//		Getenv: os.Getenv, ReadFile: os.ReadFile, Probe: discover.HTTP(300 * time.Millisecond),
//		Self:   []string{"127.0.0.1:8420"},
//	})
//	for _, f := range result.Found {
//		fmt.Println(f.What)
//	}
package discover
