package identity

import (
	"context"
	"errors"
	"io"
	"sync"
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

// Directory issues, lists, revokes and checks credentials. It is safe for
// concurrent use. Authentication of a credential seen within the cache's time
// asks no store.
//
// Methods that manage take the caller from the context ([WithPrincipal]) and
// answer [ErrForbidden] without one; Bootstrap, Recover, the two methods that
// authenticate, RewrapSecrets and Flush are the server's own.
type Directory struct {
	config Config
	cache  *cache
	// holders are credentials by the ids of their keys.
	holders *cache
	random  sync.Mutex // held while reading config.Random
}

// NewDirectory returns a directory over a store, or an error naming what
// config lacks.
func NewDirectory(config Config) (*Directory, error) {
	if config.Store == nil || config.Sealer == nil || config.Now == nil || config.Random == nil {
		return nil, errors.New("identity: Config needs Store, Sealer, Now and Random")
	}
	if config.CacheTTL == 0 {
		config.CacheTTL = DefaultCacheTTL
	}
	if config.CacheSize == 0 {
		config.CacheSize = DefaultCacheSize
	}
	return &Directory{config: config, cache: newCache(config.CacheSize), holders: newCache(config.CacheSize)}, nil
}

// now is the one clock reading of an operation, as precise as stores keep it.
func (d *Directory) now() time.Time { return d.config.Now().UTC().Truncate(time.Microsecond) }

// caller returns the caller if it may do the action to the tenant; an empty
// tenant means its own.
func (d *Directory) caller(ctx context.Context, action Action, tenantID string) (Principal, string, error) {
	p, ok := FromContext(ctx)
	if !ok || !p.Can(action) {
		return Principal{}, "", Fault(ErrForbidden, string(action), "This credential does not allow %s.", action)
	}
	if tenantID == "" || tenantID == p.Tenant.ID {
		return p, p.Tenant.ID, nil
	}
	if !p.Tenant.Root {
		return Principal{}, "", Fault(ErrNotFound, tenantID, "There is no such tenant.")
	}
	return p, tenantID, nil
}
