package mem

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/craton-ai/craton/internal/identity"
)

func cloneCredential(c identity.Credential) identity.Credential {
	c.Key = c.Key.Clone()
	c.Sealed = bytes.Clone(c.Sealed)
	return c
}

// Tenants implements [identity.Store].
func (s *Store) Tenants(ctx context.Context, f identity.TenantFilter) ([]identity.Tenant, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var all []identity.Tenant
	for _, t := range s.tenants {
		if (f.ID == "" || t.ID == f.ID) && (f.Name == "" || t.Name == f.Name) && t.ID > f.After &&
			(f.AccountID == "" || t.AccountID == f.AccountID) && (!f.Root || t.Root) {
			all = append(all, t)
		}
	}
	slices.SortFunc(all, func(a, b identity.Tenant) int { return strings.Compare(a.ID, b.ID) })
	return pageOf(all, f.Limit), ctx.Err()
}

// Credentials implements [identity.Store].
func (s *Store) Credentials(ctx context.Context, f identity.CredentialFilter) ([]identity.Credential, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var all []identity.Credential
	for _, c := range s.credentials {
		if (f.TenantID == "" || c.TenantID == f.TenantID) && (f.ID == "" || c.ID == f.ID) &&
			(f.Lookup == "" || c.Lookup == f.Lookup) && c.ID > f.After {
			all = append(all, cloneCredential(c))
		}
	}
	slices.SortFunc(all, func(a, b identity.Credential) int { return strings.Compare(a.ID, b.ID) })
	return pageOf(all, f.Limit), ctx.Err()
}

// Write implements [identity.Store].
func (s *Store) Write(ctx context.Context, change identity.Change) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	tenants, credentials := maps.Clone(s.tenants), maps.Clone(s.credentials)
	for _, t := range change.Tenants {
		if tenants[t.ID].Version != t.Version || clashes(tenants, t) {
			return identity.Fault(identity.ErrConflict, t.ID,
				"The tenant was changed meanwhile, or its name or account id is in use.")
		}
		t.CreatedAt = t.CreatedAt.UTC().Truncate(time.Microsecond)
		t.Version++
		tenants[t.ID] = t
	}
	for _, c := range change.Credentials {
		old, exists := credentials[c.ID]
		if old.Version != c.Version || lookupTaken(credentials, c) {
			return identity.Fault(identity.ErrConflict, c.ID, "The key was changed meanwhile, or its credential is in use.")
		}
		c = cloneCredential(c)
		c.Version++
		if exists {
			c.LastUsedAt = old.LastUsedAt
		}
		credentials[c.ID] = c
	}
	s.tenants, s.credentials = tenants, credentials
	return nil
}

func clashes(tenants map[string]identity.Tenant, t identity.Tenant) bool {
	for id, other := range tenants {
		if id != t.ID && (other.Name == t.Name || other.AccountID == t.AccountID || other.Root && t.Root) {
			return true
		}
	}
	return false
}

func lookupTaken(credentials map[string]identity.Credential, c identity.Credential) bool {
	for id, other := range credentials {
		if id != c.ID && other.Lookup == c.Lookup {
			return true
		}
	}
	return false
}

// Touch implements [identity.Store].
func (s *Store) Touch(ctx context.Context, used map[string]time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, at := range used {
		if c, ok := s.credentials[id]; ok && at.After(c.LastUsedAt) {
			c.LastUsedAt = at.UTC().Truncate(time.Microsecond)
			s.credentials[id] = c
		}
	}
	return ctx.Err()
}
