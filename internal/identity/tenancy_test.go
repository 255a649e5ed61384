package identity_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/secret"
)

// as returns a context in which the holder of a new key acts.
func (w *world) as(tenant identity.Tenant, spec identity.KeySpec) context.Context {
	w.Helper()
	spec.TenantID = tenant.ID
	i := w.create(spec)
	p, _, err := w.dir.AuthenticateBearer(w.Context(), i.Token)
	if err != nil {
		w.Fatal(err)
	}
	return identity.WithPrincipal(w.Context(), p)
}

func (w *world) tenant(name string) identity.Tenant {
	w.Helper()
	t, err := w.dir.CreateTenant(w.admin, name, "")
	if err != nil {
		w.Fatal(err)
	}
	return t
}

func TestTenantsAreApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	red, blue := w.tenant("red"), w.tenant("blue")
	admin := []identity.Role{identity.Administrator}
	asRed := w.as(red, identity.KeySpec{Roles: admin})
	asBlue := w.as(blue, identity.KeySpec{Roles: admin})

	mine, err := w.dir.CreateKey(asRed, identity.KeySpec{Name: "mine"})
	if err != nil || mine.Key.TenantID != red.ID {
		t.Fatalf("red's key: %+v, %v", mine.Key, err)
	}
	_, err = w.dir.CreateKey(asBlue, identity.KeySpec{TenantID: red.ID})
	w.want(err, identity.ErrNotFound)
	_, err = w.dir.RevokeKey(asBlue, mine.Key.ID)
	w.want(err, identity.ErrNotFound)
	_, err = w.dir.RotateKey(asBlue, mine.Key.ID, 0)
	w.want(err, identity.ErrNotFound)
	_, err = w.dir.ListKeys(asBlue, identity.CredentialFilter{TenantID: red.ID})
	w.want(err, identity.ErrNotFound)
	keys, err := w.dir.ListKeys(asBlue, identity.CredentialFilter{})
	if err != nil || len(keys) != 1 || keys[0].TenantID != blue.ID {
		t.Errorf("blue lists %+v, %v", keys, err)
	}
	_, err = w.dir.CreateTenant(asRed, "green", "")
	w.want(err, identity.ErrForbidden)
	_, err = w.dir.UpdateTenant(asRed, red)
	w.want(err, identity.ErrForbidden)
	_, err = w.dir.UpdateTenant(asRed, blue)
	w.want(err, identity.ErrNotFound)
	tenants, err := w.dir.ListTenants(asRed, identity.TenantFilter{})
	if err != nil || len(tenants) != 1 || tenants[0].ID != red.ID {
		t.Errorf("red sees tenants %+v, %v", tenants, err)
	}
	if tenants, err = w.dir.ListTenants(asRed, identity.TenantFilter{ID: blue.ID}); err != nil || len(tenants) != 0 {
		t.Errorf("red sees blue: %+v, %v", tenants, err)
	}
	if tenants, err = w.dir.ListTenants(w.admin, identity.TenantFilter{}); err != nil || len(tenants) != 3 {
		t.Errorf("the root administrator sees %+v, %v", tenants, err)
	}
	keys, err = w.dir.ListKeys(w.admin, identity.CredentialFilter{TenantID: red.ID})
	if err != nil || len(keys) != 2 {
		t.Errorf("the root administrator sees red's keys %+v, %v", keys, err)
	}
}

func TestNobodyGivesWhatTheyLack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	none := t.Context()
	developer := w.as(w.boot.Tenant, identity.KeySpec{})
	scoped := w.as(w.boot.Tenant, identity.KeySpec{
		Roles: []identity.Role{identity.Administrator}, Scopes: []identity.Scope{"key:*", "model:*"},
	})
	for _, c := range []struct {
		ctx  context.Context
		spec identity.KeySpec
		want error
	}{
		{none, identity.KeySpec{}, identity.ErrForbidden},
		{developer, identity.KeySpec{}, identity.ErrForbidden},
		{scoped, identity.KeySpec{Roles: []identity.Role{identity.Administrator}}, identity.ErrForbidden},
		{scoped, identity.KeySpec{}, identity.ErrForbidden},
		{scoped, identity.KeySpec{Scopes: []identity.Scope{"model:*"}}, nil},
		{w.admin, identity.KeySpec{Roles: []identity.Role{identity.Administrator}}, nil},
		{w.admin, identity.KeySpec{Roles: []identity.Role{"king"}}, identity.ErrInvalid},
		{w.admin, identity.KeySpec{Scopes: []identity.Scope{"castle:*"}}, identity.ErrInvalid},
		{w.admin, identity.KeySpec{Kind: "sword"}, identity.ErrInvalid},
		{w.admin, identity.KeySpec{Name: "a\nb"}, identity.ErrInvalid},
		{w.admin, identity.KeySpec{ExpiresAt: w.time()}, identity.ErrInvalid},
		{w.admin, identity.KeySpec{Limits: identity.Limits{Concurrent: -1}}, identity.ErrInvalid},
		{w.admin, identity.KeySpec{TenantID: "tnt_none"}, identity.ErrNotFound},
	} {
		if _, err := w.dir.CreateKey(c.ctx, c.spec); !errors.Is(err, c.want) {
			t.Errorf("creating %+v: got %v, want %v", c.spec, err, c.want)
		}
	}
	_, err := w.dir.RotateKey(scoped, w.boot.Bearer.Key.ID, 0)
	w.want(err, identity.ErrForbidden)
}

func TestDisabledTenant(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	red := w.tenant("red")
	i := w.create(identity.KeySpec{TenantID: red.ID})
	if !w.works(w.dir, i) {
		t.Fatal("red's key does not work")
	}
	red.Disabled = true
	disabled, err := w.dir.UpdateTenant(w.admin, red)
	if err != nil || disabled.Version != 2 {
		t.Fatalf("disabled: %+v, %v", disabled, err)
	}
	if w.works(w.dir, i) {
		t.Error("a key of a disabled tenant works")
	}
	_, err = w.dir.UpdateTenant(w.admin, red)
	w.want(err, identity.ErrConflict)
	disabled.Disabled = false
	if _, err := w.dir.UpdateTenant(w.admin, disabled); err != nil || !w.works(w.dir, i) {
		t.Errorf("enabled again: %v", err)
	}
	root := w.boot.Tenant
	root.Disabled = true
	_, err = w.dir.UpdateTenant(w.admin, root)
	w.want(err, identity.ErrInvalid)
	_, err = w.dir.CreateTenant(w.admin, "red", "")
	w.want(err, identity.ErrConflict)
	for _, account := range []string{"1", "12345678901x"} {
		_, err = w.dir.CreateTenant(w.admin, "green", account)
		w.want(err, identity.ErrInvalid)
	}
}

func TestLastUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := w.create(identity.KeySpec{})
	lastUse := func() time.Time {
		keys, err := w.dir.ListKeys(w.admin, identity.CredentialFilter{ID: i.Key.ID})
		if err != nil || len(keys) != 1 {
			t.Fatal(keys, err)
		}
		return keys[0].LastUsedAt
	}
	if !lastUse().IsZero() {
		t.Error("a key was used before it was")
	}
	w.works(w.dir, i)
	w.pass(2 * time.Second)
	w.works(w.dir, i)
	used := w.time()
	w.pass(time.Hour)
	if err := w.dir.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := lastUse(); !got.Equal(used) {
		t.Errorf("last used %v, want %v", got, used)
	}
	if err := w.dir.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkAuthenticateBearer(b *testing.B) {
	w := newWorld(b)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, _, err := w.dir.AuthenticateBearer(context.Background(), w.boot.Bearer.Token); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	master, err := secret.NewMasterKey(rand.NewChaCha8([32]byte{1}))
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := secret.NewSealer(master)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := identity.NewDirectory(identity.Config{
		Store: w.store, Sealer: sealer, Random: rand.NewChaCha8([32]byte{8}), Now: w.time, CacheSize: 3,
	})
	if err != nil {
		t.Fatal(err)
	}
	var keys []identity.Issued
	for range 6 {
		keys = append(keys, w.create(identity.KeySpec{}))
	}
	for range 2 {
		for _, k := range keys {
			if !w.works(dir, k) {
				t.Error("a key does not work with a small cache")
			}
		}
	}
	before := w.store.reads.Load()
	for _, k := range keys {
		w.works(dir, k)
	}
	if n := w.store.reads.Load() - before; n < 3 {
		t.Errorf("six keys in a cache of three read the store %d times", n)
	}
	if err := dir.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	listed, err := w.dir.ListKeys(w.admin, identity.CredentialFilter{})
	if err != nil {
		t.Fatal(err)
	}
	used := 0
	for _, k := range listed {
		if !k.LastUsedAt.IsZero() {
			used++
		}
	}
	if used != len(keys) {
		t.Errorf("%d keys have a last use, want %d: those that left the cache count", used, len(keys))
	}
}

// TestBoundedKeysMakeBoundedKeys issues and rotates with keys that have a
// limit, a budget and an end.
func TestBoundedKeysMakeBoundedKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	end := w.time().Add(time.Hour)
	spec := identity.KeySpec{Roles: []identity.Role{identity.Administrator}, ExpiresAt: end,
		Limits: identity.Limits{RequestsPerMinute: 10}, Budgets: identity.Budgets{DailyNanoUSD: 1000}}
	own, free := w.create(spec), w.create(identity.KeySpec{})
	who, _, err := w.dir.AuthenticateBearer(t.Context(), own.Token)
	if err != nil {
		t.Fatal(err)
	}
	ctx := identity.WithPrincipal(t.Context(), who)
	for name, wider := range map[string]func(*identity.KeySpec){
		"no limit":        func(s *identity.KeySpec) { s.Limits.RequestsPerMinute = 0 },
		"a higher limit":  func(s *identity.KeySpec) { s.Limits.RequestsPerMinute = 11 },
		"no budget":       func(s *identity.KeySpec) { s.Budgets.DailyNanoUSD = 0 },
		"a larger budget": func(s *identity.KeySpec) { s.Budgets.DailyNanoUSD = 1001 },
		"no end":          func(s *identity.KeySpec) { s.ExpiresAt = time.Time{} },
		"a later end":     func(s *identity.KeySpec) { s.ExpiresAt = end.Add(time.Second) },
	} {
		s := spec
		wider(&s)
		if _, err := w.dir.CreateKey(ctx, s); !errors.Is(err, identity.ErrForbidden) {
			t.Errorf("%s: got %v, want it forbidden", name, err)
		}
	}
	_, err = w.dir.RotateKey(ctx, free.Key.ID, 0)
	w.want(err, identity.ErrForbidden)
	if _, err := w.dir.CreateKey(ctx, spec); err != nil {
		t.Error("an equal key:", err)
	}
	if _, err := w.dir.RotateKey(ctx, own.Key.ID, 0); err != nil {
		t.Error("its own rotation:", err)
	}
}

// TestUnknownTokensAreAskedForOnce tries what does not exist, many times and
// in many forms.
func TestUnknownTokensAreAskedForOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ghost := identity.Issued{Token: identity.TokenPrefix + "nobody-ever-issued-this"}
	before := w.store.reads.Load()
	for range 100 {
		if w.works(w.dir, ghost) {
			t.Fatal("a token that nobody issued works")
		}
	}
	if n := w.store.reads.Load() - before; n != 1 {
		t.Errorf("%d reads of the store, want 1", n)
	}
	w.pass(identity.DefaultCacheTTL)
	w.works(w.dir, ghost)
	if n := w.store.reads.Load() - before; n != 2 {
		t.Errorf("%d reads of the store after the cache's time, want 2", n)
	}
	late := identity.Preset{APIKey: "a-token-known-in-advance", AccountID: w.boot.Tenant.AccountID, TenantName: w.boot.Tenant.Name}
	preset := identity.Issued{Token: late.APIKey}
	if w.works(w.dir, preset) {
		t.Fatal("a token works before it was issued")
	}
	if _, err := w.dir.Bootstrap(t.Context(), late); err != nil {
		t.Fatal(err)
	}
	if !w.works(w.dir, preset) {
		t.Error("a token that was tried too early does not work once it was issued")
	}
}
