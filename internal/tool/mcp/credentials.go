package mcp

import (
	"context"
	"net/http"

	"github.com/craton-ai/craton/internal/tool"
)

// Credentials says what to present to a server. It is safe for concurrent use,
// and is asked before each request, so it keeps what it knows at hand.
type Credentials interface {
	// Authorize returns the headers that authorize a request of the tenant to
	// the server, as its URL, Credential and Vaults say; none for a server that
	// needs none. They are sent to the origin of server.URL and to no other.
	// Errors are *model.Error: an unknown credential, one that is bound to
	// another server, a token that could not be renewed.
	Authorize(ctx context.Context, tenant string, server tool.Server) (http.Header, error)
	// Refused is told that the server answered 401 to what Authorize returned,
	// and reports whether Authorize now has something else to present: a token
	// that was renewed. It is asked at most once for a request, which the server
	// did not carry out and which is then sent again. Concurrent reports about
	// the same header renew once.
	Refused(ctx context.Context, tenant string, server tool.Server, sent http.Header) (bool, error)
}
