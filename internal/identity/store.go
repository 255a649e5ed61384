package identity

import (
	"context"
	"time"
)

// Credential is a key as it is stored.
type Credential struct {
	Key
	// Lookup finds the credential: the lower-case hex SHA-256 of a bearer
	// token, or an access key id. Unique across tenants.
	Lookup string
	// Sealed is the encrypted secret access key; nil for a bearer token.
	Sealed []byte
	// Version counts writes, from 1. See [Store.Write].
	Version int64
}

// TenantFilter selects tenants. Empty fields do not restrict.
type TenantFilter struct {
	ID        string
	Name      string
	AccountID string
	// Root selects the root tenant only.
	Root bool
	// After is an exclusive lower bound on ID, the cursor of the last page.
	After string
	// Limit caps the answer; 0 means 1000, which is also the maximum.
	Limit int
}

// CredentialFilter selects credentials. Empty fields do not restrict.
type CredentialFilter struct {
	TenantID string
	ID       string
	Lookup   string
	// After is an exclusive lower bound on ID, the cursor of the last page.
	After string
	// Limit caps the answer; 0 means 1000, which is also the maximum.
	Limit int
}

// Change is a set of writes that happen together or not at all.
type Change struct {
	Tenants     []Tenant
	Credentials []Credential
}

// Store keeps tenants and credentials. Implementations are safe for concurrent
// use, and join the suite in identitytest.
//
// All listings are ordered by ID, bytewise ascending. A filter that matches
// nothing answers an empty slice and no error. Times are kept to the
// microsecond, in UTC.
type Store interface {
	// Tenants returns the tenants that match.
	Tenants(ctx context.Context, filter TenantFilter) ([]Tenant, error)
	// Credentials returns the credentials that match.
	Credentials(ctx context.Context, filter CredentialFilter) ([]Credential, error)
	// Write applies the change atomically and returns once it is durable. An
	// item with Version 0 must not exist yet and is stored with Version 1; an
	// item with Version n > 0 replaces exactly version n and is stored with
	// n+1. A tenant's name, account id and being root, and a credential's
	// lookup, are unique. LastUsedAt of an existing credential is left alone. Anything else
	// answers [ErrConflict], and nothing changes.
	Write(ctx context.Context, change Change) error
	// Touch sets LastUsedAt of the named keys where it is older, without
	// changing versions. Unknown keys are ignored. It is idempotent.
	Touch(ctx context.Context, used map[string]time.Time) error
}

// Sealer encrypts secrets for storage; *secret.Sealer is one. Implementations
// are safe for concurrent use.
type Sealer interface {
	// Seal encrypts plaintext so that only Open with the same tenant and
	// purpose returns it.
	Seal(tenant, purpose string, plaintext []byte) ([]byte, error)
	// Open decrypts what Seal returned, or fails.
	Open(tenant, purpose string, sealed []byte) ([]byte, error)
	// Rewrap returns sealed as protected by the current master key, and
	// whether that differs from what was given.
	Rewrap(tenant, purpose string, sealed []byte) ([]byte, bool, error)
}
