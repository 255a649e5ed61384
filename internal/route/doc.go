// Package route decides which upstreams may serve a request, and in which
// order. It is for the edge, which asks once per request, and for the
// administrator's view, which shows why.
//
// Routing is pure: [Facts] about the request and [Conditions] of the moment go
// in with a [Snapshot] of what is configured, and an ordered list of
// [Candidate]s with reasons comes out. It does no I/O, starts nothing and
// reads no clock.
//
// A model is named by an operator's alias, "upstream/model", a card id, a
// card's alias, an inference profile ("us.vendor.model") or an ARN of either;
// a bare name works where exactly one upstream lists it, and an ambiguous one
// is refused with its candidates. No model's name is known to this package:
// capabilities, geographies and dialects are data in the cards and the Config.
//
// Guarantees: the same input gives the same answer; a Snapshot is immutable
// and safe for concurrent use; every error is a *model.Error that a client may
// see.
//
//	snapshot, err := route.NewSnapshot(route.Config{Upstreams: upstreams})
//	…
//	candidates, err := snapshot.Route(route.Facts{Model: name, Dialect: model.DialectOpenAIChat}, route.Conditions{})
//	if err != nil {
//		return err
//	}
//	way, _ := route.Lane(facts, &candidates[0])
package route
