package identity

import (
	"context"
	"slices"
)

// Principal is an authenticated caller. It is a value: copies are independent
// as long as nobody writes into its slices, which nobody may.
type Principal struct {
	// Tenant is whose data the caller sees. It is never empty for a caller
	// that authenticated.
	Tenant Tenant
	// KeyID is the [Key] that proved the caller; empty for the system itself.
	KeyID string
	// UserID is the person behind the key where one is known, else empty.
	UserID string
	// Roles are what the caller may do, joined.
	Roles []Role
	// Scopes narrow Roles. Empty means no narrowing.
	Scopes []Scope
	// IsBearer is true for a bearer token, false for a signed AWS request.
	IsBearer bool
}

// Can reports whether some role allows the action and, if there are scopes,
// one of them covers it. The zero Principal can do nothing.
func (p Principal) Can(action Action) bool {
	if !slices.ContainsFunc(p.Roles, func(r Role) bool { return Allows(r, action) }) {
		return false
	}
	return len(p.Scopes) == 0 ||
		slices.ContainsFunc(p.Scopes, func(s Scope) bool { return s.Covers(action) })
}

// System returns the principal under which the server acts on a tenant for
// itself (start-up, timers, command line on the same machine): an
// administrator without a key.
func System(tenant Tenant) Principal {
	return Principal{Tenant: tenant, Roles: []Role{Administrator}}
}

type principalKey struct{}

// WithPrincipal returns a context that carries the caller's identity.
func WithPrincipal(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// FromContext returns the caller's identity and whether there is one.
func FromContext(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(principalKey{}).(Principal)
	return p, ok
}
