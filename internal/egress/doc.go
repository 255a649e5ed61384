// Package egress is the only way out for anything a caller can influence: MCP
// servers, OAuth discovery, URLs of images and files, webhooks, models to pull.
// Upstreams that the operator configured do not pass through it.
//
// [New] returns an http.Client that refuses addresses that are not public:
// private, loopback, link-local and metadata, shared (CGNAT), multicast,
// reserved, and their forms mapped or translated into IPv6. It checks the
// address a connection is about to be made to, after resolution and in the
// dialer, so that a name that changes its mind (DNS rebinding) gains nothing;
// redirects are counted and checked again, and may not leave https. Sizes and
// times are bounded. HTTPS_PROXY and NO_PROXY are honoured; behind a proxy the
// name is resolved and checked here as well where it can be, and the proxy has
// the last word. The operator may allow networks and hosts.
//
// Errors are *model.Error, found with errors.As or [AsError], and tell nothing
// about what a name resolves to inside.
//
//	client := egress.New(egress.Policy{Hosts: []string{"wiki.internal"}})
//	got, err := egress.Fetch(ctx, client, "https://example.com/cat.png")
package egress
