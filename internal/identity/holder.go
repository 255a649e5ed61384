package identity

import (
	"context"

	"github.com/craton-ai/craton/internal/model"
)

// Holder returns who holds the key, for work that goes on after the request
// that began it: a key that was revoked or has expired since, or whose tenant
// was disabled, answers [ErrUnauthenticated].
func (d *Directory) Holder(ctx context.Context, tenant, keyID string) (Principal, Key, error) {
	found, err := d.config.Store.Credentials(ctx, CredentialFilter{TenantID: tenant, ID: keyID, Limit: 1})
	if err != nil {
		return Principal{}, Key{}, model.Wrap(model.Internal, "identity.holder", err)
	}
	if keyID == "" || len(found) == 0 || !found[0].UsableAt(d.now()) {
		return Principal{}, Key{}, badCredential()
	}
	tenants, err := d.config.Store.Tenants(ctx, TenantFilter{ID: tenant, Limit: 1})
	if err != nil {
		return Principal{}, Key{}, model.Wrap(model.Internal, "identity.holder", err)
	}
	if len(tenants) == 0 || tenants[0].Disabled {
		return Principal{}, Key{}, badCredential()
	}
	c := found[0]
	return Principal{Tenant: tenants[0], KeyID: c.ID, Roles: c.Roles, Scopes: c.Scopes, IsBearer: c.Kind == KindBearer}, c.Key, nil
}
