// Package identity says who is calling and what they may do: tenants,
// principals, roles, and the keys that prove them.
//
// It is for every part of the server that serves a caller. The edge
// authenticates a request with a [Directory], puts the resulting [Principal]
// into the context with [WithPrincipal], and everything behind it asks
// [Principal.Can] before it acts and uses [Principal.Tenant] to choose what it
// sees.
//
// It guarantees that
//   - a bearer token is never stored, only its SHA-256 digest, and tokens made
//     here carry 256 random bits;
//   - a secret access key is stored only sealed under the master key;
//   - a credential sees its own tenant only; administrators of the root tenant
//     alone may name another one;
//   - nobody can create a key that may do more than they may themselves;
//   - a revoked, expired or disabled credential stops working at once in the
//     process that changed it, and within [DefaultCacheTTL] everywhere else.
//
// Example:
//
//	principal, key, err := directory.AuthenticateBearer(ctx, token)
//	if err != nil {
//		return err // errors.Is(err, identity.ErrUnauthenticated)
//	}
//	if !principal.Can(identity.ModelInvoke) {
//		return identity.ErrForbidden
//	}
//	ctx = identity.WithPrincipal(ctx, principal)
//
// The package imports only the standard library; storage and encryption come
// in through [Store] and [Sealer].
package identity
