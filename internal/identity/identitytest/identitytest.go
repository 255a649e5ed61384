// Package identitytest is the conformance suite of identity.Store. It is for
// authors of stores; a store that passes keeps every promise of the contract.
//
// It guarantees to run its cases in parallel, each with a store of its own.
//
// Example:
//
//	func TestIdentity(t *testing.T) {
//		identitytest.Run(t, func(t *testing.T) identity.Store { return mem.New() })
//	}
package identitytest

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/identity"
)

// Opener returns an empty store that is closed with the test.
type Opener func(t *testing.T) identity.Store

// Run tests a kind of store.
func Run(t *testing.T, open Opener) {
	cases := []struct {
		name string
		test func(*testing.T, identity.Store)
	}{
		{"tenants and credentials come back as written", roundTrip},
		{"a write names the version it replaces", versions},
		{"a change happens whole or not at all", atomicity},
		{"names, accounts, lookups and the root are unique", uniqueness},
		{"filters select", filters},
		{"a touch only moves forward", touch},
		{"one of many concurrent writers wins", race},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, open(t))
		})
	}
}

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)

func tenant(n int) identity.Tenant {
	return identity.Tenant{
		ID: fmt.Sprintf("tnt_%d", n), Name: fmt.Sprintf("tenant %d", n),
		AccountID: fmt.Sprintf("%012d", n), CreatedAt: epoch,
	}
}

func credential(tenantID string, n int) identity.Credential {
	return identity.Credential{
		Key: identity.Key{
			ID: fmt.Sprintf("key_%d", n), TenantID: tenantID, Name: "näme", Kind: identity.KindAWS,
			Prefix: "AKIA", Roles: []identity.Role{identity.Developer, identity.Approver},
			Scopes: []identity.Scope{"model:*"}, CreatedAt: epoch, ExpiresAt: epoch.Add(time.Hour),
			Limits:  identity.Limits{RequestsPerMinute: 1, TokensPerMinute: 2, Concurrent: 3},
			Budgets: identity.Budgets{DailyNanoUSD: 4, MonthlyNanoUSD: 5_000_000_000_000},
			Tags:    map[string]string{"team": "red", "ünit": "\"x\""},
		},
		Lookup: fmt.Sprintf("lookup%d", n), Sealed: []byte{0, 255, byte(n)},
	}
}

func write(t *testing.T, s identity.Store, tenants []identity.Tenant, credentials ...identity.Credential) {
	t.Helper()
	if err := s.Write(t.Context(), identity.Change{Tenants: tenants, Credentials: credentials}); err != nil {
		t.Fatalf("Write: %v", err)
	}
}

func conflict(t *testing.T, s identity.Store, why string, tenants []identity.Tenant, credentials ...identity.Credential) {
	t.Helper()
	err := s.Write(t.Context(), identity.Change{Tenants: tenants, Credentials: credentials})
	if !errors.Is(err, identity.ErrConflict) {
		t.Errorf("%s: got %v, want ErrConflict", why, err)
	}
}

func get(t *testing.T, s identity.Store, id string) identity.Credential {
	t.Helper()
	found, err := s.Credentials(t.Context(), identity.CredentialFilter{ID: id})
	if err != nil || len(found) != 1 {
		t.Fatalf("credential %s: %v, %v", id, found, err)
	}
	return found[0]
}

func roundTrip(t *testing.T, s identity.Store) {
	tn, c := tenant(1), credential("tnt_1", 1)
	tn.Root = true
	bare := identity.Credential{
		Key:    identity.Key{ID: "key_2", TenantID: "tnt_1", Kind: identity.KindBearer, CreatedAt: epoch},
		Lookup: "bare",
	}
	write(t, s, []identity.Tenant{tn}, c, bare)
	tn.Version, c.Version, bare.Version = 1, 1, 1
	found, err := s.Tenants(t.Context(), identity.TenantFilter{})
	if err != nil || !reflect.DeepEqual(found, []identity.Tenant{tn}) {
		t.Errorf("tenants: %+v, %v; want %+v", found, err, tn)
	}
	if got := get(t, s, "key_1"); !reflect.DeepEqual(got, c) {
		t.Errorf("credential:\n got %+v\nwant %+v", got, c)
	}
	if got := get(t, s, "key_2"); !reflect.DeepEqual(got, bare) {
		t.Errorf("bare credential:\n got %+v\nwant %+v", got, bare)
	}
	get(t, s, "key_1").Tags["team"] = "blue"
	get(t, s, "key_1").Roles[0] = identity.Administrator
	if got := get(t, s, "key_1"); !reflect.DeepEqual(got, c) {
		t.Error("writing into an answer changed the store")
	}
}

func versions(t *testing.T, s identity.Store) {
	tn, c := tenant(1), credential("tnt_1", 1)
	conflict(t, s, "a tenant that is not there", []identity.Tenant{{ID: "x", Name: "x", AccountID: "1", Version: 1}})
	write(t, s, []identity.Tenant{tn}, c)
	conflict(t, s, "a tenant that is there", []identity.Tenant{tn})
	again := credential("tnt_1", 1)
	again.Lookup = "other"
	conflict(t, s, "a credential that is there", nil, again)

	tn.Version, tn.Disabled = 1, true
	tn.Budgets = identity.Budgets{DailyNanoUSD: 5, MonthlyNanoUSD: 1 << 40}
	c.Version, c.RevokedAt = 1, epoch.Add(time.Minute)
	write(t, s, []identity.Tenant{tn}, c)
	conflict(t, s, "an old version of a tenant", []identity.Tenant{tn})
	conflict(t, s, "an old version of a credential", nil, c)
	c.Version = 2
	if got := get(t, s, "key_1"); !reflect.DeepEqual(got, c) {
		t.Errorf("updated credential:\n got %+v\nwant %+v", got, c)
	}
}

func atomicity(t *testing.T, s identity.Store) {
	write(t, s, []identity.Tenant{tenant(1)}, credential("tnt_1", 1))
	conflict(t, s, "one bad item", []identity.Tenant{tenant(2)}, credential("tnt_2", 2), credential("tnt_1", 1))
	tenants, _ := s.Tenants(t.Context(), identity.TenantFilter{})
	keys, _ := s.Credentials(t.Context(), identity.CredentialFilter{})
	if len(tenants) != 1 || len(keys) != 1 {
		t.Errorf("a refused change left %d tenants and %d credentials", len(tenants), len(keys))
	}
	write(t, s, nil)
}

func uniqueness(t *testing.T, s identity.Store) {
	root := tenant(1)
	root.Root = true
	write(t, s, []identity.Tenant{root, tenant(2)}, credential("tnt_1", 1))
	same := tenant(3)
	same.Name = root.Name
	conflict(t, s, "a name twice", []identity.Tenant{same})
	same = tenant(3)
	same.AccountID = root.AccountID
	conflict(t, s, "an account id twice", []identity.Tenant{same})
	same = tenant(3)
	same.Root = true
	conflict(t, s, "two root tenants", []identity.Tenant{same})
	twin := credential("tnt_2", 2)
	twin.Lookup = "lookup1"
	conflict(t, s, "a lookup twice", nil, twin)
	renamed := tenant(2)
	renamed.Version, renamed.Name = 1, root.Name
	conflict(t, s, "renaming to a name in use", []identity.Tenant{renamed})
}

func filters(t *testing.T, s identity.Store) {
	ctx := t.Context()
	root := tenant(2)
	root.Root = true
	write(t, s, []identity.Tenant{tenant(1), root, tenant(3)},
		credential("tnt_1", 1), credential("tnt_2", 2), credential("tnt_1", 3))
	tenants := func(f identity.TenantFilter) (ids string) {
		found, err := s.Tenants(ctx, f)
		for _, x := range found {
			ids += x.ID[4:]
		}
		return fmt.Sprint(ids, err)
	}
	keys := func(f identity.CredentialFilter) (ids string) {
		found, err := s.Credentials(ctx, f)
		for _, x := range found {
			ids += x.ID[4:]
		}
		return fmt.Sprint(ids, err)
	}
	for _, c := range []struct{ got, want string }{
		{tenants(identity.TenantFilter{}), "123"},
		{tenants(identity.TenantFilter{ID: "tnt_2"}), "2"},
		{tenants(identity.TenantFilter{Name: "tenant 3"}), "3"},
		{tenants(identity.TenantFilter{AccountID: "000000000001"}), "1"},
		{tenants(identity.TenantFilter{Root: true}), "2"},
		{tenants(identity.TenantFilter{After: "tnt_1", Limit: 1}), "2"},
		{tenants(identity.TenantFilter{Name: "none"}), ""},
		{keys(identity.CredentialFilter{}), "123"},
		{keys(identity.CredentialFilter{TenantID: "tnt_1"}), "13"},
		{keys(identity.CredentialFilter{TenantID: "tnt_1", ID: "key_2"}), ""},
		{keys(identity.CredentialFilter{Lookup: "lookup2"}), "2"},
		{keys(identity.CredentialFilter{After: "key_1", Limit: 1}), "2"},
		{keys(identity.CredentialFilter{Lookup: "LOOKUP2"}), ""},
	} {
		if c.got != c.want+"<nil>" {
			t.Errorf("filter selected %s, want %s", c.got, c.want)
		}
	}
}

func touch(t *testing.T, s identity.Store) {
	ctx := t.Context()
	write(t, s, []identity.Tenant{tenant(1)}, credential("tnt_1", 1))
	for _, c := range []struct{ set, want time.Time }{
		{epoch.Add(time.Minute), epoch.Add(time.Minute)},
		{epoch, epoch.Add(time.Minute)},
		{epoch.Add(time.Hour), epoch.Add(time.Hour)},
	} {
		if err := s.Touch(ctx, map[string]time.Time{"key_1": c.set, "key_none": c.set}); err != nil {
			t.Fatal(err)
		}
		if got := get(t, s, "key_1"); !got.LastUsedAt.Equal(c.want) || got.Version != 1 {
			t.Errorf("touched at %v: last used %v, version %d", c.set, got.LastUsedAt, got.Version)
		}
	}
	c := get(t, s, "key_1")
	c.LastUsedAt = time.Time{}
	write(t, s, nil, c)
	if got := get(t, s, "key_1"); !got.LastUsedAt.Equal(epoch.Add(time.Hour)) {
		t.Error("a write changed LastUsedAt")
	}
}

func race(t *testing.T, s identity.Store) {
	write(t, s, []identity.Tenant{tenant(1)}, credential("tnt_1", 1))
	const writers = 8
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for range writers {
		wg.Go(func() {
			c := credential("tnt_1", 1)
			c.Version = 1
			err := s.Write(t.Context(), identity.Change{Credentials: []identity.Credential{c}})
			if err == nil {
				mu.Lock()
				won++
				mu.Unlock()
			} else if !errors.Is(err, identity.ErrConflict) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won != 1 {
		t.Errorf("%d of %d writers replaced the same version", won, writers)
	}
}
