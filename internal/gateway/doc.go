// Package gateway is the model supermarket behind the edge: it takes a hub
// request from an authenticated caller, routes it, guards it, meters it, and
// answers with the stream of the upstream that served it. The edge calls it
// and nothing else; the command assembles it from upstreams, catalogue and
// guards.
//
// It guarantees that every call that reached an upstream is metered once,
// whether it ended well, failed, fell back or was abandoned; that a budget is
// reserved before an upstream is called; that a caller sees the upstreams of
// its tenant only; and that after the first event nothing is retried.
//
//	answer, err := gw.Generate(ctx, &gateway.Call{Principal: who, Key: key, Dialect: model.DialectOpenAIChat}, req)
//	if err != nil {
//		return err
//	}
//	defer answer.Stream.Close()
package gateway
