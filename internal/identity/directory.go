package identity

import (
	"context"
	"io"
	"time"
)

// Defaults of [Config].
const (
	// DefaultCacheTTL is how long an authenticated credential is trusted
	// without asking the store again.
	DefaultCacheTTL = 10 * time.Second
	// DefaultCacheSize is how many credentials are remembered.
	DefaultCacheSize = 10_000
	// MinPresetToken is the least length of a preset bearer token, in bytes.
	MinPresetToken = 16
)

// Config is what a [Directory] needs.
type Config struct {
	// Store keeps tenants and credentials. Required.
	Store Store
	// Sealer encrypts secret access keys. Required.
	Sealer Sealer
	// Now tells the time. Required.
	Now func() time.Time
	// Random yields secrets and ids; crypto/rand.Reader in production.
	// Required. It is read from one goroutine at a time.
	Random io.Reader
	// CacheTTL is how long a credential is trusted without asking the store
	// again; 0 means [DefaultCacheTTL].
	CacheTTL time.Duration
	// CacheSize bounds how many credentials are remembered; 0 means
	// [DefaultCacheSize].
	CacheSize int
}

// Preset is what an operator may fix about the first administrator. Empty
// fields are generated.
type Preset struct {
	// TenantName names the root tenant; empty means "default".
	TenantName string
	// AccountID is the root tenant's account id; empty means a random one.
	AccountID string
	// APIKey is the bearer token, at least [MinPresetToken] bytes.
	APIKey string
	// AccessKeyID and SecretAccessKey are the AWS pair; both or neither.
	AccessKeyID     string
	SecretAccessKey string
}

// Bootstrapped is the outcome of [Directory.Bootstrap].
type Bootstrapped struct {
	// Tenant is the root tenant.
	Tenant Tenant
	// Created is true if this call created the tenant.
	Created bool
	// Bearer and AWS are the credentials this call issued, with their secrets;
	// nil where the credential existed before.
	Bearer, AWS *Issued
}

// KeySpec describes a key to create.
type KeySpec struct {
	// TenantID is whose key it is; empty means the caller's tenant.
	TenantID string
	// Name is free text, at most 200 bytes.
	Name string
	// Kind is bearer if empty.
	Kind KeyKind
	// Roles is Developer if empty.
	Roles []Role
	// Scopes narrow Roles; empty means no narrowing.
	Scopes []Scope
	// ExpiresAt is when it stops working; zero means never.
	ExpiresAt time.Time
	Limits    Limits
	Budgets   Budgets
	Tags      map[string]string
}

// Service is the shape of [Directory]'s management methods, listed here so
// that the whole can be read at once; it is documentation that compiles.
//
// Every method but Bootstrap and the two that authenticate takes the caller
// from the context ([WithPrincipal]) and answers [ErrForbidden] without one.
type service interface {
	Bootstrap(ctx context.Context, preset Preset) (Bootstrapped, error)
	AuthenticateBearer(ctx context.Context, token string) (Principal, Key, error)
	SecretForAccessKey(ctx context.Context, accessKeyID string) (secret string, p Principal, k Key, err error)
	CreateKey(ctx context.Context, spec KeySpec) (Issued, error)
	RotateKey(ctx context.Context, keyID string, overlap time.Duration) (Issued, error)
	RevokeKey(ctx context.Context, keyID string) (Key, error)
	ListKeys(ctx context.Context, filter CredentialFilter) ([]Key, error)
	CreateTenant(ctx context.Context, name, accountID string) (Tenant, error)
	UpdateTenant(ctx context.Context, tenant Tenant) (Tenant, error)
	ListTenants(ctx context.Context, filter TenantFilter) ([]Tenant, error)
	RewrapSecrets(ctx context.Context) (changed int, err error)
	Flush(ctx context.Context) error
}
