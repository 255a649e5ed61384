// Command gateway measures what standing between a client and a model server
// costs: processor time per request, added latency, requests per second,
// memory with many slow streams, and added time to first token, for Craton
// next to a bare net/http ReverseProxy, a bare fasthttp proxy, Portkey and
// LiteLLM, all in one run on loopback. It is for whoever changes Craton's hot
// path or compares it with what they use today.
//
// Every part is a process of its own, so that processor time is attributed to
// the right one: this program starts itself again as the mock model server
// ("upstream"), as the load generator ("load") and as the two bare proxies.
// Subjects are measured in turn, round after round, because a small machine's
// speed drifts; ratios are taken within a round and their median is shown.
//
//	bench/gateway/run.sh            # everything, under ten minutes
//	bench/gateway/run.sh -quick     # a first impression
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	role, args := "", os.Args[1:]
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		role, args = args[0], args[1:]
	}
	if err := run(role, args); err != nil {
		fmt.Fprintln(os.Stderr, "gateway:", err)
		os.Exit(1)
	}
}

func run(role string, args []string) error {
	switch role {
	case "":
		// Interrupted, it ends its children before itself.
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		return bench(ctx, args)
	case "upstream":
		return serveUpstream(args)
	case "reverseproxy":
		return serveReverseProxy(args)
	case "fasthttp":
		return serveFastHTTP(args)
	case "load":
		return generate(os.Stdin, os.Stdout)
	}
	return fmt.Errorf("unknown role %q: it is upstream, reverseproxy, fasthttp or load, or none to measure", role)
}
