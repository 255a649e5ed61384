package identity

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/craton-ai/craton/internal/model"
)

// purposeSecretKey binds sealed secret access keys to their use.
const purposeSecretKey = "aws-secret-access-key"

// AuthenticateBearer returns who holds the token. The Key shares its slices
// and map with the cache and must not be written. It answers
// [ErrUnauthenticated] for a token that does not work, whatever the reason.
//
// The store is asked by digest, so how long an answer takes says nothing about
// any stored token; the digests are compared in constant time nevertheless.
func (d *Directory) AuthenticateBearer(ctx context.Context, token string) (Principal, Key, error) {
	if token == "" {
		return Principal{}, Key{}, badCredential()
	}
	lookup := tokenLookup(token)
	e, err := d.find(ctx, lookup, KindBearer)
	if err != nil {
		return Principal{}, Key{}, err
	}
	if subtle.ConstantTimeCompare([]byte(e.credential.Lookup), []byte(lookup)) != 1 {
		return Principal{}, Key{}, badCredential()
	}
	return e.principal, e.credential.Key, nil
}

// KnowsBearer reports whether a token is judged without asking the store, or was
// good when the store was last asked. It says nothing about whether it works.
func (d *Directory) KnowsBearer(token string) bool {
	return token == "" || d.cache.knows(tokenLookup(token), d.now(), d.config.CacheTTL)
}

// KnowsAccessKey is KnowsBearer of an access key id.
func (d *Directory) KnowsAccessKey(id string) bool {
	return id == "" || d.cache.knows(id, d.now(), d.config.CacheTTL)
}

// SecretForAccessKey returns the secret access key with which requests of the
// access key id must be signed, and whom they come from. It answers
// [ErrUnauthenticated] for an access key that does not work.
func (d *Directory) SecretForAccessKey(ctx context.Context, accessKeyID string) (string, Principal, Key, error) {
	if accessKeyID == "" {
		return "", Principal{}, Key{}, badCredential()
	}
	e, err := d.find(ctx, accessKeyID, KindAWS)
	if err != nil {
		return "", Principal{}, Key{}, err
	}
	return e.secret, e.principal, e.credential.Key, nil
}

// find returns a credential that works now, from the cache or the store.
func (d *Directory) find(ctx context.Context, lookup string, kind KeyKind) (*cached, error) {
	now := d.now()
	e, generation := d.cache.get(lookup, now, d.config.CacheTTL)
	if e == nil {
		// What does not exist is asked for once, however often it is tried.
		if d.cache.isUnknown(lookup, now, d.config.CacheTTL) {
			return nil, badCredential()
		}
		var err error
		if e, err = d.load(ctx, lookup, now); errors.Is(err, ErrUnauthenticated) {
			d.cache.miss(lookup, now, generation)
		}
		if err != nil {
			return nil, err
		}
		d.cache.put(e, generation)
	}
	if e.credential.Kind != kind || !e.credential.UsableAt(now) || e.principal.Tenant.Disabled {
		return nil, badCredential()
	}
	// A store per request would make every processor wait for one cache line.
	if at := now.UnixMicro(); at-e.usedAt.Load() > time.Second.Microseconds() {
		e.usedAt.Store(at)
	}
	return e, nil
}

// load reads a credential and its tenant from the store.
func (d *Directory) load(ctx context.Context, lookup string, now time.Time) (*cached, error) {
	found, err := d.config.Store.Credentials(ctx, CredentialFilter{Lookup: lookup, Limit: 1})
	if err != nil {
		return nil, model.Wrap(model.Internal, "identity.authenticate", err)
	}
	if len(found) == 0 {
		return nil, badCredential()
	}
	c := found[0]
	tenants, err := d.config.Store.Tenants(ctx, TenantFilter{ID: c.TenantID, Limit: 1})
	if err != nil {
		return nil, model.Wrap(model.Internal, "identity.authenticate", err)
	}
	if len(tenants) == 0 {
		return nil, badCredential()
	}
	e := &cached{credential: c, loadedAt: now, principal: Principal{
		Tenant: tenants[0], KeyID: c.ID, Roles: c.Roles, Scopes: c.Scopes,
		IsBearer: c.Kind == KindBearer,
	}}
	if c.Kind == KindAWS {
		secret, err := d.config.Sealer.Open(c.TenantID, purposeSecretKey, c.Sealed)
		if err != nil {
			return nil, model.Wrap(model.Internal, "identity.authenticate",
				fmt.Errorf("open the secret of key %s: %w", c.ID, err))
		}
		e.secret = string(secret)
	}
	return e, nil
}

// Flush writes when keys were last used. Call it now and then, and once before
// closing the store; what it could not write is kept for the next call.
func (d *Directory) Flush(ctx context.Context) error {
	used := d.cache.takeUsed()
	if len(used) == 0 {
		return nil
	}
	if err := d.config.Store.Touch(ctx, used); err != nil {
		d.cache.giveBack(used)
		return fmt.Errorf("identity: write last uses of keys: %w", err)
	}
	return nil
}

// tokenLookup is the digest under which a bearer token is stored. A plain
// SHA-256 suffices because tokens are random, not chosen by people.
func tokenLookup(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}
