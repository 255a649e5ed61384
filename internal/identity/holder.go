package identity

import (
	"context"

	"github.com/craton-ai/craton/internal/model"
)

// Holder returns who holds the key, for work that goes on after the request
// that began it: a key that was revoked or has expired since, or whose tenant
// was disabled, answers [ErrUnauthenticated]. Like authentication, it notices a
// change at once in the process that made it and within the cache's time in
// others. The Key shares its slices and map with the cache and must not be
// written.
func (d *Directory) Holder(ctx context.Context, tenant, keyID string) (Principal, Key, error) {
	now := d.now()
	e, generation := d.holders.get(keyID, now, d.config.CacheTTL)
	if e == nil {
		var err error
		if e, err = d.loadHolder(ctx, tenant, keyID); err != nil {
			return Principal{}, Key{}, err
		}
		e.loadedAt = now
		d.holders.put(e, generation)
	}
	if e.credential.TenantID != tenant || !e.credential.UsableAt(now) || e.principal.Tenant.Disabled {
		return Principal{}, Key{}, badCredential()
	}
	return e.principal, e.credential.Key, nil
}

// loadHolder reads a key and its tenant from the store, to be found by its id.
func (d *Directory) loadHolder(ctx context.Context, tenant, keyID string) (*cached, error) {
	if keyID == "" {
		return nil, badCredential()
	}
	found, err := d.config.Store.Credentials(ctx, CredentialFilter{TenantID: tenant, ID: keyID, Limit: 1})
	if err != nil {
		return nil, model.Wrap(model.Internal, "identity.holder", err)
	}
	if len(found) == 0 {
		return nil, badCredential()
	}
	tenants, err := d.config.Store.Tenants(ctx, TenantFilter{ID: tenant, Limit: 1})
	if err != nil {
		return nil, model.Wrap(model.Internal, "identity.holder", err)
	}
	if len(tenants) == 0 {
		return nil, badCredential()
	}
	c := found[0]
	c.Lookup = c.ID
	return &cached{credential: c, principal: Principal{Tenant: tenants[0], KeyID: c.ID, Roles: c.Roles, Scopes: c.Scopes,
		IsBearer: c.Kind == KindBearer}}, nil
}

// forget drops what is cached of a credential, or of all of a tenant's.
func (d *Directory) forget(tenantID, lookup string) {
	d.cache.drop(tenantID, lookup)
	d.holders.drop(tenantID, "")
}
