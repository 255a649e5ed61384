package secret

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/craton-ai/craton/internal/document"
	"github.com/go-json-experiment/json"
	"github.com/tink-crypto/tink-go/v2/subtle/random"
)

// kindDataKey are the documents that hold data keys, by "tenant/purpose".
const kindDataKey = "data-key"

// Keyring makes and keeps one 32-byte key for each tenant and purpose, sealed
// under the master key: keys that other packages compute with, such as the one
// that makes content addresses differ between tenants. It is safe for
// concurrent use; keys stay in memory once read.
type Keyring struct {
	store  document.Store
	sealer *Sealer
	now    func() time.Time
	mu     sync.Mutex
	keys   map[string][]byte
}

// NewKeyring returns a keyring over a store.
func NewKeyring(store document.Store, sealer *Sealer, now func() time.Time) *Keyring {
	return &Keyring{store: store, sealer: sealer, now: now, keys: make(map[string][]byte)}
}

// Key returns the key of a tenant for a purpose, made at the first call. Every
// process gets the same one. The caller must not write into it.
func (k *Keyring) Key(ctx context.Context, tenant, purpose string) ([]byte, error) {
	id := tenant + "/" + purpose
	k.mu.Lock()
	key := k.keys[id]
	k.mu.Unlock()
	if key != nil {
		return key, nil
	}
	key, err := k.read(ctx, tenant, purpose, id)
	if errors.Is(err, document.ErrNotFound) {
		if err = k.create(ctx, tenant, purpose, id); err == nil {
			key, err = k.read(ctx, tenant, purpose, id)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("secret: data key %s: %w", id, err)
	}
	k.mu.Lock()
	k.keys[id] = key
	k.mu.Unlock()
	return key, nil
}

func (k *Keyring) read(ctx context.Context, tenant, purpose, id string) ([]byte, error) {
	doc, err := k.store.Get(ctx, "", kindDataKey, id)
	if err != nil {
		return nil, err
	}
	var body sealedDocument
	if err := json.Unmarshal(doc.Body, &body); err != nil {
		return nil, err
	}
	return k.sealer.Open(tenant, purpose, body.Sealed)
}

// create stores a new key unless another process was first.
func (k *Keyring) create(ctx context.Context, tenant, purpose, id string) error {
	sealed, err := k.sealer.Seal(tenant, purpose, random.GetRandomBytes(dataKeySize))
	if err != nil {
		return err
	}
	body, err := json.Marshal(sealedDocument{Sealed: sealed})
	if err != nil {
		return err
	}
	now := k.now()
	_, err = k.store.Put(ctx, document.Document{
		Kind: kindDataKey, ID: id, Body: body, CreatedAt: now, UpdatedAt: now,
	})
	if errors.Is(err, document.ErrConflict) {
		return nil
	}
	return err
}

// Rewrap protects every data key with the current master key and returns how
// many changed. It may be interrupted and run again.
func (k *Keyring) Rewrap(ctx context.Context) (changed int, err error) {
	query := document.Query{Kind: kindDataKey, Limit: 200}
	for {
		page, err := k.store.List(ctx, query)
		if err != nil || len(page) == 0 {
			return changed, err
		}
		for _, doc := range page {
			query.After = doc.ID
			differs, err := k.rewrap(ctx, doc)
			if err != nil {
				return changed, fmt.Errorf("secret: rewrap data key %s: %w", doc.ID, err)
			}
			if differs {
				changed++
			}
		}
	}
}

func (k *Keyring) rewrap(ctx context.Context, doc document.Document) (bool, error) {
	// Tenant ids have no slash; purposes are constants.
	tenant, purpose, _ := strings.Cut(doc.ID, "/")
	var body sealedDocument
	if err := json.Unmarshal(doc.Body, &body); err != nil {
		return false, err
	}
	sealed, differs, err := k.sealer.Rewrap(tenant, purpose, body.Sealed)
	if err != nil || !differs {
		return false, err
	}
	if doc.Body, err = json.Marshal(sealedDocument{Sealed: sealed}); err != nil {
		return false, err
	}
	doc.UpdatedAt = k.now()
	_, err = k.store.Put(ctx, doc)
	return err == nil, err
}
