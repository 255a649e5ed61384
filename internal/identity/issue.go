package identity

import (
	"context"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// TokenPrefix begins every bearer token issued here.
const TokenPrefix = "sk-craton-"

// shownPrefix is how much of a bearer token may be shown, in bytes.
const shownPrefix = len(TokenPrefix) + 6

var base32Lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// CreateKey issues a key. The caller needs [KeyWrite], may name another tenant
// only from the root tenant, and cannot give what it does not have itself.
func (d *Directory) CreateKey(ctx context.Context, spec KeySpec) (Issued, error) {
	p, tenantID, err := d.caller(ctx, KeyWrite, spec.TenantID)
	if err != nil {
		return Issued{}, err
	}
	if _, err := d.tenant(ctx, tenantID); err != nil {
		return Issued{}, err
	}
	spec.TenantID = tenantID
	key, err := d.newKey(spec)
	if err != nil {
		return Issued{}, err
	}
	if err := d.within(ctx, key, p); err != nil {
		return Issued{}, err
	}
	issued, credential, err := d.issue(key, "", "", "")
	if err != nil {
		return Issued{}, err
	}
	return issued, d.write(ctx, Change{Credentials: []Credential{credential}})
}

// RotateKey issues a key like the one named, and lets the old one work for
// overlap longer (never past its own expiry). A revoked or expired key cannot
// be rotated. The caller needs [KeyWrite].
func (d *Directory) RotateKey(ctx context.Context, keyID string, overlap time.Duration) (Issued, error) {
	p, old, err := d.managed(ctx, KeyWrite, keyID)
	if err != nil {
		return Issued{}, err
	}
	now := d.now()
	if overlap < 0 {
		return Issued{}, Fault(ErrInvalid, "overlap", "The overlap must not be negative.")
	}
	if !old.UsableAt(now) {
		return Issued{}, Fault(ErrConflict, keyID, "The key is revoked or expired: create a new one instead.")
	}
	next := old.Key.Clone()
	if next.ID, err = d.newID("key_"); err != nil {
		return Issued{}, err
	}
	next.CreatedAt, next.LastUsedAt = now, time.Time{}
	if err := d.within(ctx, next, p); err != nil {
		return Issued{}, err
	}
	issued, credential, err := d.issue(next, "", "", "")
	if err != nil {
		return Issued{}, err
	}
	if end := now.Add(overlap); old.ExpiresAt.IsZero() || old.ExpiresAt.After(end) {
		old.ExpiresAt = end
	}
	if err := d.write(ctx, Change{Credentials: []Credential{old, credential}}); err != nil {
		return Issued{}, err
	}
	d.forget(old.TenantID, old.Lookup)
	return issued, nil
}

// RevokeKey stops a key at once in this process and within the cache's time in
// others. Revoking twice is no error. The caller needs [KeyWrite].
func (d *Directory) RevokeKey(ctx context.Context, keyID string) (Key, error) {
	_, c, err := d.managed(ctx, KeyWrite, keyID)
	if err != nil {
		return Key{}, err
	}
	if c.RevokedAt.IsZero() {
		c.RevokedAt = d.now()
		if err := d.config.Store.Write(ctx, Change{Credentials: []Credential{c}}); err != nil {
			return Key{}, err
		}
	}
	d.forget(c.TenantID, c.Lookup)
	return c.Key, nil
}

// ListKeys returns keys ordered by id, secrets left out. The caller needs
// [KeyRead]; an empty filter.TenantID means the caller's tenant.
func (d *Directory) ListKeys(ctx context.Context, filter CredentialFilter) ([]Key, error) {
	_, tenantID, err := d.caller(ctx, KeyRead, filter.TenantID)
	if err != nil {
		return nil, err
	}
	filter.TenantID = tenantID
	found, err := d.config.Store.Credentials(ctx, filter)
	keys := make([]Key, len(found))
	for i, c := range found {
		keys[i] = c.Key
	}
	return keys, err
}

// RewrapSecrets protects every stored secret with the current master key and
// returns how many changed. It may be run while the server works, and again
// after it was interrupted. What it changed, or found changing, is to be looked
// at in another pass, until one changes nothing.
func (d *Directory) RewrapSecrets(ctx context.Context) (changed int, err error) {
	filter := CredentialFilter{Limit: 200}
	for {
		page, err := d.config.Store.Credentials(ctx, filter)
		if err != nil || len(page) == 0 {
			return changed, err
		}
		for _, c := range page {
			filter.After = c.ID
			if c.Kind != KindAWS {
				continue
			}
			sealed, differs, err := d.config.Sealer.Rewrap(c.TenantID, purposeSecretKey, c.Sealed)
			if err != nil {
				return changed, fmt.Errorf("identity: rewrap the secret of key %s: %w", c.ID, err)
			}
			if !differs {
				continue
			}
			c.Sealed = sealed
			changed++
			err = d.config.Store.Write(ctx, Change{Credentials: []Credential{c}})
			if err != nil && !errors.Is(err, ErrConflict) { // rotated or revoked meanwhile: the next pass looks again
				return changed, fmt.Errorf("identity: write the rewrapped secret of key %s: %w", c.ID, err)
			}
		}
	}
}

// managed returns a key the caller may manage; another tenant's answers
// [ErrNotFound] like one that does not exist.
func (d *Directory) managed(ctx context.Context, action Action, keyID string) (Principal, Credential, error) {
	p, _, err := d.caller(ctx, action, "")
	if err != nil {
		return Principal{}, Credential{}, err
	}
	filter := CredentialFilter{ID: keyID, TenantID: p.Tenant.ID, Limit: 1}
	if p.Tenant.Root {
		filter.TenantID = ""
	}
	found, err := d.config.Store.Credentials(ctx, filter)
	if err != nil {
		return Principal{}, Credential{}, err
	}
	if keyID == "" || len(found) == 0 {
		return Principal{}, Credential{}, Fault(ErrNotFound, keyID, "There is no key %q.", keyID)
	}
	return p, found[0], nil
}

// newKey checks a spec and turns it into a key without a credential.
func (d *Directory) newKey(spec KeySpec) (Key, error) {
	now := d.now()
	if spec.Kind == "" {
		spec.Kind = KindBearer
	}
	if len(spec.Roles) == 0 {
		spec.Roles = []Role{Developer}
	}
	if err := spec.check(now); err != nil {
		return Key{}, err
	}
	id, err := d.newID("key_")
	if err != nil {
		return Key{}, err
	}
	key := Key{
		ID: id, TenantID: spec.TenantID, Name: spec.Name, Kind: spec.Kind, Roles: spec.Roles,
		Scopes: spec.Scopes, CreatedAt: now, Limits: spec.Limits, Budgets: spec.Budgets, Tags: spec.Tags,
	}
	if !spec.ExpiresAt.IsZero() {
		key.ExpiresAt = spec.ExpiresAt.UTC().Truncate(time.Microsecond)
	}
	return key.Clone(), nil
}

func (s KeySpec) check(now time.Time) error {
	if s.Kind != KindBearer && s.Kind != KindAWS {
		return Fault(ErrInvalid, "kind", "The kind of a key is %q or %q, not %q.", KindBearer, KindAWS, s.Kind)
	}
	for _, r := range s.Roles {
		if !r.Valid() {
			return Fault(ErrInvalid, "roles", "There is no role %q; the roles are %v.", r, Roles())
		}
	}
	for _, scope := range s.Scopes {
		if !scope.Valid() {
			return Fault(ErrInvalid, "scopes", "The scope %q covers no action; the actions are %v.", scope, Actions())
		}
	}
	if !s.ExpiresAt.IsZero() && !s.ExpiresAt.After(now) {
		return Fault(ErrInvalid, "expires_at", "The key would expire before it exists.")
	}
	l, b := s.Limits, s.Budgets
	if min(l.RequestsPerMinute, l.TokensPerMinute, l.Concurrent, b.DailyNanoUSD, b.MonthlyNanoUSD) < 0 {
		return Fault(ErrInvalid, "limits", "Limits and budgets must not be negative; 0 means unlimited.")
	}
	return checkName(s.Name, "name")
}

func checkName(name, subject string) error {
	if len(name) > 200 || !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' }) {
		return Fault(ErrInvalid, subject, "A name is at most 200 bytes of text without control characters.")
	}
	return nil
}

// within refuses a key that may do what its creator may not: otherwise a
// scoped administrator could issue itself an unscoped key, and one with a
// limit, a budget or an end one without.
func (d *Directory) within(ctx context.Context, key Key, creator Principal) error {
	would := Principal{Roles: key.Roles, Scopes: key.Scopes}
	for _, action := range Actions() {
		if would.Can(action) && !creator.Can(action) {
			return Fault(ErrForbidden, string(action), "The key would allow %s, which your own credential does not.", action)
		}
	}
	if creator.KeyID == "" { // the server itself
		return nil
	}
	found, err := d.config.Store.Credentials(ctx, CredentialFilter{ID: creator.KeyID, TenantID: creator.Tenant.ID, Limit: 1})
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return Fault(ErrForbidden, creator.KeyID, "Your own credential does not exist any more.")
	}
	return bounded(key, found[0].Key)
}

// bounded refuses a key with a wider limit, budget or life than its creator's.
func bounded(key, own Key) error {
	for _, b := range []struct {
		name       string
		key, bound int64
	}{
		{"requests_per_minute", key.Limits.RequestsPerMinute, own.Limits.RequestsPerMinute},
		{"tokens_per_minute", key.Limits.TokensPerMinute, own.Limits.TokensPerMinute},
		{"concurrent", key.Limits.Concurrent, own.Limits.Concurrent},
		{"daily_nano_usd", key.Budgets.DailyNanoUSD, own.Budgets.DailyNanoUSD},
		{"monthly_nano_usd", key.Budgets.MonthlyNanoUSD, own.Budgets.MonthlyNanoUSD},
	} {
		if b.bound > 0 && (b.key == 0 || b.key > b.bound) {
			return Fault(ErrForbidden, b.name, "Your own credential has a %s of %d: give the key one that is no larger.", b.name, b.bound)
		}
	}
	if end := own.ExpiresAt; !end.IsZero() && (key.ExpiresAt.IsZero() || key.ExpiresAt.After(end)) {
		return Fault(ErrForbidden, "expires_at", "Your own credential ends at %s: let the key end no later.", end.Format(time.RFC3339))
	}
	return nil
}

// issue gives the key a credential: the ones named, or new ones.
func (d *Directory) issue(key Key, token, accessKeyID, secret string) (Issued, Credential, error) {
	if key.Kind == KindBearer {
		if token == "" {
			b, err := d.bytes(32)
			if err != nil {
				return Issued{}, Credential{}, err
			}
			token = TokenPrefix + base64.RawURLEncoding.EncodeToString(b)
		}
		// A preset token is not ours to show half of.
		key.Prefix = token[:min(shownPrefix, len(token)/4)]
		if strings.HasPrefix(token, TokenPrefix) && len(token) >= len(TokenPrefix)+32 {
			key.Prefix = token[:shownPrefix]
		}
		return Issued{Key: key, Token: token}, Credential{Key: key, Lookup: tokenLookup(token)}, nil
	}
	if accessKeyID == "" {
		b, err := d.bytes(10 + 30)
		if err != nil {
			return Issued{}, Credential{}, err
		}
		accessKeyID = "AKIA" + base32.StdEncoding.EncodeToString(b[:10])
		secret = base64.StdEncoding.EncodeToString(b[10:])
	}
	key.Prefix = accessKeyID
	sealed, err := d.config.Sealer.Seal(key.TenantID, purposeSecretKey, []byte(secret))
	if err != nil {
		return Issued{}, Credential{}, fmt.Errorf("identity: seal a secret access key: %w", err)
	}
	return Issued{Key: key, AccessKeyID: accessKeyID, SecretAccessKey: secret},
		Credential{Key: key, Lookup: accessKeyID, Sealed: sealed}, nil
}

func (d *Directory) newID(prefix string) (string, error) {
	b, err := d.bytes(15)
	return prefix + base32Lower.EncodeToString(b), err
}

// bytes reads n random bytes.
func (d *Directory) bytes(n int) ([]byte, error) {
	d.random.Lock()
	defer d.random.Unlock()
	b := make([]byte, n)
	if _, err := io.ReadFull(d.config.Random, b); err != nil {
		return nil, fmt.Errorf("identity: read random: %w", err)
	}
	return slices.Clip(b), nil
}

// write stores a change that brings new credentials, which work from now on
// even if somebody tried them before.
func (d *Directory) write(ctx context.Context, change Change) error {
	err := d.config.Store.Write(ctx, change)
	for _, c := range change.Credentials {
		d.cache.welcome(c.Lookup)
	}
	return err
}
