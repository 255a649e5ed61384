package secret

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	"github.com/craton-ai/craton/internal/document"
)

const (
	kindCredential    = "secret.credential"
	purposeCredential = "credential"
)

// ErrNoCredential says that the vault holds no credential of that name.
var ErrNoCredential = errors.New("secret: no such credential")

var credentialName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,99}$`)

// Vault keeps the installation's named credentials, such as upstream keys,
// sealed in a document store. A credential cannot be read back through any
// API, only used. It is safe for concurrent use.
type Vault struct {
	store  document.Store
	sealer *Sealer
	now    func() time.Time

	mu    sync.Mutex
	known map[string]opened
}

// opened is a credential in memory, with when it was read.
type opened struct {
	value string
	at    time.Time
}

// vaultTTL is how long a credential is used before the store is asked again,
// so that a change on one replica reaches the others.
const vaultTTL = 10 * time.Second

// NewVault returns a vault over a store.
func NewVault(store document.Store, sealer *Sealer, now func() time.Time) *Vault {
	return &Vault{store: store, sealer: sealer, now: now, known: map[string]opened{}}
}

// Put stores a credential, replacing one of the same name.
func (v *Vault) Put(ctx context.Context, name, value string) error {
	if !credentialName.MatchString(name) || value == "" {
		return fmt.Errorf("secret: a credential needs a value and a name of lower-case letters, digits, '.', '-' and '_', not %q", name)
	}
	sealed, err := v.sealer.Seal("", purposeCredential+":"+name, []byte(value))
	if err != nil {
		return err
	}
	now := v.now()
	_, err = v.store.Put(ctx, document.Document{Kind: kindCredential, ID: name, Version: document.Any, Body: sealed, CreatedAt: now, UpdatedAt: now})
	v.forget(name)
	return err
}

// Get returns a credential, or [ErrNoCredential].
func (v *Vault) Get(ctx context.Context, name string) (string, error) {
	v.mu.Lock()
	have, ok := v.known[name]
	v.mu.Unlock()
	if ok && v.now().Sub(have.at) < vaultTTL {
		return have.value, nil
	}
	doc, err := v.store.Get(ctx, "", kindCredential, name)
	if errors.Is(err, document.ErrNotFound) {
		return "", fmt.Errorf("%w: %q; store it with `craton secrets set %s`", ErrNoCredential, name, name)
	}
	if err != nil {
		return "", err
	}
	value, err := v.sealer.Open("", purposeCredential+":"+name, doc.Body)
	if err != nil {
		return "", err
	}
	v.mu.Lock()
	v.known[name] = opened{string(value), v.now()}
	v.mu.Unlock()
	return string(value), nil
}

// Stored describes a credential without its value.
type Stored struct {
	Name      string
	UpdatedAt time.Time
}

// List returns the credentials' names, in order.
func (v *Vault) List(ctx context.Context) ([]Stored, error) {
	var list []Stored
	err := v.each(ctx, func(doc document.Document) error {
		list = append(list, Stored{doc.ID, doc.UpdatedAt})
		return nil
	})
	return list, err
}

// each calls f for every credential, in order.
func (v *Vault) each(ctx context.Context, f func(document.Document) error) error {
	query := document.Query{Kind: kindCredential}
	for {
		docs, err := v.store.List(ctx, query)
		if err != nil || len(docs) == 0 {
			return err
		}
		for _, doc := range docs {
			query.After = doc.ID
			if err := f(doc); err != nil {
				return err
			}
		}
	}
}

// Delete removes a credential, or answers [ErrNoCredential].
func (v *Vault) Delete(ctx context.Context, name string) error {
	v.forget(name)
	err := v.store.Delete(ctx, "", kindCredential, name, document.Any)
	if errors.Is(err, document.ErrNotFound) {
		return fmt.Errorf("%w: %q", ErrNoCredential, name)
	}
	return err
}

func (v *Vault) forget(name string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.known, name)
}

// Rewrap protects every credential with the current master key and returns how
// many changed. It may be interrupted and run again.
func (v *Vault) Rewrap(ctx context.Context) (changed int, err error) {
	err = v.each(ctx, func(doc document.Document) error {
		sealed, differs, err := v.sealer.Rewrap("", purposeCredential+":"+doc.ID, doc.Body)
		if err != nil {
			return fmt.Errorf("secret: rewrap credential %s: %w", doc.ID, err)
		}
		if !differs {
			return nil
		}
		changed++
		doc.Body, doc.UpdatedAt = sealed, v.now()
		if _, err := v.store.Put(ctx, doc); !errors.Is(err, document.ErrConflict) { // replaced meanwhile: the next pass looks again
			return err
		}
		return nil
	})
	return changed, err
}
