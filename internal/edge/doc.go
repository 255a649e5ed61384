// Package edge is HTTP in: it serves the published contracts to their official
// clients on one port. Each dialect is one small file that decodes a request
// into the hub, asks the gateway, and encodes the answer; what they share
// (credentials, tenancy, request ids, limits, the streaming pump) stands here
// once.
//
// It guarantees that no handler runs before its caller is authenticated and
// permitted, that an error has the shape of the dialect that was spoken, that
// nothing internal is shown to a caller, and that a signed request's body is
// verified before it has any effect.
//
//	h, err := edge.New(edge.Options{Gateway: gw, Directory: dir, Log: log})
//	server := &http.Server{Handler: h}
package edge
