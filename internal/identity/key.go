package identity

import (
	"maps"
	"slices"
	"time"
)

// Tenant is one customer of the installation: the wall between data.
type Tenant struct {
	// ID names the tenant in every store and never changes ("tnt_…").
	ID string
	// Name is what people call it; unique.
	Name string
	// AccountID is its 12-digit AWS account id, as in ARNs; unique.
	AccountID string
	// CreatedAt is when it was created, UTC.
	CreatedAt time.Time
	// Disabled stops every credential of the tenant.
	Disabled bool
	// Budgets bound what all of the tenant's keys may spend together.
	Budgets Budgets
	// Root marks the tenant of the installation's own administrators, the only
	// ones who may see and change other tenants. There is exactly one.
	Root bool
	// Version counts writes, from 1. See [Store.Write].
	Version int64
}

// KeyKind is how a key proves its holder.
type KeyKind string

// The kinds of key.
const (
	// KindBearer is an opaque token sent with each request ("sk-craton-…").
	KindBearer KeyKind = "bearer"
	// KindAWS is an access key id and a secret that signs requests (SigV4).
	KindAWS KeyKind = "aws"
)

// Limits bound how fast one key may be used. Zero means unlimited.
type Limits struct {
	// RequestsPerMinute counts requests admitted.
	RequestsPerMinute int64
	// TokensPerMinute counts input and output tokens together.
	TokensPerMinute int64
	// Concurrent counts requests in flight.
	Concurrent int64
}

// Budgets bound what one key may spend, in nano-USD (1e-9 USD) per UTC day and
// UTC month. Zero means unlimited.
type Budgets struct {
	DailyNanoUSD   int64
	MonthlyNanoUSD int64
}

// Key describes a credential without its secret.
type Key struct {
	// ID names the key in listings and usage ("key_…"); never the secret.
	ID string
	// TenantID is the tenant the key belongs to.
	TenantID string
	// Name is what its creator called it; need not be unique.
	Name string
	// Kind is bearer or aws.
	Kind KeyKind
	// Prefix is what may be shown of the credential: the first characters of a
	// bearer token, or the whole access key id.
	Prefix string
	// Roles are what the key may do.
	Roles []Role
	// Scopes narrow Roles. Empty means no narrowing.
	Scopes []Scope
	// CreatedAt is when it was issued, UTC.
	CreatedAt time.Time
	// ExpiresAt is when it stops working; zero means never.
	ExpiresAt time.Time
	// RevokedAt is when somebody revoked it; zero means it was not.
	RevokedAt time.Time
	// LastUsedAt is when it last authenticated a request, written behind by up
	// to the interval between calls of [Directory.Flush]; zero means never.
	LastUsedAt time.Time
	// Limits bound its rate.
	Limits Limits
	// Budgets bound its spend.
	Budgets Budgets
	// Tags are copied onto its usage records.
	Tags map[string]string
}

// UsableAt reports whether the key is neither revoked nor expired at t.
func (k Key) UsableAt(t time.Time) bool {
	if !k.RevokedAt.IsZero() && !k.RevokedAt.After(t) {
		return false
	}
	return k.ExpiresAt.IsZero() || k.ExpiresAt.After(t)
}

// Clone returns a copy that shares no memory with k.
func (k Key) Clone() Key {
	k.Roles = slices.Clone(k.Roles)
	k.Scopes = slices.Clone(k.Scopes)
	k.Tags = maps.Clone(k.Tags)
	return k
}

// Issued is a new key together with its secret, which is shown once and cannot
// be asked for again.
type Issued struct {
	Key Key
	// Token is the bearer token; empty for [KindAWS].
	Token string
	// AccessKeyID and SecretAccessKey are the pair of a [KindAWS] key; empty
	// for [KindBearer].
	AccessKeyID     string
	SecretAccessKey string
}
