// Package edgetest puts a whole edge together over memory and lets tests say
// what they send and what must come back. It is for tests of the edge, of the
// providers against it, and of the command.
//
// A World is an edge.Handler behind a loopback listener, with every guard in
// place, a clock that only tests move, ids that are the same in every run, two
// tenants, and the script model beside whatever upstreams a test adds. A
// Scenario is one request with what its answer must and must not hold.
//
// It guarantees that a World shares nothing with another, so that tests run in
// parallel, and that everything it started has ended with the test.
//
//	w := edgetest.New(t, edgetest.Options{})
//	w.Run(t, []edgetest.Scenario{{
//		Name: "an unknown model", Method: "POST", Path: "/v1/chat/completions",
//		Body: `{"model":"nope","messages":[]}`, Status: 404, Want: []string{"model_not_found"},
//	}})
package edgetest
