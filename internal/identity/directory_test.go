package identity_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/secret"
	"github.com/craton-ai/craton/internal/store/mem"
)

// world is a directory with a clock that the test moves.
type world struct {
	testing.TB
	dir   *identity.Directory
	store *countingStore
	now   *atomic.Int64
	boot  identity.Bootstrapped
	admin context.Context
}

// countingStore counts how often credentials are read.
type countingStore struct {
	identity.Store
	reads atomic.Int64
}

func (s *countingStore) Credentials(ctx context.Context, f identity.CredentialFilter) ([]identity.Credential, error) {
	s.reads.Add(1)
	return s.Store.Credentials(ctx, f)
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{TB: t, store: &countingStore{Store: mem.New()}, now: new(atomic.Int64)}
	w.now.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixNano())
	w.dir = w.directory()
	var err error
	if w.boot, err = w.dir.Bootstrap(t.Context(), identity.Preset{}); err != nil {
		t.Fatal(err)
	}
	w.admin = identity.WithPrincipal(t.Context(), identity.System(w.boot.Tenant))
	return w
}

// directory opens another directory over the same store: another process.
func (w *world) directory() *identity.Directory {
	w.Helper()
	master, err := secret.NewMasterKey(rand.NewChaCha8([32]byte{1}))
	if err != nil {
		w.Fatal(err)
	}
	sealer, err := secret.NewSealer(master)
	if err != nil {
		w.Fatal(err)
	}
	seed := [32]byte{2, byte(w.store.reads.Add(1))}
	dir, err := identity.NewDirectory(identity.Config{
		Store: w.store, Sealer: sealer, Random: rand.NewChaCha8(seed),
		Now: func() time.Time { return time.Unix(0, w.now.Load()) },
	})
	if err != nil {
		w.Fatal(err)
	}
	return dir
}

func (w *world) pass(d time.Duration) { w.now.Add(int64(d)) }

func (w *world) time() time.Time { return time.Unix(0, w.now.Load()).UTC() }

func (w *world) create(spec identity.KeySpec) identity.Issued {
	w.Helper()
	issued, err := w.dir.CreateKey(w.admin, spec)
	if err != nil {
		w.Fatal(err)
	}
	return issued
}

// works reports whether the directory accepts the credential.
func (w *world) works(dir *identity.Directory, i identity.Issued) bool {
	w.Helper()
	var err error
	if i.Token != "" {
		_, _, err = dir.AuthenticateBearer(w.Context(), i.Token)
	} else {
		_, _, _, err = dir.SecretForAccessKey(w.Context(), i.AccessKeyID)
	}
	if err != nil && !errors.Is(err, identity.ErrUnauthenticated) {
		w.Error(err)
	}
	return err == nil
}

func (w *world) want(err, cause error) {
	w.Helper()
	if !errors.Is(err, cause) {
		w.Errorf("got error %v, want %v", err, cause)
	}
}

func TestBootstrap(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if !w.boot.Created || !w.boot.Tenant.Root || !regexp.MustCompile(`^\d{12}$`).MatchString(w.boot.Tenant.AccountID) {
		t.Errorf("bootstrapped %+v", w.boot)
	}
	if !regexp.MustCompile(`^sk-craton-[\w-]{43}$`).MatchString(w.boot.Bearer.Token) {
		t.Errorf("token %q", w.boot.Bearer.Token)
	}
	if !regexp.MustCompile(`^AKIA[A-Z2-7]{16}$`).MatchString(w.boot.AWS.AccessKeyID) || len(w.boot.AWS.SecretAccessKey) != 40 {
		t.Errorf("AWS pair %q %q", w.boot.AWS.AccessKeyID, w.boot.AWS.SecretAccessKey)
	}
	p, key, err := w.dir.AuthenticateBearer(t.Context(), w.boot.Bearer.Token)
	if err != nil || p.Tenant.ID != w.boot.Tenant.ID || p.KeyID != key.ID || !p.IsBearer || !p.Can(identity.KeyWrite) {
		t.Errorf("bearer: %+v, %+v, %v", p, key, err)
	}
	secretKey, p, _, err := w.dir.SecretForAccessKey(t.Context(), w.boot.AWS.AccessKeyID)
	if err != nil || secretKey != w.boot.AWS.SecretAccessKey || p.IsBearer || !p.Can(identity.KeyWrite) {
		t.Errorf("AWS: %q, %+v, %v", secretKey, p, err)
	}
	again, err := w.dir.Bootstrap(t.Context(), identity.Preset{})
	if err != nil || again.Created || again.Bearer != nil || again.AWS != nil || again.Tenant.ID != w.boot.Tenant.ID {
		t.Errorf("a second start: %+v, %v", again, err)
	}
}

func TestRecover(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bearer, aws, err := w.dir.Recover(t.Context())
	if err != nil || !w.works(w.dir, bearer) || !w.works(w.dir, aws) || !w.works(w.dir, *w.boot.Bearer) {
		t.Errorf("recovered %+v and %+v: %v", bearer.Key, aws.Key, err)
	}
	p, _, err := w.dir.AuthenticateBearer(t.Context(), bearer.Token)
	if err != nil || !p.Tenant.Root || !p.Can(identity.KeyWrite) {
		t.Errorf("the recovered key is %+v, %v", p, err)
	}
}

func TestBootstrapPreset(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	preset := identity.Preset{
		APIKey: "a-key-of-my-own-choice", AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
	}
	b, err := w.dir.Bootstrap(t.Context(), preset)
	if err != nil || b.Bearer == nil || b.Bearer.Token != preset.APIKey || b.AWS == nil {
		t.Fatalf("preset: %+v, %v", b, err)
	}
	if !w.works(w.dir, *b.Bearer) || !w.works(w.dir, *b.AWS) || !w.works(w.dir, *w.boot.Bearer) {
		t.Error("a preset or an earlier credential does not work")
	}
	if b, err = w.dir.Bootstrap(t.Context(), preset); err != nil || b.Bearer != nil || b.AWS != nil {
		t.Errorf("the same preset again: %+v, %v", b, err)
	}
	other := preset
	other.SecretAccessKey += "x"
	_, err = w.dir.Bootstrap(t.Context(), other)
	w.want(err, identity.ErrConflict)
	for _, bad := range []identity.Preset{
		{APIKey: "short"}, {APIKey: "with spaces in the middle"}, {AccessKeyID: "AKIAIOSFODNN7EXAMPLE"},
		{SecretAccessKey: preset.SecretAccessKey}, {AccessKeyID: "AKIA/OSFODNN7EXAMPLE", SecretAccessKey: preset.SecretAccessKey},
	} {
		_, err := w.dir.Bootstrap(t.Context(), bad)
		w.want(err, identity.ErrInvalid)
	}
	if _, err := w.dir.RevokeKey(w.admin, keyOf(w, preset.APIKey)); err != nil {
		t.Fatal(err)
	}
	_, err = w.dir.Bootstrap(t.Context(), preset)
	w.want(err, identity.ErrConflict)
}

func keyOf(w *world, token string) string {
	w.Helper()
	p, _, err := w.dir.AuthenticateBearer(w.Context(), token)
	if err != nil {
		w.Fatal(err)
	}
	return p.KeyID
}

func TestBootstrapTogether(t *testing.T) {
	t.Parallel()
	w := &world{TB: t, store: &countingStore{Store: mem.New()}, now: new(atomic.Int64)}
	var wg sync.WaitGroup
	var created, bearers atomic.Int64
	for range 4 {
		dir := w.directory()
		wg.Go(func() {
			b, err := dir.Bootstrap(t.Context(), identity.Preset{APIKey: "the-same-key-everywhere"})
			if err != nil {
				t.Error(err)
			}
			if b.Created {
				created.Add(1)
			}
			if b.Bearer != nil {
				bearers.Add(1)
			}
		})
	}
	wg.Wait()
	if created.Load() != 1 || bearers.Load() != 1 {
		t.Errorf("%d processes created the tenant, %d its key", created.Load(), bearers.Load())
	}
}

func TestKeyLife(t *testing.T) {
	t.Parallel()
	for _, kind := range []identity.KeyKind{identity.KindBearer, identity.KindAWS} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			i := w.create(identity.KeySpec{Kind: kind, ExpiresAt: w.time().Add(time.Hour), Tags: map[string]string{"team": "red"}})
			if !w.works(w.dir, i) {
				t.Fatal("a new key does not work")
			}
			next, err := w.dir.RotateKey(w.admin, i.Key.ID, time.Minute)
			if err != nil || next.Key.Tags["team"] != "red" || next.Key.ID == i.Key.ID || next.Token == i.Token && next.AccessKeyID == i.AccessKeyID {
				t.Fatalf("rotated to %+v, %v", next, err)
			}
			w.pass(59 * time.Second)
			if !w.works(w.dir, i) || !w.works(w.dir, next) {
				t.Error("during the overlap both keys work")
			}
			w.pass(time.Second)
			if w.works(w.dir, i) || !w.works(w.dir, next) {
				t.Error("after the overlap only the new key works")
			}
			_, err = w.dir.RotateKey(w.admin, i.Key.ID, time.Minute)
			w.want(err, identity.ErrConflict)
			if _, err := w.dir.RevokeKey(w.admin, next.Key.ID); err != nil {
				t.Fatal(err)
			}
			if w.works(w.dir, next) {
				t.Error("a revoked key works")
			}
			expiring := w.create(identity.KeySpec{Kind: kind, ExpiresAt: w.time().Add(5 * time.Second)})
			if !w.works(w.dir, expiring) {
				t.Error("a key does not work before it expires")
			}
			w.pass(5 * time.Second)
			if w.works(w.dir, expiring) {
				t.Error("a key works after it expired")
			}
		})
	}
}

func TestRevocationReachesOtherProcesses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := w.directory()
	i := w.create(identity.KeySpec{})
	if !w.works(other, i) {
		t.Fatal("a key does not work elsewhere")
	}
	if _, err := w.dir.RevokeKey(w.admin, i.Key.ID); err != nil {
		t.Fatal(err)
	}
	w.pass(identity.DefaultCacheTTL)
	if w.works(other, i) {
		t.Error("a revoked key outlives the cache")
	}
}

func TestHotPathAsksNoStore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.works(w.dir, *w.boot.Bearer)
	w.works(w.dir, *w.boot.AWS)
	before := w.store.reads.Load()
	for range 100 {
		w.works(w.dir, *w.boot.Bearer)
		w.works(w.dir, *w.boot.AWS)
	}
	if n := w.store.reads.Load() - before; n != 0 {
		t.Errorf("200 authentications of known credentials read the store %d times", n)
	}
}

func TestNothingButItsOwnCredential(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, token := range []string{
		"", "sk-craton-", w.boot.Bearer.Token + "x", w.boot.Bearer.Token[1:], w.boot.AWS.AccessKeyID,
		w.boot.AWS.SecretAccessKey, w.boot.Bearer.Key.ID,
	} {
		_, _, err := w.dir.AuthenticateBearer(t.Context(), token)
		w.want(err, identity.ErrUnauthenticated)
		_, _, _, err = w.dir.SecretForAccessKey(t.Context(), "X"+token)
		w.want(err, identity.ErrUnauthenticated)
	}
	stored, err := w.store.Credentials(t.Context(), identity.CredentialFilter{})
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("%+v", stored)
	for _, c := range stored {
		text += string(c.Sealed)
	}
	for _, secret := range []string{w.boot.Bearer.Token, w.boot.AWS.SecretAccessKey} {
		if regexp.MustCompile(regexp.QuoteMeta(secret)).MatchString(text) {
			t.Error("a secret is stored in the clear")
		}
		// The lookup of an AWS key is its id; that of a token must not be one.
		_, _, _, err := w.dir.SecretForAccessKey(t.Context(), stored[0].Lookup+secret)
		w.want(err, identity.ErrUnauthenticated)
	}
	for _, c := range stored {
		if c.Kind == identity.KindBearer {
			_, _, _, err := w.dir.SecretForAccessKey(t.Context(), c.Lookup)
			w.want(err, identity.ErrUnauthenticated)
		}
	}
}

func TestRewrapSecrets(t *testing.T) {
	t.Parallel()
	var masters []secret.MasterKey
	for n := range 2 {
		k, err := secret.NewMasterKey(rand.NewChaCha8([32]byte{9, byte(n)}))
		if err != nil {
			t.Fatal(err)
		}
		masters = append(masters, k)
	}
	sealer, err := secret.NewSealer(masters[0])
	if err != nil {
		t.Fatal(err)
	}
	config := identity.Config{Store: mem.New(), Sealer: sealer, Random: rand.NewChaCha8([32]byte{3}), Now: time.Now}
	dir, err := identity.NewDirectory(config)
	if err != nil {
		t.Fatal(err)
	}
	boot, err := dir.Bootstrap(t.Context(), identity.Preset{})
	if err != nil {
		t.Fatal(err)
	}
	if err := sealer.Replace(masters[1], masters[0]); err != nil {
		t.Fatal(err)
	}
	if n, err := dir.RewrapSecrets(t.Context()); err != nil || n != 1 {
		t.Errorf("rewrapped %d, %v", n, err)
	}
	if n, err := dir.RewrapSecrets(t.Context()); err != nil || n != 0 {
		t.Errorf("rewrapped %d again, %v", n, err)
	}
	if err := sealer.Replace(masters[1]); err != nil {
		t.Fatal(err)
	}
	if dir, err = identity.NewDirectory(config); err != nil { // nothing cached
		t.Fatal(err)
	}
	if got, _, _, err := dir.SecretForAccessKey(t.Context(), boot.AWS.AccessKeyID); err != nil || got != boot.AWS.SecretAccessKey {
		t.Errorf("under the new master key alone: %v", err)
	}
}
