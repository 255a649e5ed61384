package identity_test

import (
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/identity"
)

// TestHolder asks on behalf of work that goes on: seldom of the store, and
// without missing that the key ends.
func TestHolder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	elsewhere := w.directory()
	issued := w.create(identity.KeySpec{Name: "worker"})
	tenant := w.boot.Tenant.ID
	holds := func(dir *identity.Directory, tenant, key string) bool {
		t.Helper()
		p, k, err := dir.Holder(t.Context(), tenant, key)
		if err == nil && (p.Tenant.ID != tenant || p.KeyID != key || k.ID != key) {
			t.Errorf("the holder of %s is %+v with %+v", key, p, k)
		}
		if err != nil {
			w.want(err, identity.ErrUnauthenticated)
		}
		return err == nil
	}
	for _, dir := range []*identity.Directory{w.dir, elsewhere} {
		if !holds(dir, tenant, issued.Key.ID) {
			t.Error("a key that works has no holder")
		}
		if holds(dir, "ten_other", issued.Key.ID) || holds(dir, tenant, "") || holds(dir, tenant, "key_none") {
			t.Error("a key has a holder where it is not known")
		}
	}
	before := w.store.reads.Load()
	for range 100 {
		holds(w.dir, tenant, issued.Key.ID)
	}
	if n := w.store.reads.Load() - before; n != 0 {
		t.Errorf("the store was asked %d times for what is known", n)
	}
	if _, err := w.dir.RevokeKey(w.admin, issued.Key.ID); err != nil {
		t.Fatal(err)
	}
	if holds(w.dir, tenant, issued.Key.ID) {
		t.Error("a revoked key has a holder in the process that revoked it")
	}
	w.pass(identity.DefaultCacheTTL + time.Second)
	if holds(elsewhere, tenant, issued.Key.ID) {
		t.Error("a revoked key still has a holder in another process after the cache's time")
	}
	brief := w.create(identity.KeySpec{Name: "brief", ExpiresAt: w.time().Add(2 * time.Second)})
	if !holds(w.dir, tenant, brief.Key.ID) {
		t.Error("a key that will expire has no holder before")
	}
	w.pass(3 * time.Second)
	if holds(w.dir, tenant, brief.Key.ID) {
		t.Error("an expired key has a holder because it is cached")
	}
}
